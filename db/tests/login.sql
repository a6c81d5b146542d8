-- Signing in, and the lock that failures put on an account. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(67);

\ir callers.psql

create function pg_temp.fail(times integer) returns void language plpgsql as $$
begin
  for i in 1 .. fail.times loop
    perform api.login('ann', pg_temp.hash('wrong'));
  end loop;
end
$$;
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('carl'); end $$;
update app.users set is_email_verified = true, status = 'active' where username = 'ann';

-- A good login
create temp table before as select version from app.users where username = 'ann';
create temp table reply as select pg_temp.sign_in('ann', 'Phone') as r;
grant select on reply to public;
select is((select r ->> 'token_type' from reply), 'Bearer', 'the tokens are bearer tokens');
select is((select (r ->> 'expires_in')::integer from reply), 900, 'the access token lives for 15 minutes');
select is((select r ->> 'access_token' from reply), null, 'the database signs no access token');
select matches((select r ->> 'refresh_token' from reply), '^[A-Za-z0-9_-]{43}$', 'the refresh token is 256 bits');
select is((select r -> 'user' ->> 'username' from reply), 'ann', 'the answer says who is signed in');
select is((select (r ->> 'session_id')::uuid from reply), (select id from app.sessions), 'and in which session');
select is(current_setting('response.claims')::jsonb - 'sid',
  jsonb_build_object('sub', pg_temp.id('ann'), 'roles', '{user}'::text[], 'client_id', 'pgroster', 'ttl', 900, 'amr', '{pwd}'::text[]), 'the claims for the access token go beside the answer');
select is((select (s.device_name, host(s.client_address), s.user_agent, s.database_role)::text from app.sessions s), '(Phone,192.0.2.7,tests,)', 'the session knows its device');
select is((select s.secret_hash from app.sessions s), (select private.digest(r ->> 'secret')::app.digest from reply), 'BR-101: of the session''s secret only the digest is stored');
select is((select t.token_hash from app.refresh_tokens t), (select private.digest(r ->> 'refresh_token')::app.digest from reply), 'and of the refresh token');
select is((select count(*) from app.sessions s, app.refresh_tokens t, audit.audit_logs l, reply
    where position(r ->> 'secret' in s::text || t::text || l::text) + position(r ->> 'refresh_token' in s::text || t::text || l::text) > 0), 0::bigint,
  'neither is anywhere in plain text, the log included');
select ok((select s.expires_at - s.created_at between '29 days 23:59' and '30 days 00:01' from app.sessions s), 'BR-105: a session ends after 30 days');
select ok((select t.expires_at - t.created_at between '6 days 23:59' and '7 days 00:01' from app.refresh_tokens t), 'BR-105: an unused refresh token ends after 7');
select is((select u.version from app.users u where u.username = 'ann'), (select version from before), 'a login is no change of the account that a reader would see');
select ok((select u.last_login_at > now() from app.users u where u.username = 'ann'), 'the login is noted');
select is((select (l.user_id, l.actor_user_id, l.actor_session_id)::text from audit.audit_logs l where action = 'login.succeeded'),
  (select (pg_temp.id('ann'), pg_temp.id('ann'), r ->> 'session_id')::text from reply), 'the log has one row for it, in the name of its session');
select is(pg_temp.outcome(format('select api.login(%L, pg_temp.hash(%L))', identifier, 'ann')), 'ok', identifier || ' is ann')
from unnest(array['ann@example.org', 'ANN@Example.org', 'ANN', U&'\FF41nn@example.org']) identifier;
set local role roster_anonymous;
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'ok', 'nobody needs to be signed in to sign in');
set local role roster_user;
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), '42501', 'who is signed in does not sign in again');
reset role;

-- The hash to verify against
select is(http.login_hash('Ann@example.org'), pg_temp.hash('ann'), 'the service gets the hash by address');
select ok(not exists (select from app.users u where u.password_hash = http.login_hash('nobody')), 'and nobody''s for somebody unknown');

