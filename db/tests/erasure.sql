-- After an erasure nothing of the person is left, wherever one looks. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(36);
\ir people.psql

-- Canaries: values that occur nowhere else, spread by everything that a person can do or have done to them.
do $$ begin
  perform pg_temp.person('root', 'admin'), pg_temp.person('bob');
  perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true, %L, %L, %L)', 'Zq7canary@example.org', 'zq7canary', pg_temp.hash('q'), 'Zq7canary', 'Zq7canary-Lee', '+41795550001'));
  insert into people values ('ann', pg_temp.id('zq7canary'), private.random_token());
end $$;
create function pg_temp.as_ann(statement text) returns text language plpgsql as $$
declare
  v_outcome text;
  v_secret  text := (select p.secret from people p where p.name = 'ann');
begin
  perform set_config('request.context', '{"address": "203.0.113.77", "user_agent": "zq7canary/1.0", "request_id": "r"}', true);
  perform private.open_session(pg_temp.id('ann'), v_secret, '30 days', 'Zq7canary''s phone')
  where not exists (select from app.sessions s where s.secret_hash = private.digest(v_secret));
  perform set_config('request.session', v_secret, true);
  execute statement into v_outcome;
  perform set_config('request.session', '', true), set_config('request.context', '', true);
  return v_outcome;
end
$$;
do $$
begin
  perform pg_temp.as_ann($q$select api.verify_email(pg_temp.token('verify_email', 'Zq7canary@example.org'))$q$);
  perform pg_temp.as_ann($q$select api.update_me('{avatar_url,metadata}', avatar_url => 'https://example.org/zq7canary.png', metadata => '{"zq7canary": ["zq7canary"]}')$q$);
  perform pg_temp.as_ann($q$select api.update_me('{phone,username,metadata}', username => 'zq7canary2', phone => '+41795550002', metadata => '{"other": "zq7canary"}')$q$);
  perform pg_temp.as_ann(format('select api.login(%L, %L, %L)', 'zq7canary2', pg_temp.hash('q'), 'zq7canary-laptop'));
  perform pg_temp.as_ann(format('select api.login(%L, %L)', 'zq7canary2', pg_temp.hash('x')));
  perform pg_temp.as_ann($q$select api.set_my_consent('newsletter', true, 'zq7canary')$q$);
  perform pg_temp.as_ann($q$select api.change_phone('+41795550003')$q$);
  perform pg_temp.as_ann(format('select api.change_email(%L, %L)', 'zq7canary@example.net', pg_temp.hash('q')));
  perform pg_temp.as_ann($q$select api.forgot_password('zq7canary@example.org')$q$);
  perform pg_temp.as_ann(format('select api.create_my_api_key(%L, %L, null, %L)', 'zq7canary robot', '{}', pg_temp.hash('q')));
  perform pg_temp.as_ann(format('select api.enrol_mfa(%L, %L)', '0123456789abcdef.' || repeat('A', 64), pg_temp.hash('q')));
  perform pg_temp.as_ann('select api.confirm_mfa(floor(extract(epoch from private.now()) / 30)::bigint)');
  perform pg_temp.as_ann(format('select api.login(%L, %L, %L)', 'zq7canary2', pg_temp.hash('q'), 'zq7canary-tablet'));
  perform api.update_user(pg_temp.id('ann'), '{last_name}', last_name => 'Zq7canary-Loo'), api.assign_role(pg_temp.id('ann'), 'support');
  -- What she does to others, and what others do in her name
  perform pg_temp.as_ann(format('select api.update_user(%L, %L, first_name => %L)', pg_temp.id('bob'), '{first_name}', 'Bobby'));
  perform admin.act_as('zq7canary2'), api.update_me('{avatar_url}', avatar_url => 'https://example.org/zq7canary2.png'), admin.act_as(null);
  -- Answers that are kept to be given again: to her, to an administrator, to somebody without a session
  insert into app.idempotency_keys (caller, key_hash, route, request_hash, status, answer, expires_at)
  select c, private.digest(c), 'r', private.digest('r'), 200, '{"id": "' || pg_temp.id('ann') || '", "email": "zq7canary@example.org"}', private.now() + interval '1 day'
  from unnest(array[pg_temp.id('ann')::text, pg_temp.id('root')::text, 'anonymous']) c;
  insert into app.idempotency_keys (caller, key_hash, route, request_hash, status, answer, expires_at)
  values (pg_temp.id('ann')::text, private.digest('2'), 'r', private.digest('r'), 200, '{"email": "zq7canary@example.org"}', private.now() + interval '1 day'),
         (pg_temp.id('bob')::text, private.digest('3'), 'r', private.digest('r'), 200, '{"email": "bob@example.org"}', private.now() + interval '1 day');
