-- A request may end its own session; what is said about it afterwards still concerns the same person.
create or replace function private.session_owner(secret text) returns uuid
language sql
stable
as $$
  select s.user_id from app.sessions s where s.secret_hash = private.digest(session_owner.secret)
$$;
comment on function private.session_owner(text) is 'The user of a session, whether or not it is alive, or null. Not an identity: for that there is current_user_id().';
revoke all on function private.session_owner(text) from public;
