-- Everything that a seal says, in one text, so that its digest covers it; also what an archive keeps of it.
create or replace function audit.seal_text(seal audit.seals) returns text
language sql
stable
as $$
  select pg_catalog.jsonb_build_object(
    'number', seal.number, 'kind', seal.kind, 'epoch', seal.epoch, 'after_id', seal.after_id,
    'system_identifier', seal.system_identifier, 'month', seal.month,
    'from', pg_catalog.jsonb_build_array(seal.from_transaction, seal.from_id),
    'to', pg_catalog.jsonb_build_array(seal.to_transaction, seal.to_id), 'last_id', seal.last_id,
    'row_count', seal.row_count, 'ids', seal.ids::text, 'checks', pg_catalog.encode(pg_catalog.sha256(seal.checks), 'hex'),
    'rows_digest', pg_catalog.encode(seal.rows_digest, 'hex'),
    'sealed_at', pg_catalog.to_char(seal.sealed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'previous_digest', pg_catalog.encode(seal.previous_digest, 'hex'))::text
$$;
comment on function audit.seal_text(audit.seals) is 'What the digest of a seal is taken over.';
revoke all on function audit.seal_text(audit.seals) from public;