end $$;

-- Every table, materialised view and partition of every schema but the system's, all columns as text, binary ones too.
create function pg_temp.places(pattern text) returns table (place text, hits bigint) language plpgsql as $$
declare
  v_relation regclass;
begin
  for v_relation in
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and n.nspname !~ '^(pg_|information_schema)'
    order by c.oid::regclass::text
  loop
    place := v_relation;
    execute format('select count(*) from %s t where t::text ~* %L', v_relation, pattern) into hits;
    if hits > 0 then
      return next;
    end if;
  end loop;
end
$$;
create function pg_temp.canaries() returns text language sql as $$
  select concat_ws('|', 'zq7canary', encode('zq7canary', 'hex'), encode('Zq7canary', 'hex'), '\+4179555000', '203\.0\.113\.77', repeat('q', 53))
$$;
create temp table held as select * from pg_temp.places(pg_temp.canaries());
select set_eq(
  $$select regexp_replace(place, '_[0-9]{4}_[0-9]{2}$', '') from held$$,
  array['app.users', 'app.user_profiles', 'app.sessions', 'app.login_sources', 'app.refresh_tokens', 'app.consents', 'app.email_verification_tokens', 'app.phone_verification_codes',
        'app.outbox', 'app.idempotency_keys', 'app.login_challenges', 'app.api_keys', 'audit.audit_logs'],
  'before the erasure the person''s values are in all these tables');
create temp table before as
  select (select count(*) from audit.audit_logs) as log_rows, (select array_agg(l.values_digest order by l.id) from audit.audit_logs l) as digests,
         (select jsonb_agg(to_jsonb(l) order by l.id) from audit.audit_logs l where l.user_id = pg_temp.id('bob') and l.actor_user_id is distinct from pg_temp.id('ann')) as bobs_log,
         private.personal_data(pg_temp.id('bob')) as bob;

select is(pg_temp.outcome('bob', 'select api.anonymize_user(%L)', pg_temp.id('ann')::text), 'forbidden', 'BR-501: a person is erased only by who may');
select is(pg_temp.outcome('root', 'select api.anonymize_user(%L)', gen_random_uuid()::text), 'not_found', 'and only if there is one');
select is(pg_temp.outcome('root', 'select api.anonymize_user(%L)', pg_temp.id('ann')::text), 'ok', 'an administrator erases a person');
select is_empty('select place from pg_temp.places(pg_temp.canaries())', 'BR-303: after that none of their values is anywhere in the database');

-- What is left
select is((select (u.email, u.username, u.status, u.password_hash, u.last_login_at, u.gdpr_consent_at)::text from app.users u where u.id = pg_temp.id('ann')),
  format('(erased-%s@erased.invalid,erased-%s,deleted,,,)', pg_temp.id('ann'), right(replace(pg_temp.id('ann')::text, '-', ''), 24)), 'BR-303: the account is a tombstone with its key');
select is((select count(*) from audit.audit_logs l where l.user_id = pg_temp.id('ann') and (l.old_values, l.new_values, l.values_salt) is not null), 0::bigint, 'BR-303: the log''s rows about them have no values');
select ok((select count(*) from audit.audit_logs l where l.user_id = pg_temp.id('ann')) > 20, 'but they are there');
select is((select array_agg(l.values_digest order by l.id) from (select * from audit.audit_logs l order by l.id limit (select log_rows from before)) l), (select digests from before), 'BR-202: no row of the log has gone, and each still has the digest of what it said');
select is((select count(*) from audit.audit_logs l where l.actor_user_id = pg_temp.id('ann') and l.user_id = pg_temp.id('bob') and l.new_values ->> 'first_name' = 'Bobby' and l.client_address is null and l.user_agent is null),
  1::bigint, 'BR-303: what they did to somebody else is there, without where from');
