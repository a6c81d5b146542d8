-- The other direction; whatever was not made by make_cursor() for this list is refused.
create or replace function private.read_cursor(list text, cursor text) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes bytea;
begin
  if read_cursor.cursor is null then
    return null;
  end if;
  if read_cursor.cursor !~ '^[A-Za-z0-9_-]+$' or length(read_cursor.cursor) not between 24 and 2048
     or length(read_cursor.cursor) % 4 = 1 then
    perform private.fail('cursor_invalid');
  end if;
  v_bytes := decode(
    rpad(translate(read_cursor.cursor, '-_', '+/'), (length(read_cursor.cursor) + 3) / 4 * 4, '='), 'base64');
  if private.cursor_mac(read_cursor.list, substr(v_bytes, 17)) <> substr(v_bytes, 1, 16) then
    perform private.fail('cursor_invalid');
  end if;
  return convert_from(substr(v_bytes, 17), 'UTF8')::jsonb;
end
$$;
comment on function private.read_cursor(text, text) is 'The position that a cursor of that list stands for, null for none; raises cursor_invalid.';
revoke all on function private.read_cursor(text, text) from public;
grant execute on function private.read_cursor(text, text) to roster_user, roster_dba;
