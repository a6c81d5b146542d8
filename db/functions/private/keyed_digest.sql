-- For secrets that could be guessed from a plain digest; the key never leaves the database.
create or replace function private.keyed_digest(value text) returns bytea
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return public.hmac(convert_to(keyed_digest.value, 'UTF8'), (select s.digest_key from private.secrets s), 'sha256');
end
$$;
comment on function private.keyed_digest(text) is 'HMAC-SHA-256 under the database''s own key.';
revoke all on function private.keyed_digest(text) from public;
