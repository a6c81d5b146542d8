-- One call a batch instead of one a row, and still every row stands or falls alone.
create or replace function admin.import_users(lines integer[], contents text[])
returns table (line integer, code text, is_refused boolean, message text, user_id uuid, email_key text, username_key text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not private.is_dba() then
    perform private.fail('forbidden');
  end if;
  return query
    select f.line, r.code, r.code not in ('imported', 'exists', 'deleted'), r.message, r.user_id, r.email_key, r.username_key
    from unnest(import_users.lines, import_users.contents) with ordinality f (line, content, place),
         lateral private.import_row(f.content) r
    order by f.place;
end
$$;
comment on function admin.import_users(integer[], text[]) is 'Imports people, each a JSON object with the arguments of admin.import_user, and says of each line what came of it: imported, exists (the same address and username are there already), deleted (they were, and it is not undone), or the code of the error with a message.';
revoke all on function admin.import_users(integer[], text[]) from public;
grant execute on function admin.import_users(integer[], text[]) to roster_dba;
