-- The second factor: enrolment, the second step of a login, recovery codes, and who may take it away. How to run: see
-- conventions.sql. The service checks codes and tells which time step they belong to; here the steps are given directly.
begin;
set local search_path = pg_catalog, public;
select plan(97);
\ir people.psql

create function pg_temp.sealed() returns text language sql as $$ select '0123456789abcdef.' || repeat('A', 64) $$;
create function pg_temp.step(shift integer default 0) returns bigint language sql as $$
  select floor(extract(epoch from clock_timestamp() + c.shift) / 30)::bigint + $1 from private.clock c
$$;
-- A minute passes, so that there is a code that was not used yet.
create procedure pg_temp.later(by interval default '1 minute') language sql as $$ update private.clock set shift = shift + $1 $$;
-- The password of somebody; what the answer says besides.
create function pg_temp.challenge(name text) returns text language plpgsql as $$
begin
  perform pg_temp.outcome(null, format('select api.login(%L, pg_temp.hash(''a''), %L)', name, 'Phone'));
  return nullif(current_setting('response.problem'), '')::jsonb ->> 'challenge';
end
$$;
create function pg_temp.events(action text, name text) returns setof jsonb language sql as $$
  select l.details from audit.audit_logs l where l.action = $1 and l.user_id = pg_temp.id(name) order by l.id
$$;
create temp table kept (name text primary key, value text);
create temp table codes (name text, n bigint, code text);
grant select on kept, codes to public;

do $$ begin
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('sue', 'support'), pg_temp.person('adam', 'admin');
  update app.settings set service_name = 'Heron';
end $$;

-- Enrolment
select is(pg_temp.outcome('ann', $$select api.enrol_mfa(pg_temp.sealed(), pg_temp.hash('b'))$$), 'reauthentication_failed', 'BR-140: to enrol takes the password');
select is(pg_temp.outcome('ann', $$select api.enrol_mfa(pg_temp.sealed())$$), 'reauthentication_failed', 'which cannot be left out');
select is(pg_temp.outcome(null, $$select api.enrol_mfa(pg_temp.sealed(), pg_temp.hash('a'))$$), '42501', 'who is not signed in enrols nothing');
select is(pg_temp.outcome('ann', $$select api.enrol_mfa('plain secret', pg_temp.hash('a'))$$), '23514', 'BR-141: a secret that is not sealed is refused');
select is(pg_temp.outcome('ann', $$select api.enrol_mfa(pg_temp.sealed(), pg_temp.hash('a'))$$), '(Heron,ann@example.org,,,)', 'the app is told whose account it is, and the database has no secret to show');
select is(pg_temp.outcome('ann', $$select (api.get_mfa()).is_active$$), 'false', 'BR-140: what was not confirmed is not in force');
select is(pg_temp.challenge('ann'), null, 'and no login asks for it');
select is(pg_temp.outcome('ann', $$select api.confirm_mfa(0)$$), 'code_invalid', 'a wrong code confirms nothing');
select is(pg_temp.outcome('ann', format('select api.confirm_mfa(%s)', pg_temp.step(-2))), 'code_invalid', 'nor does an old one');
select is(pg_temp.outcome('ann', format('select api.confirm_mfa(%s)', pg_temp.step(2))), 'code_invalid', 'nor one of the future');
select is((select count(*) from pg_temp.events('mfa.failed', 'ann')), 3::bigint, 'the log has each');
select is(pg_temp.outcome('bob', format('select api.confirm_mfa(%s)', pg_temp.step())), 'no_second_factor', 'somebody who enrolled nothing has nothing to confirm');
insert into kept select 'session', s.id from app.sessions s where s.user_id = pg_temp.id('ann') and s.revoked_at is null order by s.created_at limit 1;
insert into codes select 'ann', o.n, o.code from regexp_split_to_table(translate(pg_temp.outcome('ann', format('select api.confirm_mfa(%s)', pg_temp.step())), '(){}"', ''), ',') with ordinality o (code, n);
select is((select count(distinct code) from codes), 10::bigint, 'BR-144: a confirmation answers with ten recovery codes');
select is((select count(*) from codes where code !~ '^([0-9a-hjkmnp-tv-z]{5}-){4}[0-9a-hjkmnp-tv-z]{5}$'), 0::bigint, 'BR-144: of 25 letters and digits that nobody mixes up, 125 random bits');
select is((select count(*) from app.recovery_codes r, codes c where r.code_hash in (private.digest(c.code), private.keyed_digest(c.code))), 0::bigint, 'BR-144: of which keyed digests are stored, bound to the account');
select is((select array_agg(s.id::text) from app.sessions s where s.user_id = pg_temp.id('ann') and s.revoked_at is null), array[(select value from kept where name = 'session')],
  'BR-146: every other session ends, since it has not passed the factor');
