-- What is past its time goes, in batches, and nothing else. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(56);
\ir people.psql

create function pg_temp.clean(max_rows integer default 10000) returns jsonb language sql as $$
  select (pg_temp.outcome('operator', format('select admin.cleanup_expired_data(%s)', $1)))::jsonb
$$;
create function pg_temp.rows(relation text, name text) returns bigint language plpgsql as $$
declare
  v_rows bigint;
begin
  execute format('select count(*) from app.%I where user_id = %L', relation, pg_temp.id(name)) into v_rows;
  return v_rows;
end
$$;
do $$ begin
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('root', 'admin');
  update app.rate_limit_policies set quota = 1000;
  -- Ann leaves one of everything behind, all on one day.
  perform pg_temp.outcome(null, format('select api.login(%L, %L)', 'ann', pg_temp.hash('a')));
  perform pg_temp.outcome(null, $q$select api.forgot_password('ann@example.org')$q$);
  perform pg_temp.outcome('ann', $q$select api.change_phone('+41790000001')$q$);
  perform pg_temp.outcome('ann', format('select api.change_email(%L, %L)', 'ann@example.net', pg_temp.hash('a')));
  perform http.enter('api.list_roles(text,app.page_size)'::regprocedure, '{"address": "192.0.2.1", "request_id": "r"}');
  update app.outbox set sent_at = private.now(), recipient = null, payload = null, next_attempt_at = null where template in ('reset_password', 'verify_email');
  update app.outbox set failed_at = private.now(), recipient = null, payload = null, next_attempt_at = null where template = 'verify_phone';
  insert into app.idempotency_keys (key_hash, user_id, route, request_hash, status, headers)
  values (private.digest('k'), pg_temp.id('ann'), 'r', private.digest('r'), 204, '{}');
end $$;

select is(pg_temp.outcome('root', 'select admin.cleanup_expired_data()'), '42501', 'a request does not clean up, not even an administrator''s');
select is(pg_temp.clean() - 'refresh_token_salts', '{"sessions": 0, "refresh_tokens": 0, "password_reset_tokens": 0, "email_verification_tokens": 0, "phone_verification_codes": 0, "login_challenges": 0, "totp_factors": 0, "api_keys": 0, "outbox": 0,
  "rate_limits": 0, "login_sources": 0, "idempotency_keys": 0, "anonymized_users": 0, "checked_erasures": 0, "more": false}'::jsonb, 'BR-308: what is still of use stays, and cleaning up reports each kind');
select throws_ok(format('select admin.%s(%s)', f, n), '22023', null, format('BR-308: a batch has a size, also of %s(%s)', f, n))
from unnest('{clean_expired_tokens,anonymize_expired_users,seal_audit}'::text[]) f, unnest(array['null', '0']) n;

-- Day by day
update private.clock set shift = '1 day 1 minute';
select is(pg_temp.clean() -> 'idempotency_keys', '1', 'BR-307: an answer is kept for a day');
update private.clock set shift = '2 days 2 minutes';
select ok((pg_temp.clean() ->> 'rate_limits')::integer > 0, 'BR-307: a counter is kept for two days');
select is_empty('select from app.rate_limits', 'and then none is left');
insert into app.login_sources (user_id, source, last_login_at, updated_at)
select pg_temp.id('bob'), s.source, s.last_login_at, private.now() - interval '2 days 1 minute'
from (values ('198.51.100.1', null::timestamptz), ('198.51.100.2', private.now() - interval '2 days 1 minute')) s (source, last_login_at);
select is(pg_temp.clean() -> 'login_sources', '1', 'BR-307: a source of wrong passwords only is kept for two days');
select is((select s.source from app.login_sources s where s.user_id = pg_temp.id('bob')), '198.51.100.2', 'one that somebody has signed in from stays');
update app.login_sources set updated_at = private.now() - interval '90 days 1 minute' where user_id = pg_temp.id('bob');
select is(pg_temp.clean() -> 'login_sources', '1', 'BR-307: for ninety');
update private.clock set shift = '29 days 23 hours';
select is(pg_temp.clean() - 'refresh_token_salts', '{"sessions": 0, "refresh_tokens": 0, "password_reset_tokens": 0, "email_verification_tokens": 0, "phone_verification_codes": 0, "login_challenges": 0, "totp_factors": 0, "api_keys": 0, "outbox": 0,
  "rate_limits": 0, "login_sources": 0, "idempotency_keys": 0, "anonymized_users": 0, "checked_erasures": 0, "more": false}'::jsonb, 'nothing else goes before its time');
update private.clock set shift = '30 days 2 minutes';
select is((pg_temp.clean() ->> 'outbox')::integer, 3, 'BR-307: messages that were delivered or given up are kept for thirty days');
select ok(exists (select from app.outbox o where o.sent_at is null and o.failed_at is null), 'those that wait are kept for as long as they wait');
update private.clock set shift = '30 days 2 hours';
select is(pg_temp.clean() - '{more,outbox,rate_limits,login_sources,idempotency_keys,anonymized_users,checked_erasures,login_challenges,totp_factors,api_keys,refresh_token_salts}'::text[],
  '{"sessions": 0, "refresh_tokens": 0, "password_reset_tokens": 1, "email_verification_tokens": 0, "phone_verification_codes": 1}'::jsonb, 'BR-307: tokens and codes go thirty days after they expire');
