-- A table is about a person if it is app.users or its column user_id refers to app.users; a column that says who did
-- something (granted_by) is about somebody else.
create or replace function private.personal_tables()
returns table (relation regclass, predicate text, columns text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select c.oid::regclass,
           case when c.oid = 'app.users'::regclass then 't.id = $1' else 't.user_id = $1' end,
           string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and a.atttypid not in ('app.digest'::regtype, 'app.password_hash'::regtype, 'app.sealed_secret'::regtype, 'app.message_payload'::regtype,
                         'bytea'::regtype)
    where c.oid = 'app.users'::regclass
       or exists (
         select from pg_constraint f
         join pg_attribute k on k.attrelid = f.conrelid and k.attnum = f.conkey[1] and k.attname = 'user_id'
         where f.conrelid = c.oid and f.contype = 'f' and f.confrelid = 'app.users'::regclass)
    group by c.oid
    order by c.oid;
end
$$;
comment on function private.personal_tables() is 'Tables that hold rows about a user: the condition that finds the rows of user $1, and the columns that are no secret.';
revoke all on function private.personal_tables() from public;