select is((select s.methods from app.sessions s where s.id::text = (select value from kept where name = 'session')), '{pwd,otp,mfa}', 'and this one has');
select is((select count(*) from pg_temp.events('mfa.enrolled', 'ann')) || ' ' || (select count(*) from pg_temp.events('mfa.confirmed', 'ann')), '1 1', 'the log tells both steps');
select is((select count(*) from pg_temp.mails('mfa_enabled', 'ann@example.org')), 1::bigint, 'and the owner is told');
select is(pg_temp.outcome('ann', $$select api.enrol_mfa(pg_temp.sealed(), pg_temp.hash('a'))$$), 'code_missing', 'BR-158: to put another app in its place takes the second factor');
select is(pg_temp.outcome('ann', format('select api.confirm_mfa(%s)', pg_temp.step())), 'no_second_factor', 'and it is confirmed once');
select is(pg_temp.outcome('ann', $$select (m.is_active, m.recovery_codes_left, m.methods)::text from api.get_mfa() m$$), '(t,10,"{pwd,otp,mfa}")', 'its owner sees that it is in force');
select is(pg_temp.outcome('ann', $$select (api.get_me()).has_second_factor$$), 'true', 'so does the account');
select is(pg_temp.outcome('bob', $$select (api.get_me()).has_second_factor$$), 'false', 'another account does not');
select is(pg_temp.outcome('sue', $$select (api.get_user(%L)).has_second_factor$$, pg_temp.id('ann')::text), 'true', 'whoever may see accounts sees who has one');

-- The login
insert into kept values ('first', pg_temp.challenge('ann'));
select matches((select value from kept where name = 'first'), '^[A-Za-z0-9_-]{43}$', 'BR-142: the right password gets a challenge');
select is(current_setting('response.problem')::jsonb ->> 'code', 'mfa_required', 'and no session');
select is((select count(*) from app.sessions s where s.user_id = pg_temp.id('ann') and s.revoked_at is null), 1::bigint, 'none was opened');
select is((select count(*) from app.login_challenges c where c.token_hash = private.digest((select value from kept where name = 'first'))), 1::bigint, 'of the challenge the digest is stored');
select is(pg_temp.outcome(null, $$select api.login('ann', pg_temp.hash('b'))$$), 'invalid_credentials', 'BR-408: a wrong password does not tell that there is a factor');
create function pg_temp.complete(challenge text, step bigint, code text default null) returns text language sql as $$
  select pg_temp.outcome(null, format('select (api.complete_login(%L, %s, %L)).token_type', $1, coalesce($2::text, 'null'), $3))
