-- Remembers the sources of a step, in the transaction that deploys it or when another tool had deployed it.
update app.schema_migrations set digest = %(digest)s where step = %(step)s
