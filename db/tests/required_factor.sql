-- A second factor that an operator requires, a password that is good only beside one, an app that takes another's place,
-- and what asks for both factors. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(77);
\ir people.psql

create function pg_temp.sealed(letter text default 'A') returns text language sql as $$ select '0123456789abcdef.' || repeat($1, 64) $$;
create function pg_temp.step(shift integer default 0) returns bigint language sql as $$
  select floor(extract(epoch from clock_timestamp() + c.shift) / 30)::bigint + $1 from private.clock c
$$;
-- A minute passes, so that there is a code that was not used yet.
create procedure pg_temp.later() language sql as $$ update private.clock set shift = shift + interval '1 minute' $$;
-- What the door says to somebody, or to a key: the role that the request runs as, or the code of the refusal.
create function pg_temp.door(name text, route text, key text default null) returns text language plpgsql as $$
declare
  v_role text;
begin
  perform set_config('response.problem', '', true), set_config('response.headers', '', true);
  v_role := http.enter(route::regprocedure, jsonb_strip_nulls(jsonb_build_object(
    'session', case when key is null then (select p.secret from people p where p.name = door.name) end, 'api_key', key, 'address', '198.51.100.7', 'request_id', 'door')));
  perform set_config('request.session', '', true), set_config('request.api_key', '', true), set_config('request.context', '', true);
  return coalesce(nullif(current_setting('response.problem'), '')::jsonb ->> 'code', v_role);
end
$$;
create temp view routes as
  select p.oid::regprocedure::text as route, p.proname::text as name, has_function_privilege('roster_anonymous', p.oid, 'execute') as is_for_all
  from pg_proc p where p.pronamespace = 'api'::regnamespace;
create function pg_temp.protect(name text) returns void language sql as $$
  delete from app.totp_factors where user_id = pg_temp.id($1);
  insert into app.totp_factors (user_id, sealed_secret, confirmed_at, last_step) values (pg_temp.id($1), pg_temp.sealed(), private.now(), 1)
$$;
create function pg_temp.events(action text, name text) returns bigint language sql as
  $$ select count(*) from audit.audit_logs l where l.action = $1 and l.user_id = pg_temp.id($2) $$;
create temp table keys (name text primary key, key text);

do $$ begin
  update app.rate_limit_policies set quota = 100000;
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('sue', 'support'), pg_temp.person('adam', 'admin'), pg_temp.person('eve', 'admin');
  perform private.create_account('robot@example.org', 'robot', null, null, null, null, 'en');
  insert into app.user_roles (user_id, role_id) select pg_temp.id('robot'), r.id from app.roles r where r.name = 'admin';
  perform pg_temp.protect('eve');
  insert into keys select n, (private.issue_api_key(pg_temp.id(n), 'key', '{users:read}', null)).key from unnest('{adam,eve,robot}'::text[]) n;
end $$;

-- Whether it is required
select is(array(select pg_temp.outcome(n, 'select (api.get_me()).second_factor_required') from unnest('{ann,sue,adam}'::text[]) n), '{false,false,false}', 'BR-154: nobody has to have a second factor before an operator says so');
select is(pg_temp.door('adam', 'api.get_stats()'), 'roster_user', 'and nothing is closed');
select is(pg_temp.outcome('operator', $$update app.roles set second_factor_required = true where name in ('admin', 'support') returning 'done'$$), 'done', 'BR-154: an operator requires it of a role');
select is(pg_temp.outcome('operator', $$update app.roles set description = '' where name = 'admin'$$), '42501', 'and changes nothing else of it in passing');
select is(pg_temp.outcome('adam', $$update app.roles set second_factor_required = false$$), '42501', 'an administrator does not take it back');
select is((select count(*) from audit.audit_logs l where l.action = 'roles.updated' and (l.new_values ->> 'second_factor_required')::boolean), 2::bigint, 'the log says that it was required');
select is(array(select pg_temp.outcome(n, 'select (api.get_me()).second_factor_required') from unnest('{ann,sue,adam,eve}'::text[]) n), '{false,true,true,true}', 'BR-154: who holds the role sees it');
select is(private.needs_second_factor(pg_temp.id('robot')), false, 'BR-154: an account that nobody can sign in to needs none');

-- What is closed
select results_eq(
  $$select name, pg_temp.door('adam', route) from routes where not is_for_all order by name$$,
  $$select name, case when name in ('get_me', 'get_mfa', 'enrol_mfa', 'confirm_mfa') then 'roster_user' else 'mfa_enrolment_required' end from routes where not is_for_all order by name$$,
  'BR-155: until it is confirmed every route but to see oneself and to enrol is closed, whatever it is');
