-- For a rejection that must leave a trace: an exception would undo the counter and the audit row, so the
-- function returns null after this, and the answer travels beside the result. With its owner's rights, as fail().
-- A problem can carry members of its own (RFC 9457, 3.2), which the composite type api.problem_<code> declares.
create or replace function private.refuse(code text, members jsonb default '{}') returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem record;
begin
  select p.status, p.title, p.hint into strict v_problem from http.problems() p where p.code = refuse.code;
  perform set_config('response.status', v_problem.status::text, true);
  perform set_config('response.problem', (refuse.members || jsonb_build_object(
    'code', refuse.code, 'title', v_problem.title, 'status', v_problem.status, 'detail', v_problem.hint))::text, true);
  if coalesce(current_setting('request.context', true), '') = '' then
    raise warning using message = v_problem.title, detail = refuse.code, hint = v_problem.hint;
  end if;
end
$$;
comment on function private.refuse(text, jsonb) is 'Makes the problem of that code the answer while the transaction commits; in psql it is a warning.';
revoke all on function private.refuse(text, jsonb) from public;
grant execute on function private.refuse(text, jsonb) to roster_anonymous, roster_user, roster_dba;
