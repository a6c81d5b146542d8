-- Refresh tokens: rotation, the retry of a lost answer, and theft. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(53);

\ir callers.psql

-- A refresh as JSON; its problem's code where it is refused.
create function pg_temp.refresh(token text) returns jsonb language plpgsql as $$
declare
  v_reply api.session;
begin
  perform set_config('response.problem', '', true), set_config('response.claims', '', true);
  v_reply := api.refresh(refresh.token);
  if v_reply is null then
    return jsonb_build_object('code', current_setting('response.problem')::jsonb ->> 'code', 'claims', current_setting('response.claims'));
  end if;
  return to_jsonb(v_reply) || jsonb_build_object('secret', current_setting('response.claims')::jsonb ->> 'sid');
end
$$;
create temp table kept (name text primary key, reply jsonb);
create function pg_temp.kept(name text, field text) returns text language sql as $$ select k.reply ->> kept.field from kept k where k.name = kept.name $$;
create function pg_temp.token(name text) returns text language sql as $$ select pg_temp.kept(token.name, 'refresh_token') $$;
create function pg_temp.stored(name text) returns app.refresh_tokens language sql as
  $$ select t from app.refresh_tokens t where t.token_hash = private.digest(pg_temp.token(stored.name)) $$;
create function pg_temp.live(name text) returns bigint language sql as
  $$ select count(*) from app.refresh_tokens t where t.session_id::text = pg_temp.kept(live.name, 'session_id') and t.used_at is null and t.revoked_at is null $$;
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'); end $$;

-- Rotation
insert into kept values ('first', pg_temp.sign_in('ann', 'Phone'));
insert into kept values ('second', pg_temp.refresh(pg_temp.token('first')));
select isnt(pg_temp.token('second'), pg_temp.token('first'), 'a refresh gives another refresh token');
select is(pg_temp.kept('second', 'session_id'), pg_temp.kept('first', 'session_id'), 'of the same session');
select is(pg_temp.kept('second', 'secret'), pg_temp.kept('first', 'secret'), 'whose secret is unsealed with the token, so older access tokens go on');
select is((select count(*) from app.sessions), 1::bigint, 'a refresh opens no session');
select is(pg_temp.live('first'), 1::bigint, 'BR-102: there is one live token a session');
select isnt((pg_temp.stored('first')).used_at, null, 'the old one is used');
select is((pg_temp.stored('first')).replaced_by, (pg_temp.stored('second')).id, 'and names its successor');
select is(octet_length((pg_temp.stored('first')).successor_salt), 32, 'which its salt can make again');
select isnt((pg_temp.stored('first')).sealed_secret, (pg_temp.stored('second')).sealed_secret, 'the secret is sealed anew with each token');
select is((pg_temp.stored('second')).device_fingerprint, (pg_temp.stored('first')).device_fingerprint, 'the same device has the same fingerprint');
select is((select count(*) from app.refresh_tokens t, audit.audit_logs l
    where position(pg_temp.token('second') in t::text || l::text) > 0 or position(encode(t.successor_salt, 'hex') in l::text) > 0
       or position(encode(t.token_hash, 'hex') in l::text) > 0 or position(encode(t.sealed_secret, 'hex') in l::text) > 0), 0::bigint,
  'the log holds no token, no digest, no salt and no seal');

-- A lost answer
insert into kept values ('again', pg_temp.refresh(pg_temp.token('first')));
select is((select reply - 'expires_in' from kept where name = 'again'), (select reply - 'expires_in' from kept where name = 'second'), 'BR-103: a retry gets the same answer');
select is((select count(*) from app.refresh_tokens), 2::bigint, 'and makes no further token');
update private.clock set shift = shift + '9 seconds';
select is(pg_temp.refresh(pg_temp.token('first')) ->> 'refresh_token', pg_temp.token('second'), 'also after nine seconds');
select is((select count(*) from audit.audit_logs where action = 'refresh_token.retried' and user_id = pg_temp.id('ann')
    and details ->> 'session_id' = pg_temp.kept('first', 'session_id')), 2::bigint, 'BR-103: and the log has each retry');
