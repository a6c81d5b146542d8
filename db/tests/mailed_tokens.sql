-- Tokens that travel by mail: verification, reset, invitation. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(84);
\ir people.psql

create function pg_temp.status(name text) returns text language sql as $$ select u.status::text from app.users u where u.id = pg_temp.id($1) $$;

-- Verification after registration
do $$ begin perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true)', 'Eve@Example.org', 'eve', pg_temp.hash('e'))); end $$;
select is(pg_temp.status('eve'), 'inactive', 'BR-006: a new account is inactive');
select is((select count(*) from pg_temp.mails('verify_email', 'Eve@Example.org')), 1::bigint, 'a registration mails a token to the address');
select is((select t.email::text from app.email_verification_tokens t where t.token_hash = private.digest(pg_temp.token('verify_email', 'Eve@Example.org'))),
  'Eve@Example.org', 'BR-101: of a mailed token the database keeps a digest');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', 'x' || pg_temp.token('verify_email', 'Eve@Example.org')), 'token_invalid', 'an unknown token is refused');
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('x') || ''')', pg_temp.token('verify_email', 'Eve@Example.org')),
  'token_invalid', 'BR-108: a token that verifies an address sets no password');
select throws_ok(format('select api.verify_email(%L)', 'x'), 'UM400', null, 'a mailed token that is not valid is a bad request, not a missing sign-in');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'Eve@Example.org')), 'ok', 'the mailed token verifies the address');
select is(pg_temp.status('eve'), 'active', 'BR-006: an account becomes active when its address is verified');
select ok((select u.is_email_verified from app.users u where u.username = 'eve'), 'the address counts as verified');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'Eve@Example.org')), 'token_invalid', 'BR-108: a mailed token works once');
select is((select count(*) from audit.audit_logs l where l.action = 'email.verified' and l.user_id = pg_temp.id('eve')), 1::bigint, 'a verification is in the log');
select throws_ok($$insert into app.users (email, username, status) values ('x@example.org', 'xxx', 'active')$$, '23514', null,
  'BR-006: no account is active without a verified address');

-- A new verification mail
do $$ begin
  perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true)', 'fay@example.org', 'fay', pg_temp.hash('f')));
  perform set_config('test.first', pg_temp.token('verify_email', 'fay@example.org'), true);
end $$;
select is(pg_temp.outcome(null, $$select api.request_email_verification('FAY@example.org')$$), 'ok', 'a new verification mail can be asked for, however the address is written');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', current_setting('test.first')), 'token_invalid', 'BR-108: only the newest token works');
update private.clock set shift = '24 hours 1 minute';
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'fay@example.org')), 'token_invalid', 'BR-108: a verification token expires after a day');
update private.clock set shift = '0';
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'fay@example.org')), 'ok', 'before that it works');
select is(pg_temp.outcome(null, $$select api.request_email_verification('fay@example.org')$$), 'ok', 'BR-112: to ask for a verified address gets the same answer');
select is((select count(*) from pg_temp.mails('verify_email', 'fay@example.org')), 2::bigint, 'but no mail');
select is(pg_temp.outcome(null, $$select api.request_email_verification('nobody@example.org')$$), 'ok', 'BR-112: to ask for an unknown address gets the same answer');
select is((select count(*) from pg_temp.mails('verify_email', 'nobody@example.org')), 0::bigint, 'an address without an account gets no mail');

-- A forgotten password
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('cid'), pg_temp.person('dan'); end $$;
select is(pg_temp.outcome(null, $$select api.forgot_password('nobody@example.org')$$), 'ok', 'BR-112: a reset asked for an unknown address gets the same answer');
select is(pg_temp.outcome(null, $$select api.forgot_password('ANN@example.org')$$), 'ok', 'a reset can be asked for, however the address is written');
select is((select count(*) from app.outbox o where o.template = 'reset_password'), 1::bigint, 'only the known address gets a mail');
select is((select count(*) from audit.audit_logs l where l.action = 'password.reset_requested'), 2::bigint, 'BR-112: both requests leave a row in the log, so both commit the same way');
select is((select count(*) from audit.audit_logs l where l.action = 'password.reset_requested' and l.user_id is null and l::text like '%nobody%'), 0::bigint,
  'the row about an unknown address does not name it');
update app.users set failed_login_attempts = 10, locked_until = private.now() + interval '1 hour' where username = 'ann';
do $$ begin perform set_config('test.first', pg_temp.token('reset_password', 'ann@example.org'), true); end $$;
select is((http.reset_rules(current_setting('test.first'))).words, array['ann@example.org', 'ann', 'ann', 'pgroster'], 'BR-022: a new password may not resemble the account that the token is for');
select is((http.reset_rules('unknown')).words, array['pgroster'], 'an unknown token tells nothing about an account');
select is(pg_temp.outcome(null, $$select api.forgot_password('ann@example.org')$$), 'ok', 'BR-405: a locked account can be reset');
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('b') || ''')', current_setting('test.first')), 'token_invalid', 'BR-108: only the newest reset works');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('reset_password', 'ann@example.org')), 'token_invalid', 'BR-108: a reset verifies no address by itself');
update private.clock set shift = '61 minutes';
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('b') || ''')', pg_temp.token('reset_password', 'ann@example.org')), 'token_invalid', 'BR-108: a reset expires after an hour');
update private.clock set shift = '0';
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('b') || ''')', pg_temp.token('reset_password', 'ann@example.org')), 'ok', 'a mailed token sets a password');
select is((select (u.password_hash, u.failed_login_attempts, u.locked_until)::text from app.users u where u.username = 'ann'),
  (pg_temp.hash('b'), 0, null::timestamptz)::text, 'BR-405: a reset ends the lock');