select is_empty(
  $$select name, pg_temp.door('adam', route) from routes where is_for_all and pg_temp.door('adam', route) <> 'roster_user' and name in ('logout', 'reset_password', 'verify_email')$$,
  'what is for everybody, such as to log out, is not');
select is(pg_temp.door('ann', 'api.get_my_consents()'), 'roster_user', 'nor is anything for somebody without that role');
select is(pg_temp.door('eve', 'api.get_stats()'), 'roster_user', 'nor for who has a second factor');
select is((select l.details ->> 'code' from audit.audit_logs l where l.action = 'request.refused' and l.user_id = pg_temp.id('adam') limit 1), 'mfa_enrolment_required', 'the log has the refusals');
select is(pg_temp.door('adam', 'api.get_stats()', (select key from keys where name = 'adam')), 'mfa_enrolment_required', 'BR-156: a key opens no more than its owner may: it rests');
select is(pg_temp.door('adam', 'api.get_me()', (select key from keys where name = 'adam')), 'roster_user', 'but for what is open');
select is(pg_temp.door('eve', 'api.get_stats()', (select key from keys where name = 'eve')), 'roster_user', 'BR-156: the key of who has a second factor works');
select is(pg_temp.door('robot', 'api.get_stats()', (select key from keys where name = 'robot')), 'roster_user', 'and that of an account that nobody can sign in to');
do $$ begin update app.roles set second_factor_required = false; update app.settings set second_factor_required = true; end $$;
select is(array(select pg_temp.door(n, 'api.get_my_consents()') from unnest('{ann,sue,adam,eve}'::text[]) n), '{mfa_enrolment_required,mfa_enrolment_required,mfa_enrolment_required,roster_user}', 'BR-154: or of everybody');
do $$ begin delete from app.user_roles where user_id = pg_temp.id('ann'); end $$;
select is(pg_temp.door('ann', 'api.get_my_consents()'), 'mfa_enrolment_required', 'whatever roles they hold');
do $$ begin update app.settings set second_factor_required = false; update app.roles set second_factor_required = true where name = 'support'; end $$;
do $$ begin perform pg_temp.outcome('eve', format('select api.assign_role(%L, %L, %L)', pg_temp.id('bob'), 'support', private.now() + interval '1 hour')); end $$;
select is(pg_temp.door('bob', 'api.get_my_consents()'), 'mfa_enrolment_required', 'BR-154: it begins with the next request after a role was granted');
do $$ begin update app.user_roles set expires_at = private.now() where user_id = pg_temp.id('bob') and expires_at is not null; end $$;
select is(pg_temp.door('bob', 'api.get_my_consents()'), 'roster_user', 'and ends with the role');

-- The way out
select is(pg_temp.outcome(null, $$select (api.login('sue', pg_temp.hash('a'))).token_type$$), 'Bearer', 'BR-155: who has none can sign in');
select is(pg_temp.outcome('sue', $$select (api.enrol_mfa(pg_temp.sealed(), pg_temp.hash('a'))).account$$), 'sue@example.org', 'and enrol');
select is(pg_temp.door('sue', 'api.get_stats()'), 'mfa_enrolment_required', 'BR-155: which is not enough');
select isnt(pg_temp.outcome('sue', format('select api.confirm_mfa(%s)', pg_temp.step())), 'code_invalid', 'before it is confirmed');
select is(pg_temp.door('sue', 'api.get_stats()'), 'roster_user', 'then everything is open');
call pg_temp.later();
select is(pg_temp.outcome('sue', format('select api.disable_mfa(pg_temp.hash(%L), %s)', 'a', pg_temp.step())), 'second_factor_required', 'BR-157: nobody takes their own away while it is required');
select is(pg_temp.outcome('sue', format('select api.renew_recovery_codes(pg_temp.hash(%L), %s)', 'b', pg_temp.step())), 'reauthentication_failed', 'other things stay as they are');
select is(pg_temp.outcome('eve', format('select api.reset_user_mfa(%L)', pg_temp.id('sue'))), 'ok', 'BR-157: an administrator does, for who has lost it');
select is(pg_temp.door('sue', 'api.get_stats()'), 'mfa_enrolment_required', 'BR-157: which leads back to the enrolment, also in open sessions');
do $$ begin update app.roles set second_factor_required = false; end $$;
select is(pg_temp.door('sue', 'api.get_stats()'), 'roster_user', 'what is not required any more closes nothing');

