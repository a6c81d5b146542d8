-- The same for where a change came from, which is the actor's personal data rather than the subject's.
create or replace function audit.origin_digest(salt bytea, client_address inet, user_agent text) returns bytea
language sql
stable
as $$
  select pg_catalog.sha256(origin_digest.salt || pg_catalog.convert_to(
    pg_catalog.jsonb_build_array(origin_digest.client_address, origin_digest.user_agent)::text, 'UTF8'))
$$;
comment on function audit.origin_digest(bytea, inet, text) is 'SHA-256 of a salt, an address and a user agent.';
revoke all on function audit.origin_digest(bytea, inet, text) from public;