select is(pg_temp.outcome('ann', 'select api.get_me()'), 'authentication_required', 'BR-107: a reset ends all sessions');
select is((select count(*) from app.refresh_tokens t join app.sessions s on s.id = t.session_id where s.user_id = pg_temp.id('ann') and t.used_at is null and t.revoked_at is null),
  0::bigint, 'BR-107: and their refresh tokens');
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('c') || ''')', pg_temp.token('reset_password', 'ann@example.org')), 'token_invalid', 'BR-108: a reset works once');
select is((select count(*) from pg_temp.mails('password_changed', 'ann@example.org')), 1::bigint, 'BR-030: the owner is told that the password was set');
select is((select l.details from audit.audit_logs l where l.action = 'password.reset'), '{"purpose": "reset"}'::jsonb, 'a reset is in the log');

-- What ends a token on its way
create function pg_temp.reset_after(name text, change text) returns text language plpgsql as $$
declare
  v_token text;
begin
  perform pg_temp.outcome(null, format('select api.forgot_password(%L)', name || '@example.org'));
  v_token := pg_temp.token('reset_password', name || '@example.org');
  execute change;
  return pg_temp.outcome(null, format('select api.reset_password(%L, %L)', v_token, pg_temp.hash('z')));
end
$$;
do $$ begin perform pg_temp.sign_in('ann'), pg_temp.sign_in('bob'); end $$;
select is(pg_temp.reset_after('bob', $$do 'begin assert pg_temp.outcome(''bob'', format(''select api.change_password(%L, %L)'', pg_temp.hash(''b''), pg_temp.hash(''a''))) = ''ok''; end'$$),
  'token_invalid', 'BR-109: a reset dies when the password is changed');
select is(pg_temp.reset_after('bob', format('select api.suspend_user(%L)', pg_temp.id('bob'))), 'token_invalid', 'BR-109: a reset dies with a suspension');
do $$ begin perform api.reactivate_user(pg_temp.id('bob')); end $$;
select is((select count(*) from app.password_reset_tokens t where t.user_id = pg_temp.id('bob') and t.used_at is null and t.revoked_at is null), 0::bigint,
  'BR-109: and does not come back with the reactivation');
select is(pg_temp.reset_after('cid', format('select api.delete_user(%L)', pg_temp.id('cid'))), 'token_invalid', 'BR-109: a reset dies with the account');
do $$ begin perform api.restore_user(pg_temp.id('cid')); end $$;
select is(pg_temp.reset_after('cid', format('select private.confirm_email(u, %L) from app.users u where u.username = %L', 'cid@example.net', 'cid')), 'token_invalid',
  'BR-109: a reset dies when the address changes');
do $$ begin perform api.suspend_user(pg_temp.id('dan')); end $$;
select is(pg_temp.outcome(null, $$select api.forgot_password('dan@example.org')$$), 'ok', 'BR-112: a reset asked for a suspended account gets the same answer');
select is((select count(*) from pg_temp.mails('reset_password', 'dan@example.org')), 0::bigint, 'but no mail');
do $$ begin perform api.delete_user(pg_temp.id('dan')); end $$;
select is(pg_temp.outcome(null, $$select api.forgot_password('dan@example.org')$$), 'ok', 'BR-112: so does one for a deleted account');
select is((select count(*) from pg_temp.mails('reset_password', 'dan@example.org')), 0::bigint, 'which gets no mail either');

-- An account that somebody else made with one's address: Eve registers Gil's, signs in, and prepares to stay.
do $$ begin
  perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true)', 'gil@example.org', 'gil', pg_temp.hash('e')));
  perform pg_temp.sign_in('gil');
  perform pg_temp.outcome('gil', $q$select api.change_phone('+41790000001')$q$);
  perform pg_temp.outcome('gil', format('select api.verify_phone(%L)', (select m ->> 'code' from pg_temp.mails('verify_phone', '+41790000001') m)));
  perform pg_temp.outcome('gil', $q$select api.change_phone('+41790000002')$q$);
  perform pg_temp.outcome('gil', format('select api.change_email(%L, %L)', 'eve@example.net', pg_temp.hash('e')));
  perform pg_temp.outcome(null, $q$select api.forgot_password('gil@example.org')$q$);
end $$;
select ok((select u.is_phone_verified from app.users u where u.username = 'gil'), 'somebody has prepared an account with an address that is not theirs');
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('g') || ''')', pg_temp.token('reset_password', 'gil@example.org')), 'ok', 'the owner of the address resets the password');
select is((select (u.status, u.is_email_verified, u.password_hash)::text from app.users u where u.username = 'gil'), ('active', true, pg_temp.hash('g'))::text,
  'BR-110: a reset verifies the address that it was mailed to');
