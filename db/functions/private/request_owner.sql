-- A request may end its own session; what is said about it afterwards still concerns the same person.
create or replace function private.request_owner(context jsonb) returns uuid
language sql
stable
as $$
  select s.user_id from app.sessions s where s.secret_hash = private.digest(context ->> 'session')
  union all
  select k.user_id from app.api_keys k where k.secret_hash = private.digest(context ->> 'api_key')
$$;
comment on function private.request_owner(jsonb) is 'The user whose session or API key a request came with, whether or not it is alive, or null. Not an identity: for that there is current_user_id().';
revoke all on function private.request_owner(jsonb) from public;
