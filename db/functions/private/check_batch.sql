-- Without a limit a batch is the whole table, and everybody waits for it.
create or replace function private.check_batch(max_rows integer) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if max_rows is null or max_rows < 1 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('A batch of %s rows is none.', coalesce(max_rows::text, 'null')),
      hint = 'Give max_rows as a number above zero, or leave it out.';
  end if;
end
$$;
comment on function private.check_batch(integer) is 'Raises unless a batch has a size.';
revoke all on function private.check_batch(integer) from public;