select is(pg_temp.outcome('gil', 'select api.get_me()'), 'authentication_required', 'BR-110: whoever was signed in to a pre-registered account is out');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'eve@example.net')), 'token_invalid', 'BR-110: the change of address that they asked for is void');
select is((select count(*) from app.phone_verification_codes c where c.user_id = pg_temp.id('gil') and c.used_at is null and c.revoked_at is null), 0::bigint, 'BR-109: so is the code on their telephone');
select ok((select not u.is_phone_verified from app.users u where u.username = 'gil'), 'BR-110: their telephone counts as verified no more');

-- Invitations
do $$ begin perform pg_temp.person('helper', 'support'); end $$;
select is(pg_temp.outcome('ann', $$select api.create_user('hal@example.org', 'hal')$$), 'forbidden', 'BR-501: an account is made for others only by who may');
select is(pg_temp.outcome('helper', $$select (api.create_user('hal@example.org', 'hal', 'Hal', null, null, 'de')).status$$), 'inactive', 'an invited account is inactive');
select is((select (u.password_hash, u.is_email_verified)::text from app.users u where u.username = 'hal'), (null::text, false)::text, 'BR-016: nobody sets the first password but the person');
select is(pg_temp.outcome(null, $$select api.login('hal', null)$$), 'invalid_credentials', 'BR-016: an invited person cannot sign in before');
select is(pg_temp.outcome('helper', $$select api.create_user('HAL@example.org', 'hal2')$$), 'email_taken', 'BR-001: nobody is invited to an address that has an account');
update private.clock set shift = '71 hours';
create function pg_temp.accept(name text, consent text) returns text language sql as $$
  select pg_temp.outcome(null, format('select api.reset_password(%L, %L, %s)', pg_temp.token('invitation', name || '@example.org'), pg_temp.hash('h'), consent))
