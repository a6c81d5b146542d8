-- Fixed pieces only; the values come in as parameters.
create or replace function private.user_filter(
  q text, status text, role text, created_after timestamptz, created_before timestamptz, include_deleted boolean, is_few boolean)
returns text
language sql
immutable
as $$
  select pg_catalog.concat(
    case when user_filter.status is not null then ' and u.status = $2' when not include_deleted then ' and u.deleted_at is null' end,
    case when is_few then ' and u.id = any ($1)'
         when q is not null then
           ' and (u.email_key collate "C" like $8 or u.username_key collate "C" like $8'
           || ' or private.account_words(u.email_key, u.username_key) @@ $9'
           || ' or exists (select from app.user_profiles p where p.user_id = u.id and private.name_words(p.first_name, p.last_name) @@ $9))' end,
    case when role is not null then
      ' and exists (select from app.user_roles ur join app.roles r on r.id = ur.role_id'
      || ' where ur.user_id = u.id and r.name = $3 and (ur.expires_at is null or ur.expires_at > private.now()))' end,
    case when created_after is not null then ' and u.created_at >= $4' end,
    case when created_before is not null then ' and u.created_at < $5' end)
$$;
comment on function private.user_filter(text, text, text, timestamptz, timestamptz, boolean, boolean) is 'The conditions of a search for accounts. $1: the accounts that match q, where they are few; $2 status, $3 role, $4 created_after, $5 created_before, $8 q as a prefix, $9 its words.';
revoke all on function private.user_filter(text, text, text, timestamptz, timestamptz, boolean, boolean) from public;