-- Another app in place of the first
do $$ begin perform pg_temp.protect('bob'); perform pg_temp.sign_in('bob'); end $$;
select is(pg_temp.outcome('bob', format('select (api.enrol_mfa(pg_temp.sealed(%L), pg_temp.hash(%L), 0)).account', 'B', 'a')), 'second_factor_failed', 'BR-158: a wrong code enrols no other app');
select is(pg_temp.outcome('bob', format('select (api.enrol_mfa(pg_temp.sealed(%L), pg_temp.hash(%L), %s)).account', 'B', 'b', pg_temp.step())), 'reauthentication_failed', 'nor does a wrong password');
select is(pg_temp.outcome('bob', format('select (api.enrol_mfa(pg_temp.sealed(%L), pg_temp.hash(%L), %s)).account', 'B', 'a', pg_temp.step())), 'bob@example.org', 'with both it waits');
select is((select array_agg(right(f.sealed_secret, 1) || case when f.confirmed_at is null then ' waits' else '' end order by f.created_at) from app.totp_factors f where f.user_id = pg_temp.id('bob')), '{A,"B waits"}', 'BR-158: beside the one that is in force');
call pg_temp.later();
select is(pg_temp.outcome('bob', format($$select api.change_email('stranger@example.org', pg_temp.hash('a'), %s)$$, pg_temp.step())), 'ok', 'somebody has asked for another address meanwhile');
do $$ begin perform set_config('request.session', (select secret from people where name = 'bob'), true); end $$;
select is(array[right(http.own_totp() ->> 'secret', 1), right(http.pending_totp() ->> 'secret', 1)], '{A,B}', 'a code is of the app in force, a confirmation of the one that waits');
do $$ begin perform set_config('request.session', '', true); end $$;
select is(pg_temp.outcome('bob', $$select (m.is_active, m.confirmed_at is not null)::text from api.get_mfa() m$$), '(t,t)', 'the person still has a second factor');
select is((select count(*) from private.personal_tables() t where t.relation = 'app.totp_factors'::regclass and t.columns ~ 'sealed'), 0::bigint, 'an export shows neither secret');
insert into keys select 'challenge', (select current_setting('response.problem')::jsonb ->> 'challenge' where pg_temp.outcome(null, $$select api.login('bob', pg_temp.hash('a'))$$) = 'mfa_required');
select isnt(pg_temp.outcome('bob', format('select api.confirm_mfa(%s)', pg_temp.step())), 'no_second_factor', 'a code of the new one puts it in force');
select is((select array_agg(right(f.sealed_secret, 1) || case when f.confirmed_at is null then ' waits' else '' end) from app.totp_factors f where f.user_id = pg_temp.id('bob')), '{B}', 'BR-158: in place of the other');
select is(pg_temp.outcome(null, format('select api.complete_login(%L, %s)', (select key from keys where name = 'challenge'), pg_temp.step(1))), 'token_invalid', 'BR-149: a sign-in that waited for the old one has ended');
select is((select count(*) from pg_temp.mails('mfa_enabled', 'bob@example.org')), 1::bigint, 'BR-147: the owner is told');
select is(pg_temp.outcome(null, format('select api.verify_email(%L)', pg_temp.token('verify_email', 'stranger@example.org'))), 'token_invalid', 'BR-146: an address that was asked for before does not take effect');
select is(pg_temp.outcome('bob', format('select api.confirm_mfa(%s)', pg_temp.step(1))), 'no_second_factor', 'there is nothing left to confirm');

-- Guessing the code that confirms
do $$ begin perform pg_temp.outcome('ann', $s$select api.enrol_mfa(pg_temp.sealed(), pg_temp.hash('a'))$s$); end $$;
select is(array(select pg_temp.outcome('ann', 'select api.confirm_mfa(0)') from generate_series(1, 6)), array_fill('code_invalid'::text, '{5}') || 'no_second_factor'::text, 'BR-159: five wrong codes end an enrolment, which takes the password again');
call pg_temp.later();
do $$ begin perform pg_temp.outcome('bob', format($s$select api.enrol_mfa(pg_temp.sealed('C'), pg_temp.hash('a'), %s)$s$, pg_temp.step())); end $$;
do $$ begin perform pg_temp.outcome('bob', 'select api.confirm_mfa(0)') from generate_series(1, 5); end $$;
select is((select array_agg(right(f.sealed_secret, 1) || f.failures) from app.totp_factors f where f.user_id = pg_temp.id('bob')), '{B0}', 'BR-159: and leave the app that is in force alone');

