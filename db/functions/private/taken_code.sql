-- Names of constraints stay inside; which rule was broken is said in the product's own words.
create or replace function private.taken_code(constraint_name text) returns text
language sql
immutable
as $$
  select case taken_code.constraint_name
    when 'users_email_key_live' then 'email_taken'
    when 'users_username_key_live' then 'username_taken'
    else 'internal_error'
  end
$$;
comment on function private.taken_code(text) is 'Error code for a unique index of app.users.';
revoke all on function private.taken_code(text) from public;
grant execute on function private.taken_code(text) to roster_user, roster_dba;
