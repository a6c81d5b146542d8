-- The session's secret id must be readable at a refresh, but not from a dump. Whoever presents the refresh token
-- can compute this pad, nobody else; a token is random and seals one secret only, so the pad is used once.
create or replace function private.seal(secret bytea, token text) returns bytea
language plpgsql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pad    bytea := sha256(convert_to('session secret' || seal.token, 'UTF8'));
  v_sealed bytea := seal.secret;
begin
  for i in 0 .. 31 loop
    v_sealed := set_byte(v_sealed, i, get_byte(v_sealed, i) # get_byte(v_pad, i));
  end loop;
  return v_sealed;
end
$$;
comment on function private.seal(bytea, text) is 'Seals 32 bytes with a token, and unseals them when called again with the same token.';
revoke all on function private.seal(bytea, text) from public;