-- What asks for both factors
do $$ begin update app.login_sources set failed_login_attempts = 0; end $$;
create temp table hurtful (name text, statement text);
insert into hurtful values
  ('change_password', $$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'), false, %s)$$),
  ('change_email', $$select api.change_email('new@example.org', pg_temp.hash('a'), %s)$$),
  ('create_my_api_key', $$select (api.create_my_api_key('k', '{}', null, pg_temp.hash('a'), %s)).name$$),
  ('enrol_mfa', $$select (api.enrol_mfa(pg_temp.sealed(), pg_temp.hash('a'), %s)).account$$),
  ('renew_recovery_codes', $$select cardinality((api.renew_recovery_codes(pg_temp.hash('a'), %s)).recovery_codes)$$),
  ('change_phone', $$select api.change_phone('+41790000009', %s)$$),
  ('update_me', $$select (api.update_me('{phone}', phone => '+41790000009', verified_step => %s)).phone$$),
  ('disable_mfa', $$select api.disable_mfa(pg_temp.hash('a'), %s)$$),
  ('delete_me', $$select api.delete_me(pg_temp.hash('a'), %s)$$);
select set_eq(
  $$select p.proname::text from pg_proc p where p.pronamespace = 'api'::regnamespace and p.prosrc ~ 'private\.(reauthenticate|show_second_factor)\('$$,
  'select name from hurtful', 'every function that asks again is tried here');
select is(pg_temp.outcome('bob', format(h.statement, 'null')), 'code_missing', 'BR-020: where there is a second factor it is asked for: ' || h.name) from hurtful h order by h.name;
select is(pg_temp.outcome('bob', format(h.statement, 0)), 'second_factor_failed', 'a wrong code is refused: ' || h.name) from hurtful h where h.name in ('change_phone', 'change_email', 'update_me');
select is((select l.failed_login_attempts from app.login_sources l where l.user_id = pg_temp.id('bob')), 3, 'BR-148: and counted, whichever route it comes by');
do $$ begin update app.login_sources set failed_login_attempts = 0; update app.users set failed_login_attempts = 0 where username = 'bob'; end $$;
create function pg_temp.with_code(name text) returns text language plpgsql as $$
begin
  call pg_temp.later();
  return pg_temp.outcome('bob', format((select h.statement from hurtful h where h.name = with_code.name), pg_temp.step()));
end
$$;
select is(pg_temp.with_code('change_email'), 'ok', 'with a code an address changes');
select is(pg_temp.outcome('bob', format($$select api.change_phone('+41790000008', %s)$$, pg_temp.step())), 'second_factor_failed', 'BR-143: that code is good for nothing else');
select is(pg_temp.with_code('change_phone'), 'ok', 'with a code a telephone number');
select is(pg_temp.with_code('update_me'), '+41790000009', 'by either route');
select is(pg_temp.outcome('bob', $$select (api.update_me('{first_name}', first_name => 'Bob')).first_name$$), 'Bob', 'a name takes none');
select is(pg_temp.outcome('sue', $$select api.change_phone('+41790000007')$$), 'ok', 'nor does a number where there is no second factor');
select is(pg_temp.with_code('create_my_api_key'), 'k', 'with a code a key is made');

-- A password that is good only beside a second factor
call pg_temp.later();
select is(pg_temp.outcome('bob', format($$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'), true, %s)$$, pg_temp.step())), 'ok', 'BR-152: with a second factor a password may be short');
call pg_temp.later();
select is(pg_temp.outcome('bob', format($$select api.disable_mfa(pg_temp.hash('a'), %s)$$, pg_temp.step())), 'password_too_short_alone', 'BR-160: then the factor does not go before the password has changed');
select is(pg_temp.outcome('bob', format($$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'), false, %s)$$, pg_temp.step())), 'ok', 'the code was not used up by that');
call pg_temp.later();
select is(pg_temp.outcome('bob', format($$select api.disable_mfa(pg_temp.hash('a'), %s)$$, pg_temp.step())), 'ok', 'to a longer one');
select is(pg_temp.outcome('bob', $$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'), true)$$), 'password_unacceptable', 'BR-160: a factor that went while the password was hashed makes it unacceptable');
do $$ begin perform pg_temp.protect('bob'); update app.users set has_short_password = true where username = 'bob'; perform pg_temp.outcome('eve', format('select api.reset_user_mfa(%L)', pg_temp.id('bob'))); end $$;
select results_eq(
  $$select name, pg_temp.door('bob', route) from routes where not is_for_all order by name$$,
  $$select name, case when name in ('get_me', 'get_mfa', 'enrol_mfa', 'confirm_mfa', 'change_password') then 'roster_user' else 'password_change_required' end from routes where not is_for_all order by name$$,
  'BR-160: when others take the factor away only the way to a longer password or to another factor is open');
select is(pg_temp.outcome('bob', $$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'), false)$$), 'ok', 'the person changes it');
select is(pg_temp.door('bob', 'api.get_my_consents()'), 'roster_user', 'and everything is open');
select is((select count(*) from audit.audit_logs l where l.old_values ? 'has_short_password' or l.new_values ? 'has_short_password'), 0::bigint, 'the log does not say whose password was short');

select * from finish();
rollback;