insert into kept values ('third', pg_temp.refresh(pg_temp.token('second')));
select is((pg_temp.stored('first')).successor_salt, null, 'a refresh erases the salt before the last');

-- Theft
update app.refresh_tokens set successor_salt = sha256('put back') where token_hash = private.digest(pg_temp.token('first'));
select is(pg_temp.refresh(pg_temp.token('first')), '{"code": "token_reused", "claims": ""}', 'the last but one is theft, however soon, were its salt still there');
select is((select revoked_reason from app.sessions), 'token_reused', 'BR-104: theft ends the session');
select is(pg_temp.live('first'), 0::bigint, 'with its live token');
select is((select count(*) from audit.audit_logs where action = 'refresh_token.reused' and user_id = pg_temp.id('ann')
    and details ->> 'session_id' = pg_temp.kept('first', 'session_id')), 1::bigint, 'and the log says so');
select is(pg_temp.refresh(pg_temp.token('third')) ->> 'code', 'session_expired', 'the thief has nothing, nor has the owner');
select is(pg_temp.refresh(pg_temp.token('first')) ->> 'code', 'session_expired', 'the used one has become an ended session''s');
select is((select count(*) from audit.audit_logs where action = 'refresh_token.reused'), 1::bigint, 'one theft is one event');

insert into kept values ('late', pg_temp.sign_in('ann')), ('other', pg_temp.sign_in('ann'));
do $$ begin perform pg_temp.refresh(pg_temp.token('late')); end $$;
update private.clock set shift = shift + '10 seconds';
select is(pg_temp.refresh(pg_temp.token('late')) ->> 'code', 'token_reused', 'BR-103: a retry after ten seconds is theft');
select is(pg_temp.live('other'), 1::bigint, 'another session of the person lives on');
insert into kept values ('moved', pg_temp.sign_in('ann')), ('copied', pg_temp.sign_in('ann'));
do $$ begin
  perform pg_temp.refresh(pg_temp.token('moved')), pg_temp.refresh(pg_temp.token('copied'));
  perform set_config('test.context', current_setting('request.context'), true);
  perform set_config('request.context', (current_setting('request.context')::jsonb || '{"address": "203.0.113.9"}')::text, true);
end $$;
select is(pg_temp.refresh(pg_temp.token('moved')) ->> 'code', null, 'BR-103: a retry may come from another address, where a network was lost');
do $$ begin perform set_config('request.context', (current_setting('request.context')::jsonb || '{"user_agent": "another"}')::text, true); end $$;
select is(pg_temp.refresh(pg_temp.token('copied')) ->> 'code', 'token_reused', 'BR-103: but not from another client: that is theft, however soon');
do $$ begin perform set_config('request.context', current_setting('test.context'), true); end $$;
update app.settings set refresh_retry_grace = '0';
insert into kept values ('strict', pg_temp.sign_in('ann'));
do $$ begin perform pg_temp.refresh(pg_temp.token('strict')); end $$;
select is(pg_temp.refresh(pg_temp.token('strict')) ->> 'code', 'token_reused', 'an operator can do without the window');
update app.settings set refresh_retry_grace = '10 seconds';

-- Erasing salts
update private.clock set shift = shift + '11 seconds';
do $$ begin perform admin.erase_expired_salts(); end $$;
insert into kept values ('salt', pg_temp.sign_in('ann'));
do $$ begin perform pg_temp.refresh(pg_temp.token('salt')); end $$;
select is(admin.erase_expired_salts(), 0, 'in the window a salt stays');
update private.clock set shift = shift + '11 seconds';
select is(admin.erase_expired_salts(), 1, 'after it the salt is erased');
select is((select count(*) from app.refresh_tokens where successor_salt is not null and used_at < private.now() - interval '11 seconds'), 0::bigint, 'and no old one is left');

-- What is no token
select is(pg_temp.refresh(token) ->> 'code', 'token_invalid', format('%s is no token', coalesce(left(token, 12), 'null')))
from unnest(array['', 'x', repeat('A', 43), repeat('A', 100000), U&'\00E9', null]) token;
select is(pg_temp.refresh(pg_temp.kept('other', 'secret')) ->> 'code', 'token_invalid', 'a session''s secret is no refresh token');