select is((select jsonb_agg(to_jsonb(l) order by l.id) from audit.audit_logs l where l.user_id = pg_temp.id('bob') and l.actor_user_id is distinct from pg_temp.id('ann')), (select bobs_log from before), 'nobody else''s log has changed');
select is(private.personal_data(pg_temp.id('bob')), (select bob from before), 'nor their data');
select is((select count(*) from app.idempotency_keys), 1::bigint, 'nor an answer that is kept for somebody else');

-- The record of the erasure
select is((select e.reason from app.erasures e where e.user_id = pg_temp.id('ann')), 'request', 'BR-304: a record of the erasure says why');
select is((select e.removed - 'outbox' from app.erasures e where e.user_id = pg_temp.id('ann')),
  '{"user_profiles": 1, "user_roles": 2, "sessions": 3, "login_sources": 1, "refresh_tokens": 0, "password_reset_tokens": 1, "email_verification_tokens": 2, "phone_verification_codes": 1, "consents": 2, "totp_factors": 1, "recovery_codes": 10, "login_challenges": 1, "api_keys": 1}'::jsonb,
  'BR-304: and how much of what, without the data');
select is((select (l.actor_user_id, l.new_values)::text from audit.audit_logs l where l.action = 'erasures.inserted' and l.user_id = pg_temp.id('ann')), (pg_temp.id('root'), null::jsonb)::text, 'BR-304: the log says who did it');
select is((select count(*) from app.erasures e where e.erased_at is not null), 1::bigint, 'and the record when');

-- What a request that was let in a moment before wrote a moment after
create temp table log_digests as select l.id, l.values_digest, l.origin_digest from audit.audit_logs l;
do $$ begin
  insert into app.login_sources (user_id, source) values (pg_temp.id('ann'), '203.0.113.77');
  perform pg_temp.as_ann(format('select audit.record_event(%L, %L)', 'request.refused', pg_temp.id('ann')));
  delete from app.sessions s where s.user_id = pg_temp.id('ann');
end $$;
select isnt_empty('select place from pg_temp.places(pg_temp.canaries())', 'a straggler leaves traces');
do $$ begin perform admin.cleanup_expired_data(); end $$;
select isnt_empty('select place from pg_temp.places(pg_temp.canaries())', 'which nobody looks for while it may still be writing');
update private.clock set shift = '61 seconds';
select is(admin.cleanup_expired_data() -> 'checked_erasures', '1', 'BR-312: an erasure is looked after once more');
select is_empty('select place from pg_temp.places(pg_temp.canaries())', 'BR-312: and nothing of the person is left then');
select is(admin.cleanup_expired_data() -> 'checked_erasures', '0', 'BR-312: once');
update private.clock set shift = '0';

-- For good
select is(pg_temp.outcome('root', 'select api.restore_user(%L)', pg_temp.id('ann')::text), 'restore_expired', 'BR-303: an erased account cannot be restored');
select is(pg_temp.outcome('root', 'select api.anonymize_user(%L)', pg_temp.id('ann')::text), 'status_conflict', 'nor erased twice');
select is(pg_temp.outcome('operator', 'select admin.anonymize_user(%L)', pg_temp.id('ann')::text), 'status_conflict', 'by nobody');
select is(pg_temp.outcome('root', format('select api.%s(%L)', f, pg_temp.id('ann'))), 'status_conflict', format('BR-303: nor %s', f)) from unnest(array['suspend_user', 'reactivate_user', 'delete_user']) f;
select is(pg_temp.outcome('root', format($$select api.assign_role(%L, 'user')$$, pg_temp.id('ann'))), 'not_found', 'nor be given a role');
select is(pg_temp.outcome(null, format('select (api.register(%L, %L, %L, true)).username', 'zq7canary@example.org', 'zq7canary2', pg_temp.hash('n'))), 'zq7canary2', 'BR-010: the address and the name are free');

-- The log allows this one change and no other
select throws_ok(format('update audit.audit_logs set %s where user_id = %L', change, pg_temp.id('bob')), 'UM403', null, format('BR-202: the log refuses to set %s', change))
from unnest(array[$$action = 'x.y'$$, 'user_id = null', 'old_values = null', $$client_address = '192.0.2.1'$$, $$new_values = '{}', values_salt = null$$]) change;
select throws_ok('delete from audit.audit_logs', 'UM403', null, 'BR-202: and to lose a row');

select * from finish();
rollback;