$$;
create function pg_temp.first() returns text language sql as $$ select value from kept where name = 'first' $$;
select is(pg_temp.complete(pg_temp.first(), pg_temp.step()), 'second_factor_failed', 'BR-143: the code that confirmed the factor was used');
call pg_temp.later();
select is(pg_temp.complete(pg_temp.first(), null), 'code_missing', 'without a code it is asked for');
select is(pg_temp.complete('nothing', pg_temp.step()), 'token_invalid', 'without a challenge no code counts');
select is(pg_temp.complete(pg_temp.first(), pg_temp.step(-2)), 'second_factor_failed', 'BR-143: a code of a minute ago is too old');
select is(pg_temp.complete(pg_temp.first(), pg_temp.step(2)), 'second_factor_failed', 'one of the next minute too new');
select is(pg_temp.complete(pg_temp.first(), pg_temp.step(-1)), 'Bearer', 'BR-143: a clock may be thirty seconds late');
select is((select (s.device_name, s.methods)::text from app.sessions s where s.user_id = pg_temp.id('ann') order by s.created_at desc limit 1), '(Phone,"{pwd,otp,mfa}")', 'the session says how it was signed in');
select is((current_setting('response.claims')::jsonb -> 'amr')::text, '["pwd", "otp", "mfa"]', 'and so does the access token');
select is(pg_temp.complete(pg_temp.first(), pg_temp.step()), 'token_invalid', 'BR-142: a challenge works once');
insert into kept values ('second', pg_temp.challenge('ann'));
create function pg_temp.second() returns text language sql as $$ select value from kept where name = 'second' $$;
select is(pg_temp.complete(pg_temp.second(), pg_temp.step(-1)), 'second_factor_failed', 'BR-143: a code works once, whichever login it is for');
select is(pg_temp.complete(pg_temp.second(), pg_temp.step(1)), 'Bearer', 'a clock may be thirty seconds early');
select is(pg_temp.complete(pg_temp.challenge('ann'), pg_temp.step()), 'second_factor_failed', 'BR-143: after that an earlier code is as used');
select is((select array_agg(e ->> 'reason') from pg_temp.events('mfa.failed', 'ann') e), '{wrong_code,wrong_code,wrong_code,used_code,used_code,used_code,used_code,used_code}', 'the log says why each was refused');

-- Recovery codes
create function pg_temp.code(n bigint) returns text language sql as $$ select c.code from codes c where c.n = $1 $$;
select is(pg_temp.complete(pg_temp.challenge('ann'), null, pg_temp.code(1)), 'Bearer', 'BR-144: a recovery code stands in for the app');
select is((select s.methods from app.sessions s where s.user_id = pg_temp.id('ann') order by s.created_at desc, s.id desc limit 1), '{pwd,mfa}', 'and the session says so');
select is(pg_temp.complete(pg_temp.challenge('ann'), null, pg_temp.code(1)), 'second_factor_failed', 'BR-144: once');
select is(pg_temp.complete(pg_temp.challenge('ann'), null, upper(replace(pg_temp.code(2), '-', ''))), 'Bearer', 'case and hyphens make no difference');
select is(pg_temp.complete(pg_temp.challenge('ann'), null, translate(pg_temp.code(3), '01', 'oL')), 'Bearer', 'nor do letters that look like digits');
select is(pg_temp.complete(pg_temp.challenge('ann'), 0, pg_temp.code(4)), 'second_factor_failed', 'a wrong code does not fall back on the recovery code beside it');
select is((select array_agg((m ->> 'left')::integer) from pg_temp.mails('recovery_code_used', 'ann@example.org') m), '{7,8,9}', 'BR-147: the owner is told of each use');
select is((select count(*) from pg_temp.events('recovery_code.used', 'ann')), 3::bigint, 'so is the log');
call pg_temp.later();
select is(pg_temp.outcome('ann', $$select api.renew_recovery_codes(pg_temp.hash('a'))$$), 'code_missing', 'BR-145: new codes take the second factor');
select is(pg_temp.outcome('ann', format('select api.renew_recovery_codes(pg_temp.hash(%L), %s)', 'b', pg_temp.step())), 'reauthentication_failed', 'and the password');
select isnt(pg_temp.outcome('ann', format('select api.renew_recovery_codes(pg_temp.hash(%L), %s)', 'a', pg_temp.step())), 'second_factor_failed', 'with both they are renewed');
select is(pg_temp.complete(pg_temp.challenge('ann'), null, pg_temp.code(5)), 'second_factor_failed', 'and the old ones stop working');
select is((select count(*) from app.recovery_codes where user_id = pg_temp.id('ann') and used_at is null), 10::bigint, 'there are ten again');

