-- Tells whether a token travels with the same device; a digest, since only equality is of interest.
create or replace function private.device_fingerprint(device_name text) returns app.digest
language sql
stable
as $$
  select private.digest(pg_catalog.concat_ws(
    pg_catalog.chr(10), private.request_value('user_agent'), device_fingerprint.device_name))
$$;
comment on function private.device_fingerprint(text) is 'SHA-256 of this request''s User-Agent and the name of the device.';
revoke all on function private.device_fingerprint(text) from public;
