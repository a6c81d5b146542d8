-- What a seal covers instead of the values themselves.
create or replace function audit.values_digest(salt bytea, old_values jsonb, new_values jsonb) returns bytea
language sql
stable
as $$
  select pg_catalog.sha256(values_digest.salt || pg_catalog.convert_to(
    pg_catalog.jsonb_build_array(values_digest.old_values, values_digest.new_values)::text, 'UTF8'))
$$;
comment on function audit.values_digest(bytea, jsonb, jsonb) is 'SHA-256 of a salt and a row''s old and new values.';
revoke all on function audit.values_digest(bytea, jsonb, jsonb) from public;