-- Guessing
call pg_temp.later('3 days');
update app.login_sources set failed_login_attempts = 0, locked_until = null where user_id = pg_temp.id('ann');
insert into kept values ('third', pg_temp.challenge('ann'));
create function pg_temp.third() returns text language sql as $$ select value from kept where name = 'third' $$;
select is((select array_agg(pg_temp.complete(pg_temp.third(), 0)) from generate_series(1, 5)), array_fill('second_factor_failed'::text, '{5}'), 'BR-148: wrong codes are refused');
select is(pg_temp.complete(pg_temp.third(), pg_temp.step()), 'token_invalid', 'BR-148: and five of them end the challenge');
select is((select l.failed_login_attempts from app.login_sources l where l.user_id = pg_temp.id('ann')), 5, 'BR-148: they count like wrong passwords');
select isnt(pg_temp.challenge('ann'), null, 'the password is still right');
select is((select l.failed_login_attempts from app.login_sources l where l.user_id = pg_temp.id('ann')), 5, 'which forgets no failures before the second factor is right as well');
insert into kept values ('fourth', pg_temp.challenge('ann'));
do $$ begin perform pg_temp.complete((select value from kept where name = 'fourth'), 0) from generate_series(1, 4); perform pg_temp.complete(pg_temp.challenge('ann'), 0); end $$;
select is(pg_temp.outcome(null, $$select api.login('ann', pg_temp.hash('a'))$$), 'invalid_credentials', 'BR-148: ten lock the account for that source');
select is(pg_temp.complete((select value from kept where name = 'fourth'), pg_temp.step()), 'second_factor_failed', 'and a challenge from before the lock is no way round it');
call pg_temp.later('1 hour');
select is(pg_temp.complete(pg_temp.challenge('ann'), pg_temp.step()), 'Bearer', 'BR-148: which ends by itself');

-- Guessing with the mailbox: each reset of the password ends the locks
create function pg_temp.forget() returns void language sql as $$ select private.forget_failed_logins(pg_temp.id('ann')) $$;
create function pg_temp.known(is_known boolean) returns void language sql as
  $$ update app.login_sources set last_login_at = case when $1 then private.now() end where user_id = pg_temp.id('ann') $$;
do $$ begin perform pg_temp.known(false); update app.settings set lock_everywhere_after_failures = 20; end $$;
call pg_temp.later();
do $$ begin
  for n in 1..19 loop perform pg_temp.complete(pg_temp.challenge('ann'), 0), pg_temp.forget(); end loop;
end $$;
select is((select f.failures from app.totp_factors f where f.user_id = pg_temp.id('ann')), 19, 'BR-153: wrong codes in a row are counted with the factor');
select is(pg_temp.complete(pg_temp.challenge('ann'), pg_temp.step()), 'Bearer', 'a right one among them ends the row');
select is((select f.failures from app.totp_factors f where f.user_id = pg_temp.id('ann')), 0, 'BR-153: which begins anew');
do $$ begin perform pg_temp.known(false); end $$;
call pg_temp.later();
do $$ begin
  for n in 1..20 loop perform pg_temp.complete(pg_temp.challenge('ann'), 0), pg_temp.forget(); end loop;
end $$;
select is(pg_temp.complete(pg_temp.challenge('ann'), pg_temp.step()), 'second_factor_failed', 'BR-153: after too many even a right code is refused, whatever the password did meanwhile');
select is((select e ->> 'reason' from pg_temp.events('mfa.failed', 'ann') with ordinality v (e, n) order by n desc limit 1), 'exhausted', 'the log says why');
do $$ begin perform pg_temp.known(true); end $$;
select is(pg_temp.complete(pg_temp.challenge('ann'), pg_temp.step()), 'Bearer', 'BR-153: except from where somebody has signed in before');
do $$ begin update app.totp_factors set failures = 20; perform pg_temp.known(false); end $$;
select is((select count(*) from audit.audit_logs l where l.action = 'totp_factors.updated' and l.changed_fields && '{failures}'), 0::bigint, 'the count is no event of its own');
do $$ begin perform private.issue_recovery_codes(pg_temp.id('ann')); update app.recovery_codes set code_hash = private.recovery_digest(user_id, 'aaaaa-bbbbb-ccccc-ddddd-eeeee')
  where id = (select id from app.recovery_codes where user_id = pg_temp.id('ann') limit 1); end $$;