-- Ends
insert into kept values ('idle', pg_temp.sign_in('bob'));
update private.clock set shift = shift + '6 days 23 hours';
insert into kept values ('idle2', pg_temp.refresh(pg_temp.token('idle')));
select isnt(pg_temp.token('idle2'), null, 'BR-105: a token is good for seven days');
update private.clock set shift = shift + '7 days 1 second';
select is(pg_temp.refresh(pg_temp.token('idle2')) ->> 'code', 'token_invalid', 'and no longer');

insert into kept values ('end', pg_temp.sign_in('bob'));
create temp table ends as select s.id, s.expires_at, private.now() as opened_at from app.sessions s where s.id::text = pg_temp.kept('end', 'session_id');
do $$
begin
  for i in 1 .. 5 loop
    update private.clock set shift = shift + '5 days 23 hours';
    update kept set reply = pg_temp.refresh(pg_temp.token('end')) where name = 'end';
  end loop;
end
$$;
select isnt(pg_temp.token('end'), null, 'a session that is used goes on');
select is((select s.expires_at from app.sessions s join ends e on e.id = s.id), (select expires_at from ends), 'BR-105: refreshing never moves its end');
select is((pg_temp.stored('end')).expires_at, (select expires_at from ends), 'no token outlives it');
update private.clock set shift = shift + ((select expires_at from ends) - private.now()) - interval '1 minute';
update kept set reply = pg_temp.refresh(pg_temp.token('end')) where name = 'end';
select ok(pg_temp.kept('end', 'expires_in')::integer between 55 and 60, 'nor does an access token');
update private.clock set shift = shift + '1 minute';
select is(pg_temp.refresh(pg_temp.token('end')) ->> 'code', 'session_expired', 'after 30 days it has ended, however busy it was');
select is(pg_temp.outcome(format('update app.sessions set expires_at = expires_at + interval %L where id = %L', '1 second', e.id)), 'session_end_fixed', 'BR-105: nothing moves the end of a session, not even the owner') from ends e;
select is(pg_temp.outcome(format('update app.sessions set user_id = %L where id = %L', pg_temp.id('ann'), e.id)), 'session_end_fixed', 'nor gives it to another person') from ends e;

-- States of the account
insert into kept values ('suspended', pg_temp.sign_in('ann'));
update app.users set status = 'suspended', suspended_at = now() where username = 'ann';
select is(pg_temp.refresh(pg_temp.token('suspended')) ->> 'code', 'session_expired', 'a suspended person refreshes nothing');
select is(pg_temp.live('suspended'), 1::bigint, 'even where the session itself was not ended');
update app.users set status = 'deleted', deleted_at = now() where username = 'ann';
select is(pg_temp.refresh(pg_temp.token('suspended')) ->> 'code', 'session_expired', 'nor does a deleted one');

-- What the tables allow at most
insert into kept values ('table', pg_temp.sign_in('bob'));
select is(pg_temp.outcome(format('insert into app.refresh_tokens (session_id, user_id, token_hash, sealed_secret, expires_at) values (%L, %L, sha256(%L), sha256(%L), now())',
    pg_temp.kept('table', 'session_id'), pg_temp.id('bob'), 'x', 'x')), '23505', 'BR-102: a second live token of a session is impossible');
do $$ begin perform pg_temp.refresh(pg_temp.token('table')); end $$;
select is(pg_temp.outcome(format('update app.refresh_tokens set replaced_by = %L where id <> %L and session_id = %L and used_at is not null',
    (pg_temp.stored('table')).replaced_by, (pg_temp.stored('table')).id, (pg_temp.stored('idle')).session_id)), '23505', 'BR-102: two tokens never have one successor');

set local role roster_anonymous;
select is(pg_temp.outcome($$select api.refresh('x')$$), 'token_invalid', 'nobody needs to be signed in to refresh');
reset role;

select * from finish();
rollback;
