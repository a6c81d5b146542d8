-- For an account whose row the caller has locked. Nobody gives more than they have: the scopes are the owner's, and for
-- somebody else's key the maker's as well, for as long as the key lives.
create or replace function private.issue_api_key(user_id uuid, name text, scopes text[], expires_at timestamptz) returns api.new_api_key
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_body  text := 'pgr_' || private.random_base62(40);
  v_owner api.user := private.load_user(issue_api_key.user_id);
  v_is_own boolean := issue_api_key.user_id is not distinct from private.current_user_id();
  v_key   app.api_keys;
begin
  if issue_api_key.expires_at <= private.now() then
    perform private.fail('expiry_passed');
  elsif exists (select from unnest(issue_api_key.scopes) s where s not in (select p.name from app.permissions p)) then
    perform private.fail('unknown_permission');
  elsif exists (
    select from unnest(issue_api_key.scopes) s
    where s <> all (v_owner.permissions) or not (v_is_own or private.may_give(s, coalesce(issue_api_key.expires_at, 'infinity'))))
  then
    perform private.fail('above_own_permissions');
  elsif (select count(*) from private.live_api_keys k where k.user_id = v_owner.id) >= (select s.api_keys_per_user from app.settings s) then
    perform private.fail('too_many_api_keys');
  end if;
  v_body := v_body || private.api_key_checksum(v_body);
  insert into app.api_keys (user_id, name, prefix, secret_hash, scopes, expires_at)
  values (v_owner.id, issue_api_key.name, left(v_body, 12), private.digest(v_body),
          array(select distinct s from unnest(issue_api_key.scopes) s order by s), issue_api_key.expires_at)
  returning * into v_key;
  perform private.send_notice(v_owner.id, 'api_key_created', jsonb_build_object('name', v_key.name));
  return (v_key.id, v_key.name, v_body, v_key.prefix, v_key.scopes, v_key.created_at, v_key.expires_at)::api.new_api_key;
end
$$;
comment on function private.issue_api_key(uuid, text, text[], timestamptz) is 'Makes a key of a user, tells the owner by mail and returns it, the only time; raises expiry_passed, unknown_permission, above_own_permissions, too_many_api_keys.';
revoke all on function private.issue_api_key(uuid, text, text[], timestamptz) from public;
