-- A truncation takes every row and leaves none in the log.
create or replace function private.tg__refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'UM403',
    message = format('Table %I.%I is not truncated: the audit log would not show what went.', tg_table_schema, tg_table_name),
    detail = 'forbidden',
    hint = 'Delete the rows; each deletion is a row of the log.';
end
$$;
comment on function private.tg__refuse_truncate() is 'Refuses TRUNCATE of a table whose changes are recorded.';
revoke all on function private.tg__refuse_truncate() from public;
