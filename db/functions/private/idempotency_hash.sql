-- A key counts for its sender only; who is not signed in is known by nothing but the key, so that one has to be random.
create or replace function private.idempotency_hash(user_id uuid, key text) returns bytea
language sql
stable
as $$
  select private.keyed_digest(pg_catalog.concat('idempotency key ', coalesce(idempotency_hash.user_id::text, 'anonymous'), ' ', idempotency_hash.key))
$$;
comment on function private.idempotency_hash(uuid, text) is 'What an Idempotency-Key of a user, or of nobody in particular, is stored as.';
revoke all on function private.idempotency_hash(uuid, text) from public;
