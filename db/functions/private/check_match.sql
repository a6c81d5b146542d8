-- Lost updates: a change is made only to the version that the client has seen.
create or replace function private.check_match(if_match text, version bigint) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if check_match.if_match is not null
     and trim(check_match.if_match) <> '*'
     and format('"%s"', check_match.version) <> all (
       array(select trim(t) from unnest(string_to_array(check_match.if_match, ',')) t))
  then
    perform private.fail('precondition_failed');
  end if;
end
$$;
comment on function private.check_match(text, bigint) is 'Raises precondition_failed unless an If-Match header is absent, *, or names the version by strong comparison (RFC 9110, 13.1.1).';
revoke all on function private.check_match(text, bigint) from public;
grant execute on function private.check_match(text, bigint) to roster_user, roster_dba;
