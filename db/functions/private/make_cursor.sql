-- A cursor is where a page ended. It is signed, so that it can be given back but not made up.
create or replace function private.make_cursor(list text, place jsonb) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_body   bytea := convert_to(make_cursor.place::text, 'UTF8');
  v_cursor text := private.base64url(private.cursor_mac(make_cursor.list, v_body) || v_body);
begin
  perform private.set_header('Next-Cursor', v_cursor);
  return v_cursor;
end
$$;
comment on function private.make_cursor(text, jsonb) is 'The opaque cursor of a position in a list; also tells the service, which makes the Link header of it (RFC 8288).';
revoke all on function private.make_cursor(text, jsonb) from public;
grant execute on function private.make_cursor(text, jsonb) to roster_user, roster_dba;
