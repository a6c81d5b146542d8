-- Whatever returns a thing with a version tells the client which one, so that the next change can be made to that only.
create or replace function http.tag(answer json) returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.set_header('ETag', format('"%s"', tag.answer ->> 'version')) where tag.answer is not null;
  return tag.answer::text;
end
$$;
comment on function http.tag(json) is 'Sets the ETag of an answer to the version in it, and returns its text.';
revoke all on function http.tag(json) from public;
grant execute on function http.tag(json) to roster_authenticator;