update private.clock set shift = '31 days 2 hours';
select is(pg_temp.clean() -> 'email_verification_tokens', '1', 'BR-307: each by its own end');
update private.clock set shift = '59 days';
select is(pg_temp.rows('sessions', 'ann'), 2::bigint, 'BR-307: sessions are kept for thirty days after they end');
update private.clock set shift = '60 days 2 minutes';
select is(pg_temp.clean() - '{more,outbox,rate_limits,login_sources,idempotency_keys,anonymized_users,checked_erasures,login_challenges,totp_factors,api_keys,refresh_token_salts,password_reset_tokens,email_verification_tokens,phone_verification_codes}'::text[],
  '{"sessions": 4, "refresh_tokens": 1}'::jsonb, 'BR-307: and then go with their refresh tokens');
select is((select count(*) from app.users u where u.username in ('ann', 'bob', 'root') and u.status = 'active'), 3::bigint, 'accounts stay');
select is((select count(*) from audit.audit_logs l where l.action in ('sessions.deleted', 'refresh_tokens.deleted', 'password_reset_tokens.deleted', 'email_verification_tokens.deleted', 'phone_verification_codes.deleted')), 8::bigint,
  'BR-201: what goes is in the log');

-- A session that ended early goes by that end
update private.clock set shift = '0';
do $$ begin perform pg_temp.sign_in('ann'), pg_temp.sign_in('ann'), pg_temp.outcome('ann', 'select api.revoke_my_other_sessions()'); end $$;
update app.sessions set revoked_at = revoked_at - interval '31 days' where revoked_at is not null;
select is(pg_temp.clean() -> 'sessions', '1', 'BR-307: a session that was ended counts from then');
select is(pg_temp.outcome('ann', 'select (api.get_me()).username'), 'ann', 'the one in use stays');
update app.settings set keep_ended_sessions = '1 day';
do $$ begin perform pg_temp.sign_in('ann'), pg_temp.outcome('ann', 'select api.revoke_my_other_sessions()'); end $$;
update private.clock set shift = '25 hours';
select is(pg_temp.clean() -> 'sessions', '1', 'BR-307: how long is a setting');
update private.clock set shift = '0';

-- Batches
do $$ begin
  for i in 1 .. 7 loop
    perform private.open_session(pg_temp.id('bob'), private.random_token(), '1 hour');
    insert into app.password_reset_tokens (user_id, token_hash, expires_at, used_at) values (pg_temp.id('bob'), private.digest(private.random_token()), private.now(), private.now());
  end loop;
  insert into app.refresh_tokens (session_id, user_id, token_hash, sealed_secret, expires_at, used_at)
  select s.id, s.user_id, private.digest(private.random_token()), private.digest('x'), s.expires_at, private.now()
  from app.sessions s, generate_series(1, 2) where s.user_id = pg_temp.id('bob');
end $$;
update private.clock set shift = '3 days';
select is((pg_temp.clean(6) - '{more,outbox,rate_limits,login_sources,idempotency_keys,anonymized_users,checked_erasures,login_challenges,totp_factors,api_keys,refresh_token_salts,email_verification_tokens,phone_verification_codes}'::text[]),
  '{"sessions": 2, "refresh_tokens": 4, "password_reset_tokens": 6}'::jsonb, 'BR-308: a batch has at most so many rows of each kind, a session''s tokens included');
select is(pg_temp.clean(6) - '{sessions,refresh_tokens,outbox,rate_limits,login_sources,idempotency_keys,anonymized_users,checked_erasures,login_challenges,totp_factors,api_keys,refresh_token_salts,email_verification_tokens,phone_verification_codes}'::text[],
  '{"password_reset_tokens": 1, "more": true}'::jsonb, 'BR-308: the next one goes on, and says that there may be more');
select is((pg_temp.clean(1) ->> 'sessions')::integer, 1, 'BR-308: a session with more tokens than a batch has rows goes by itself');
do $$ begin
  while (pg_temp.clean(6) ->> 'more')::boolean loop
  end loop;
end $$;
select is(pg_temp.rows('refresh_tokens', 'bob'), 0::bigint, 'BR-308: until nothing is left');
update private.clock set shift = '0';

-- Refresh chains: a token that was used is kept while its session lives
do $$ begin perform pg_temp.outcome(null, format('select set_config(''test.refresh'', (api.login(%L, %L)).refresh_token, false)', 'ann', pg_temp.hash('a')));
  perform pg_temp.outcome(null, 'select (api.refresh(%L)).token_type', current_setting('test.refresh')); end $$;
update private.clock set shift = '8 days';
select is((pg_temp.clean() ->> 'refresh_tokens')::integer, 0, 'BR-307: used refresh tokens stay while their session can live');
select is(pg_temp.outcome(null, 'select api.refresh(%L)', current_setting('test.refresh')), 'token_reused', 'BR-104: so that a stolen one shows');
update private.clock set shift = '0';