select is(pg_temp.complete(pg_temp.challenge('ann'), null, 'aaaaa-bbbbb-ccccc-ddddd-eeeee'), 'Bearer', 'BR-153: a recovery code, which nobody guesses, is taken');
select is((select f.failures from app.totp_factors f where f.user_id = pg_temp.id('ann')), 0, 'and ends the row as well');
do $$ begin update app.settings set lock_everywhere_after_failures = default; end $$;

-- What ends a challenge
call pg_temp.later();
insert into kept values ('fifth', pg_temp.challenge('ann')), ('bob', pg_temp.id('bob')::text);
call pg_temp.later('5 minutes');
select is(pg_temp.complete((select value from kept where name = 'fifth'), pg_temp.step()), 'token_invalid', 'BR-142: a challenge works for five minutes');
insert into kept values ('sixth', pg_temp.challenge('ann'));
do $$ begin perform pg_temp.sign_in('ann'); perform pg_temp.outcome('ann', format($s$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'), false, %s)$s$, pg_temp.step(-1))); end $$;
select is(pg_temp.complete((select value from kept where name = 'sixth'), pg_temp.step()), 'token_invalid', 'BR-149: it ends with a change of password');
insert into kept values ('seventh', pg_temp.challenge('ann'));
do $$ begin perform pg_temp.outcome('adam', format('select api.suspend_user(%L)', pg_temp.id('ann'))); perform pg_temp.outcome('adam', format('select api.reactivate_user(%L)', pg_temp.id('ann'))); end $$;
select is(pg_temp.complete((select value from kept where name = 'seventh'), pg_temp.step()), 'token_invalid', 'BR-149: and with a suspension');

-- A reset of the password
insert into app.password_reset_tokens (user_id, token_hash, expires_at) select pg_temp.id('ann'), private.digest('reset'), private.now() + interval '1 hour';
select is(pg_temp.outcome(null, $$select api.reset_password('reset', pg_temp.hash('a'))$$), 'ok', 'a forgotten password is reset');
select isnt(pg_temp.challenge('ann'), null, 'BR-150: and the login still asks for the second factor');

update app.users set is_email_verified = false, status = 'inactive' where id = pg_temp.id('bob');
insert into app.totp_factors (user_id, sealed_secret, confirmed_at, last_step) values (pg_temp.id('bob'), pg_temp.sealed(), private.now(), 1);
insert into app.password_reset_tokens (user_id, token_hash, expires_at) select pg_temp.id('bob'), private.digest('bob'), private.now() + interval '1 hour';
select is(pg_temp.outcome(null, $$select api.reset_password('bob', pg_temp.hash('a'))$$), 'ok', 'whoever owns the address takes over an account that somebody else registered');
select is(pg_temp.outcome(null, $$select (api.login('bob', pg_temp.hash('a'))).token_type$$), 'Bearer', 'BR-150: and with it goes the second factor of who registered it');

-- An address that is verified after a stranger has registered it
do $$ begin perform pg_temp.person('eve'); end $$;
update app.users set is_email_verified = false, status = 'inactive' where id = pg_temp.id('eve');
insert into app.totp_factors (user_id, sealed_secret, confirmed_at, last_step) values (pg_temp.id('eve'), pg_temp.sealed(), private.now(), 1);
do $$ begin perform private.send_email_verification(pg_temp.id('eve'), 'eve@example.org'); end $$;
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'eve@example.org')), 'ok', 'whoever owns the address verifies it');
insert into app.password_reset_tokens (user_id, token_hash, expires_at) select pg_temp.id('eve'), private.digest('eve'), private.now() + interval '1 hour';
select is(pg_temp.outcome(null, $$select api.reset_password('eve', pg_temp.hash('b'))$$), 'ok', 'and sets a password by mail');
select is(pg_temp.outcome(null, $$select (api.login('eve', pg_temp.hash('b'))).token_type$$), 'Bearer', 'BR-150: no second factor of who registered it keeps them out');
select is((select count(*) from pg_temp.mails('mfa_disabled', 'eve@example.org')), 1::bigint, 'BR-147: and they are told');

