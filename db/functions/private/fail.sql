-- For "nothing happened": the transaction is undone, the caller learns why.
-- With its owner's rights, since the registry stands in a schema that request roles cannot enter.
create or replace function private.fail(code text, status integer default null) returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem record;
begin
  select p.status, p.title, p.hint into strict v_problem from http.problems() p where p.code = fail.code;
  raise exception using
    errcode = 'UM' || coalesce(fail.status, v_problem.status),
    message = v_problem.title,
    detail = fail.code,
    hint = v_problem.hint;
end
$$;
comment on function private.fail(text, integer) is 'Raises the problem of that code as SQLSTATE UM<status>: message the title, detail the code, hint the next step. The status is the registry''s unless another is given.';
revoke all on function private.fail(text, integer) from public;
grant execute on function private.fail(text, integer) to roster_anonymous, roster_user, roster_dba;