$$;
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('h') || ''')', pg_temp.token('invitation', 'hal@example.org')), 'consent_required', 'BR-028: an invitation is not accepted without consent');
select is(pg_temp.accept('hal', consent), 'consent_required', format('BR-028: nor with %s', consent)) from unnest(array['false', 'null']) consent;
select is(pg_temp.accept('hal', 'true'), 'ok', 'BR-016: the mailed invitation sets the first password, within three days');
select is((select (c.purpose, c.is_granted, c.client_address)::text from app.consents c where c.user_id = pg_temp.id('hal')), '(data_processing,t,198.51.100.7)', 'BR-028: and the consent is on record');
select isnt((select u.gdpr_consent_at from app.users u where u.username = 'hal'), null, 'and its time stands with the account');
select is((select l.details from audit.audit_logs l where l.action = 'password.reset' and l.user_id = pg_temp.id('hal')), '{"purpose": "invitation"}'::jsonb, 'and the log says that it was an invitation');
select is(pg_temp.status('hal'), 'active', 'an invited person has shown that the address is theirs');

-- A message that is done
select throws_ok($$update app.outbox set sent_at = private.now(), next_attempt_at = null where payload is not null$$, '23514', null, 'BR-113: a message that was sent keeps neither its recipient nor its token');
select throws_ok($$update app.outbox set failed_at = private.now(), next_attempt_at = null where payload is not null$$, '23514', null, 'BR-113: nor does one that was given up');

-- The limit of mails to one recipient
update app.rate_limit_policies set quota = 2 where name = 'mail';
do $$ begin
  for i in 1 .. 5 loop
    assert pg_temp.outcome(null, $q$select api.forgot_password('fay@example.org')$q$) = 'ok';
  end loop;
end $$;
select is((select count(*) from pg_temp.mails('reset_password', 'fay@example.org')), 2::bigint, 'BR-407: nobody gets more mails than the limit allows, whoever asks');
update app.rate_limit_policies set quota = 5 where name = 'mail_daily';
do $$ begin
  for i in 1 .. 10 loop
    update private.clock set shift = make_interval(hours => 71, mins => 3 * i);
    assert pg_temp.outcome(null, $q$select api.forgot_password('fay@example.org')$q$) = 'ok';
  end loop;
  update private.clock set shift = '0';
end $$;
select is((select count(*) from pg_temp.mails('reset_password', 'fay@example.org')), 5::bigint, 'BR-407: nor many a day, however patient one is');
select is_empty($$select from app.rate_limits r where r.subject ~ 'example|fay'$$, 'the counter does not name the recipient');

-- Others who use the limit up
create function pg_temp.ask(route text, times integer) returns bigint language plpgsql as $$
begin
  for i in 1 .. times loop
    assert pg_temp.outcome(null, format('select api.%I(%L)', route, 'kim@example.org')) = 'ok';
  end loop;
  return (select count(*) from pg_temp.mails('reset_password', 'kim@example.org'));
end
$$;
update app.rate_limit_policies set quota = 2 where name = 'mail';
do $$ begin perform pg_temp.person('kim'), pg_temp.ask('request_email_verification', 5); end $$;
select is(pg_temp.ask('forgot_password', 1), 1::bigint, 'BR-407: requests for another kind of mail use up no reset');
select is(pg_temp.ask('forgot_password', 5), 2::bigint, 'BR-407: those for resets do');
insert into app.login_sources (user_id, source, last_login_at) values (pg_temp.id('kim'), '198.51.100.7', private.now());
select is(pg_temp.ask('forgot_password', 1), 3::bigint, 'BR-407: but not where somebody has signed in from before');
select is(pg_temp.ask('forgot_password', 5), 4::bigint, 'BR-407: which has a limit of its own');

create function pg_temp.register_and_leave(times integer) returns bigint language plpgsql as $$
begin
  for i in 1 .. times loop
    perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true)', 'lea@example.org', 'lea', pg_temp.hash('a')));
    perform private.change_status(private.find_user('lea'), 'delete');
  end loop;
  return (select count(*) from pg_temp.mails('verify_email', 'lea@example.org'));
end
$$;
select is(pg_temp.register_and_leave(5), 2::bigint, 'BR-407: who registers an address again and again makes no more mails than that');

-- An invitation that was too old
do $$ begin
  perform pg_temp.outcome('helper', $q$select api.create_user('ida@example.org', 'ida')$q$);
  update private.clock set shift = '72 hours 1 minute';
end $$;
select is(pg_temp.accept('ida', 'true'), 'token_invalid', 'BR-108: an invitation expires after three days');
do $$ begin perform pg_temp.outcome(null, $q$select api.forgot_password('ida@example.org')$q$); end $$;
select is((select array_agg(o.template) from app.outbox o where o.user_id = pg_temp.id('ida')), '{invitation,invitation}', 'BR-029: who has no password yet and asks for one is invited again');
select is(pg_temp.accept('ida', 'false'), 'consent_required', 'BR-028: which takes consent as well');
select is(pg_temp.accept('ida', 'true'), 'ok', 'BR-029: and sets the first password');
do $$ begin perform pg_temp.outcome(null, $q$select api.forgot_password('ida@example.org')$q$); end $$;
select is(pg_temp.outcome(null, 'select api.reset_password(%L, ''' || pg_temp.hash('i') || ''')', pg_temp.token('reset_password', 'ida@example.org')), 'ok', 'a reset takes no consent, which was given');
select is((select count(*) from app.consents c where c.user_id = pg_temp.id('ida')), 1::bigint, 'and records none');

-- An address in other forms of its letters
do $$ begin perform pg_temp.person('jan'), pg_temp.outcome(null, $q$select api.forgot_password(U&'\FF2AAN@example.org')$q$); end $$;
select is((select array_agg(o.recipient) from app.outbox o where o.user_id = pg_temp.id('jan')), '{jan@example.org}', 'BR-001: is the same one, and the mail goes to the one on record');

select * from finish();
rollback;
