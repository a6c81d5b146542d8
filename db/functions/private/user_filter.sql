-- Fixed pieces only; the values come in as parameters.
create or replace function private.user_filter(
  has_matches boolean, is_search boolean, has_status boolean, include_deleted boolean, has_role boolean,
  has_after boolean, has_before boolean) returns text
language sql
immutable
as $$
  select pg_catalog.concat(
    case when has_status then ' and u.status = $2' when not include_deleted then ' and u.deleted_at is null' end,
    case when has_matches then ' and u.id = any ($1)'
         when is_search then
           ' and (u.email_key collate "C" like $8 or u.username_key collate "C" like $8'
           || ' or private.account_words(u.email_key, u.username_key) @@ $9'
           || ' or exists (select from app.user_profiles p where p.user_id = u.id and private.name_words(p.first_name, p.last_name) @@ $9))' end,
    case when has_role then
      ' and exists (select from app.user_roles ur join app.roles r on r.id = ur.role_id'
      || ' where ur.user_id = u.id and r.name = $3 and (ur.expires_at is null or ur.expires_at > private.now()))' end,
    case when has_after then ' and u.created_at >= $4' end,
    case when has_before then ' and u.created_at < $5' end)
$$;
comment on function private.user_filter(boolean, boolean, boolean, boolean, boolean, boolean, boolean) is 'The conditions of a search for accounts, composed of those that are wanted. $1: accounts that match, where they are few; $2 status, $3 role, $4 and $5 after and before which time made, $8 prefix, $9 words.';
revoke all on function private.user_filter(boolean, boolean, boolean, boolean, boolean, boolean, boolean) from public;