-- All refusals look alike
update app.users set status = 'suspended', suspended_at = now() where username = 'bob';
update app.users set status = 'deleted', deleted_at = now() where username = 'carl';
do $$ begin perform pg_temp.person('dora'), pg_temp.person('emil'); end $$;
update app.users set locked_until = private.now() + '1 minute' where username = 'dora';
create temp table refused (what text, identifier text, hash text, reason text) ;
insert into refused values
  ('a wrong password', 'ann', pg_temp.hash('bob'), 'wrong_password'), ('no password', 'ann', null, 'wrong_password'),
  ('somebody unknown', 'nobody', pg_temp.hash('ann'), 'unknown'), ('a suspended account', 'bob', pg_temp.hash('bob'), 'suspended'),
  ('a deleted account', 'carl', pg_temp.hash('carl'), 'unknown'), ('a locked account', 'dora', pg_temp.hash('dora'), 'locked'),
  ('an address that is not verified, where that is asked', 'emil', pg_temp.hash('emil'), 'unverified');
update app.settings set login_needs_verified_email = true;
create function pg_temp.refusal(identifier text, hash text) returns text language plpgsql as $$
declare
  v_reply api.session;
begin
  perform set_config('response.' || n, '', true) from unnest('{status,problem,headers,claims}'::text[]) n;
  v_reply := api.login(refusal.identifier, refusal.hash);
  return (select string_agg(n || '=' || current_setting('response.' || n), ' ') from unnest('{status,problem,headers,claims}'::text[]) n) || (v_reply is null);
end
$$;
select is(pg_temp.refusal(identifier, hash), pg_temp.refusal('who?', null), what || ' looks like somebody unknown') from refused;
select matches(pg_temp.refusal('who?', null), 'status=401 problem=.*invalid_credentials.* headers= claims=true$', 'which is a 401 without a session');
select is((select details ->> 'reason' from audit.audit_logs where action = 'login.failed' and user_id is not distinct from
    (select id from app.users where username = identifier and deleted_at is null) order by id desc limit 1), reason, 'the log knows better: ' || what)
from refused where identifier <> 'nobody';
update app.settings set login_needs_verified_email = false;
select is(pg_temp.outcome($$select api.login('emil', pg_temp.hash('emil'))$$), 'ok', 'an address need not be verified unless that is asked');


-- An address that had another account
select isnt(http.login_hash('carl'), pg_temp.hash('carl'), 'the service gets no hash of a deleted account');
do $$ begin perform api.register('carl@example.org', 'carl', pg_temp.hash('second'), true); end $$;
select is(http.login_hash('carl@example.org'), pg_temp.hash('second'), 'but that of the account that has its address now');
select is(pg_temp.outcome($$select api.login('carl', pg_temp.hash('second'))$$), 'ok', 'which signs in');
select is(pg_temp.outcome($$select api.login('carl', pg_temp.hash('carl'))$$), 'invalid_credentials', 'the one before does not');

-- Counting
do $$ begin perform private.forget_failed_logins(pg_temp.id('ann')), private.forget_failed_logins(pg_temp.id('dora')); end $$;
create function pg_temp.here() returns app.login_sources language sql security definer as
  $$ select s from app.login_sources s where s.user_id = pg_temp.id('ann') and s.source = '192.0.2.7' $$;
do $$ begin perform pg_temp.fail(9); end $$;
select is((select (h.failed_login_attempts, h.locked_until)::text from pg_temp.here() h), '(9,)', 'nine failures are counted and lock nothing');
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'ok', 'after nine failures the right password is right');
select is((pg_temp.here()).failed_login_attempts, 0, 'and the count starts again');
do $$ begin perform pg_temp.fail(10); end $$;
select ok((pg_temp.here()).locked_until - private.now() between '14 minutes 58 seconds' and '15 minutes', 'BR-404: the tenth locks for 15 minutes');
select is((select count(*) from audit.audit_logs where action = 'account.locked' and user_id = pg_temp.id('ann')), 1::bigint, 'which the log says once');
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'invalid_credentials', 'in a lock even the right password is refused');
do $$ begin perform pg_temp.fail(20); end $$;
select ok((select h.failed_login_attempts = 10 and h.locked_until < private.now() + '15 minutes' from pg_temp.here() h), 'BR-405: attempts in a lock do not prolong it');
select is((select count(*) from audit.audit_logs where action = 'login.failed' and user_id = pg_temp.id('ann') and details ->> 'reason' = 'locked'), 21::bigint, 'but each is in the log');
update private.clock set shift = '14 minutes';
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'invalid_credentials', 'after 14 minutes the lock holds');
update private.clock set shift = '15 minutes 1 second';
select is(pg_temp.outcome($$select api.login('ann', pg_temp.hash('ann'))$$), 'ok', 'BR-405: after 15 it has ended by itself');
select is((select (h.failed_login_attempts, h.locked_until)::text from pg_temp.here() h), '(0,)', 'and is forgotten');