-- Deleted accounts
do $$ begin perform pg_temp.person('cid'), pg_temp.person('dan'), pg_temp.person('eve'), api.delete_user(pg_temp.id('cid')); end $$;
update private.clock set shift = '29 days 23 hours';
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 0, 'BR-305: a deleted account keeps its data while it can be restored');
update private.clock set shift = '30 days 1 minute';
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 1, 'BR-305: and loses it when that time has passed');
select is((select e.reason from app.erasures e where e.user_id = pg_temp.id('cid')), 'deletion', 'BR-304: the record says so');
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 0, 'once');
update private.clock set shift = '0';

-- data_retention_until
select is(pg_temp.outcome('root', format('select admin.set_data_retention(%L, now())', pg_temp.id('dan'))), '42501', 'a request sets no date of retention');
select is(pg_temp.outcome('operator', format('select admin.set_data_retention(%L, private.now() + interval %L)', pg_temp.id('dan'), '90 days')), 'ok', 'an operator sets until when data is kept');
select is(pg_temp.outcome('operator', format('select admin.set_data_retention(%L, private.now())', gen_random_uuid())), 'not_found', 'of an account that exists');
select is(pg_temp.outcome('operator', format('select admin.set_data_retention(%L, private.now())', pg_temp.id('cid'))), 'not_found', 'and has not been erased');
select is((select l.new_values ? 'data_retention_until' from audit.audit_logs l where l.user_id = pg_temp.id('dan') and 'data_retention_until' = any (l.changed_fields)), true, 'which is in the log');
update private.clock set shift = '89 days';
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 0, 'BR-306: until then nothing happens');
update private.clock set shift = '91 days';
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 1, 'BR-306: after that the account is anonymised, even one in use');
select is((select u.status || ' ' || e.reason from app.users u join app.erasures e on e.user_id = u.id where u.id = pg_temp.id('dan')), 'deleted retention', 'BR-304: the record says so');
update private.clock set shift = '0';
do $$ begin perform admin.set_data_retention(pg_temp.id('eve'), private.now() - interval '1 day'), admin.set_data_retention(pg_temp.id('eve'), null); end $$;
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 0, 'BR-306: a date can be taken away');
do $$ begin perform pg_temp.person('boss', 'admin'), admin.set_data_retention(pg_temp.id('root'), private.now() - interval '1 day'), admin.set_data_retention(pg_temp.id('boss'), private.now() - interval '1 day'); end $$;
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 0, 'BR-305: administrators are left to people');
do $$ begin perform api.delete_user(pg_temp.id('boss')); end $$;
select is((pg_temp.clean() ->> 'anonymized_users')::integer, 1, 'BR-305: until they have been deleted');
do $$ begin
  for i in 1 .. 5 loop
    perform private.create_account(format('old%s@example.org', i), format('old%s', i), null, null, null, null, 'en');
  end loop;
  update app.users set data_retention_until = private.now() - interval '1 day' where username like 'old_';
end $$;
select is((pg_temp.clean(3) ->> 'anonymized_users')::integer, 3, 'BR-308: anonymising has batches too');
select is((pg_temp.clean(3) ->> 'anonymized_users')::integer, 2, 'BR-308: one after the other');

-- As the manual has it
set local search_path = app, api, admin, audit, reporting, public;
select isnt(pg_temp.outcome('operator', 'SELECT cleanup_expired_data()'), '42883', 'the command of the manual works as it is written');
select isnt(pg_temp.outcome('operator', 'SELECT clean_expired_tokens()'), '42883', 'so does its part');
select is(pg_temp.outcome('operator', format('SELECT soft_delete_user(%L)', pg_temp.id('eve'))), 'ok', 'soft_delete_user does');
select is(pg_temp.outcome('operator', format('SELECT (restore_user(%L)).status', pg_temp.id('eve'))), 'active', 'restore_user does');
select is(pg_temp.outcome('operator', format('SELECT anonymize_user(%L)', pg_temp.id('eve'))), 'ok', 'anonymize_user does');

-- What operators change
do $$ begin
  perform pg_temp.person('eva');
  insert into app.login_sources (user_id, source, last_login_at) values (pg_temp.id('eva'), '198.51.100.9', private.now());
  insert into app.outbox (user_id, channel, template, sent_at, next_attempt_at) values (pg_temp.id('eva'), 'email', 'verify_email', private.now(), null);
  update app.settings set keep_login_sources = '3 days', keep_done_messages = '2 days';
  update private.clock set shift = shift + interval '2 days 1 minute';
end $$;
select is((pg_temp.clean() -> 'outbox', pg_temp.rows('login_sources', 'eva'))::text, '(1,1)', 'BR-307: done messages are kept for as long as an operator says');
update private.clock set shift = shift + interval '1 day';
select is((pg_temp.clean() -> 'login_sources', pg_temp.rows('login_sources', 'eva'))::text, '(1,0)', 'BR-307: and sources of sign-ins');

select * from finish();
rollback;
