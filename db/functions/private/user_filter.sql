-- Fixed pieces only; the values come in as parameters.
create or replace function private.user_filter(conditions text[]) returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select string_agg(' and ' || c.condition, '' order by c.name)
  from (values
    ('after', 'u.created_at >= $4'),
    ('before', 'u.created_at < $5'),
    ('living', 'u.deleted_at is null'),
    ('matches', 'u.id in (' || private.user_search() || ')'),
    -- Offset 0 keeps PostgreSQL from reading the profiles of all that match before it looks at the first account.
    ('matches itself',
     '(u.email_key collate "C" like $8 or u.username_key collate "C" like $8'
     || ' or private.account_words(u.email_key, u.username_key) @@ $9'
     || ' or exists (select from app.user_profiles p where p.user_id = u.id'
     || ' and private.name_words(p.first_name, p.last_name) @@ $9 offset 0))'),
    ('one of', 'u.id = any ($1)'),
    ('role', 'exists (select from app.user_roles ur where ur.user_id = u.id and ur.role_id = $3'
     || ' and (ur.expires_at is null or ur.expires_at > $10))'),
    ('status', 'u.status = $2')) c (name, condition)
  where c.name = any (user_filter.conditions)
$$;
comment on function private.user_filter(text[]) is 'Conditions of a search for accounts by their names; null for none. $1 keys of accounts, $2 status, $3 role, $4 and $5 after and before which time made, $8 prefix, $9 words, $10 the time. Whether an account matches a search is asked of it itself, or of all together.';
revoke all on function private.user_filter(text[]) from public;