-- Doubling
create function pg_temp.next_lock() returns interval language plpgsql as $$
begin
  update private.clock set shift = shift + '25 hours';
  perform pg_temp.fail(10);
  return date_trunc('minute', (pg_temp.here()).locked_until - private.now() + '30 seconds');
end
$$;
select is((select array_agg(pg_temp.next_lock()) from generate_series(1, 9)),
  '{15 min,30 min,1 hour,2 hours,4 hours,8 hours,16 hours,24 hours,24 hours}'::interval[], 'BR-404: each further lock is twice as long, up to a day');
update app.login_sources set failed_login_attempts = 1000000 where user_id = pg_temp.id('ann');
update app.users set failed_login_attempts = 1000000 where username = 'ann';
select is(pg_temp.next_lock(), '24 hours', 'and never an error, however many failures there were');
update app.settings set lock_after_failures = 3, lock_duration = '1 minute';
do $$ begin perform private.forget_failed_logins(pg_temp.id('ann')), pg_temp.fail(3); end $$;
select ok((pg_temp.here()).locked_until - private.now() <= '1 minute', 'BR-404: an operator decides after how many and for how long');

-- By source
update app.settings set lock_after_failures = default, lock_duration = default, lock_everywhere_after_failures = 30;
create function pg_temp.come_from(address text) returns void language sql as
  $$ select set_config('request.context', jsonb_build_object('address', address)::text, true) $$;
create function pg_temp.try_ann() returns text language sql as $$ select pg_temp.outcome($q$select api.login('ann', pg_temp.hash('ann'))$q$) $$;
do $$ begin perform private.forget_failed_logins(pg_temp.id('ann')), pg_temp.come_from('198.51.100.1'), pg_temp.fail(10); end $$;
select is(pg_temp.try_ann(), 'invalid_credentials', 'who guesses is locked out');
do $$ begin perform pg_temp.come_from('198.51.100.2'); end $$;
select is(pg_temp.try_ann(), 'ok', 'BR-410: and nobody else');
do $$ begin perform pg_temp.come_from('2001:db8::1'), pg_temp.fail(9), pg_temp.come_from('2001:db8::2'), pg_temp.fail(1); end $$;
select is(pg_temp.try_ann(), 'invalid_credentials', 'BR-410: addresses of one /64 are one source');
do $$ begin
  for i in 1 .. 4 loop
    perform pg_temp.come_from('203.0.113.' || i), pg_temp.fail(5);
  end loop;
end $$;
select is((select details from audit.audit_logs where action = 'account.locked' order by id desc limit 1), '{"scope": "everywhere", "failures": 30}', 'many sources together lock it for all');
do $$ begin perform pg_temp.come_from('203.0.113.99'); end $$;
select is(pg_temp.try_ann(), 'invalid_credentials', 'BR-411: for every source that is not known');
do $$ begin perform pg_temp.come_from('192.0.2.7'); end $$;
select is(pg_temp.try_ann(), 'ok', 'BR-411: from where somebody has signed in before they still can');
do $$ begin perform pg_temp.come_from('203.0.113.99'); end $$;
select is(pg_temp.try_ann(), 'invalid_credentials', 'which lets nobody else in');
update private.clock set shift = shift + '15 minutes 1 second';
select is(pg_temp.try_ann(), 'ok', 'BR-405: that lock ends by itself too');
select is((select (failed_login_attempts, locked_until)::text from app.users where username = 'ann'), '(0,)', 'and is forgotten');

-- Between the two steps
update private.clock set shift = shift + '1 hour';
do $$ begin perform set_config('test.fetched', http.login_hash('ann'), true); end $$;
update app.users set password_hash = pg_temp.hash('new') where username = 'ann';
select is(pg_temp.outcome($$select api.login('ann', current_setting('test.fetched'))$$), 'invalid_credentials', 'a hash that is not the current one any more does not sign in');

select * from finish();
rollback;
