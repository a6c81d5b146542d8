-- The deployed steps, as `pgroster migrate` reads them whichever tool deployed them.
select step, digest, applied_at, applied_by from app.schema_migrations
