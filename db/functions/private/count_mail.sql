-- Many addresses asking for mails to one account are one nuisance: the limit holds per account as well.
create or replace function private.count_mail(user_id uuid) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select c.is_allowed from private.count_request('mail', 'user ' || count_mail.user_id) c);
end
$$;
comment on function private.count_mail(uuid) is 'Whether one more requested mail to an account is within the limit `mail`; says so silently, since an answer would tell that the account exists.';
revoke all on function private.count_mail(uuid) from public;