-- Taking it away
call pg_temp.later();
do $$ begin perform pg_temp.sign_in('ann'); end $$;
select is(pg_temp.outcome('ann', $$select api.disable_mfa(pg_temp.hash('a'))$$), 'code_missing', 'BR-145: to disable it takes the second factor');
select is(pg_temp.outcome('ann', $$select api.disable_mfa(pg_temp.hash('a'), 0)$$), 'second_factor_failed', 'a right one');
select is(pg_temp.outcome('ann', format('select api.disable_mfa(pg_temp.hash(%L), %s)', 'b', pg_temp.step())), 'reauthentication_failed', 'BR-145: and the password');
insert into kept values ('eighth', pg_temp.challenge('ann'));
select is(pg_temp.outcome('ann', format('select api.disable_mfa(pg_temp.hash(%L), %s)', 'a', pg_temp.step())), 'ok', 'with both it goes');
select is(pg_temp.complete((select value from kept where name = 'eighth'), pg_temp.step(1)), 'token_invalid', 'with the challenges that wait for it');
select is(pg_temp.outcome(null, $$select (api.login('ann', pg_temp.hash('a'))).token_type$$), 'Bearer', 'a login takes the password alone again');
select is((select count(*) from pg_temp.events('mfa.disabled', 'ann')) || ' ' || (select count(*) from pg_temp.mails('mfa_disabled', 'ann@example.org')), '1 1', 'the log and the owner are told');
select is(pg_temp.outcome('ann', format('select api.disable_mfa(pg_temp.hash(%L), %s)', 'a', pg_temp.step())), 'no_second_factor', 'there is nothing left to disable');

-- What is left behind
create function pg_temp.cleaned(kind text) returns text language sql as $$
  select (pg_temp.outcome('operator', 'select admin.clean_expired_tokens()'))::jsonb ->> $1
$$;
do $$ begin perform pg_temp.outcome('ann', format('select api.enrol_mfa(%L, %L)', pg_temp.sealed(), pg_temp.hash('a'))), pg_temp.outcome(null, $q$select api.login('bob', pg_temp.hash('a'))$q$); end $$;
select is(pg_temp.cleaned('totp_factors'), '0', 'an enrolment waits for its confirmation');
call pg_temp.later('24 hours 1 minute');
select is(pg_temp.cleaned('totp_factors'), '1', 'BR-307: for a day');
call pg_temp.later('31 days');
select ok(pg_temp.cleaned('login_challenges')::integer > 10, 'BR-307: challenges go like other tokens');
do $$ begin perform pg_temp.sign_in(n) from unnest('{ann,bob,sue,adam}'::text[]) n; end $$;

-- Others
create function pg_temp.protect(name text) returns void language sql as $$
  delete from app.totp_factors where user_id = pg_temp.id($1);
  insert into app.totp_factors (user_id, sealed_secret, confirmed_at, last_step) values (pg_temp.id($1), pg_temp.sealed(), private.now(), 1)
$$;
do $$ begin perform pg_temp.protect(n) from unnest('{bob,adam,sue}'::text[]) n; end $$;
select is(array(select pg_temp.outcome(c, format('select api.reset_user_mfa(%L)', pg_temp.id(t))) from (values ('ann', 'bob'), ('sue', 'adam'), ('sue', 'bob'), ('sue', 'bob'), ('operator', 'adam')) v (c, t)),
  '{forbidden,above_own_permissions,ok,no_second_factor,ok}', 'BR-151: who may change accounts takes it away from those who may do no more than they');
select is(pg_temp.outcome('operator', $$select admin.reset_mfa(%L)$$, pg_temp.id('sue')::text), 'ok', 'so does an operator');

select * from finish();
rollback;
