-- The outbox: what may be written to it, how workers get messages, and what is left when they are done.
-- How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(60);

do $$ begin perform api.register('ann@example.org', 'ann', '$2b$12$' || rpad('ann', 53, '.'), true); end $$;
create function pg_temp.ann() returns uuid language sql as $$ select u.id from app.users u where u.username = 'ann' $$;
create function pg_temp.message() returns app.outbox language sql as $$ select o from app.outbox o order by o.created_at desc limit 1 $$;
create function pg_temp.claim() returns uuid language sql as $$ select c.id from http.claim_message() c $$;
create procedure pg_temp.send(recipient text) language plpgsql as
  $$ begin perform private.send(pg_temp.ann(), 'password_changed', send.recipient); end $$;
create procedure pg_temp.send_code(code text) language plpgsql as
  $$ begin perform private.send(pg_temp.ann(), 'verify_phone', '+41791234567', jsonb_build_object('code', code), 'sms'); end $$;
create procedure pg_temp.forget() language plpgsql as
  $$ begin perform private.send_password_token(u, 'reset') from app.users u where u.id = pg_temp.ann(); end $$;
create function pg_temp.seconds_until(moment timestamptz) returns integer language sql as
  $$ select round(extract(epoch from moment - private.now()))::integer $$;

-- private.send()
select is((pg_temp.message()).template, 'verify_email', 'a registration leaves a message');
select is((pg_temp.message()).recipient, 'ann@example.org', 'it goes to the new address');
select is((pg_temp.message()).payload - 'token', '{"username": "ann", "service_name": "pgroster"}', 'it is told the names that every text needs');
select is(
  (select count(*) from app.email_verification_tokens t where t.token_hash = private.digest((pg_temp.message()).payload ->> 'token')),
  1::bigint, 'and the token whose digest is stored');
select throws_ok($$ select private.send(pg_temp.ann(), 'no_such_text', 'ann@example.org') $$, 'P0001', null, 'a message that no text exists for is refused');
select throws_ok($$ select private.send(pg_temp.ann(), 'verify_email', 'ann@example.org') $$, 'P0001', null, 'a message without its token is refused');
select throws_ok($$ select private.send(pg_temp.ann(), 'password_changed', '+41791234567', '{}', 'sms') $$, 'P0001', null, 'a mail does not go to a telephone');
select is(
  (select count(*) from http.messages()), (select count(distinct m.template) from http.messages() m), 'no message stands twice in the list');
select is_empty(
  $$ select m.template from http.messages() m
     where not exists (
       select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname in ('api', 'private', 'admin') and position(quote_literal(m.template) in p.prosrc) > 0) $$,
  'every message of the list is sent by some function');

-- http.claim_message(): a lease
select is((select c.id from http.claim_message() c), (pg_temp.message()).id, 'BR-116: a message that is due is handed to a worker');
select is((pg_temp.message()).attempts, 1, 'the attempt is counted before anything is sent');
select is(pg_temp.seconds_until((pg_temp.message()).next_attempt_at), 120, 'the message is lent for two minutes');
select isnt((pg_temp.message()).payload, null, 'a lent message is still whole');
select is(pg_temp.claim(), null, 'BR-116: nobody else gets it meanwhile');
update private.clock set shift = '119 seconds';
select is(pg_temp.claim(), null, 'not even shortly before the end');
update private.clock set shift = '121 seconds';
select is(pg_temp.claim(), (pg_temp.message()).id, 'BR-116: a worker that died leaves a message that comes due again');
select is((pg_temp.message()).attempts, 2, 'that is another attempt');

-- http.fail_message()
select is(http.fail_message((pg_temp.message()).id, 1, 'too late'), false, 'the attempt that lost its lease cannot fail the message');
select is((pg_temp.message()).last_error, null, 'nor say anything about it');
select is(http.fail_message((pg_temp.message()).id, 2, 'the recipient was answered 451'), false, 'a failed attempt is not the end');
select is((pg_temp.message()).last_error, 'the recipient was answered 451', 'the reason is kept');
select is(pg_temp.seconds_until((pg_temp.message()).next_attempt_at), 60, 'the second wait is a minute');
select is((pg_temp.message()).recipient, 'ann@example.org', 'the message is kept for the next attempt');
select is(pg_temp.claim(), null, 'it is not due yet');
update private.clock set shift = '182 seconds';
select is((select c.attempt from http.claim_message() c), 3, 'it comes due after the wait');
select is(http.fail_message((pg_temp.message()).id, 3, repeat('x', 1000)), false, 'a long reason is no error');
select is(length((pg_temp.message()).last_error), 200, 'it is cut');

-- private.retry_after()
select results_eq(
  $$ select extract(epoch from private.retry_after(n))::integer from generate_series(1, 12) n $$,
  array[30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 21600, 21600], 'BR-117: waits double from half a minute to six hours');
select isnt(private.retry_after(14), null, 'after the fourteenth failure there is another attempt');
select is(private.retry_after(15), null, 'BR-117: after the fifteenth there is none');
select cmp_ok((select sum(private.retry_after(n)) from generate_series(1, 14) n), '>', '1 day'::interval, 'all attempts together take longer than a day');

-- http.finish_message()
update private.clock set shift = '10 minutes';
select is((select c.attempt from http.claim_message() c), 4, 'the message is claimed once more');
select is(http.finish_message((pg_temp.message()).id), true, 'and handed over');
select isnt((pg_temp.message()).sent_at, null, 'it is marked as sent');
select is((pg_temp.message()).payload, null, 'BR-113: what it said is gone');
select is((pg_temp.message()).recipient, null, 'and to whom');
select is((pg_temp.message()).last_error, null, 'and what went wrong before');
select is(http.finish_message((pg_temp.message()).id), false, 'it is sent once');
select is(http.fail_message((pg_temp.message()).id, 4, 'too late'), false, 'a sent message cannot fail any more');
select is((pg_temp.message()).failed_at, null, 'and is not marked as failed');
update private.clock set shift = '10 days';
select is(pg_temp.claim(), null, 'a sent message never comes due again');
update private.clock set shift = '0';

-- Given up
call pg_temp.send('ann@example.org');
select is(pg_temp.claim(), (pg_temp.message()).id, 'a message without a token is claimed');
select is(http.fail_message((pg_temp.message()).id, 1, 'the recipient was answered 550', true), true, 'BR-117: what is refused for good is given up at once');
select results_eq(
  $$ select m.payload is null, m.recipient is null, m.next_attempt_at is null, m.failed_at is not null, m.last_error from pg_temp.message() m $$,
  $$ values (true, true, true, true, 'the recipient was answered 550') $$, 'BR-113: a dead letter keeps its reason and nothing of what it said');
call pg_temp.send('ann@example.org');
update app.outbox set attempts = 14 where next_attempt_at is not null;
select is((select c.attempt from http.claim_message() c), 15, 'the last attempt is made');
select is(http.fail_message((pg_temp.message()).id, 15, 'the connection was answered 421'), true, 'when it fails the message is given up');
call pg_temp.send('ann@example.org');
update app.outbox set attempts = 15 where next_attempt_at is not null;
select is(pg_temp.claim(), null, 'a message whose last worker died is not tried for ever');
select is((pg_temp.message()).last_error, 'no attempt came to an end', 'it says so');
select throws_ok(
  $$ update app.outbox set payload = '{}' where id = (pg_temp.message()).id $$, '23514', null, 'nothing can be put back into a message that is done');

-- Not worth sending any more
call pg_temp.forget();
update app.password_reset_tokens set revoked_at = private.now();
select is(pg_temp.claim(), null, 'BR-118: a token that was revoked is not mailed');
select is((pg_temp.message()).last_error, 'its token is not valid any more', 'the message says why');
call pg_temp.forget();
update private.clock set shift = '61 minutes';
select is(pg_temp.claim(), null, 'BR-118: nor one that has expired');
update private.clock set shift = '0';
insert into app.phone_verification_codes (user_id, phone, code_hash, expires_at)
values (pg_temp.ann(), '+41791234567', private.keyed_digest('phone ' || pg_temp.ann() || ' 123456'), private.now() + interval '10 minutes');
call pg_temp.send_code('123456');
select is((select c.channel from http.claim_message() c), 'sms', 'a code that is valid is sent');
call pg_temp.send_code('654321');
select is(pg_temp.claim(), null, 'one that is not is not');
call pg_temp.send('1@example.org');
call pg_temp.send('2@example.org');
call pg_temp.send('3@example.org');
update app.outbox set next_attempt_at = next_attempt_at - interval '1 hour' where recipient = '2@example.org';
select is((select c.recipient from http.claim_message() c), '2@example.org', 'what has been due longest goes first');

-- Who may
select is(has_function_privilege('roster_user', 'http.claim_message()', 'execute'), false, 'a request cannot claim messages');
select is(has_function_privilege('roster_dba', 'http.claim_message()', 'execute'), false, 'an operator cannot read them');
set local role roster_dba;
select isnt_empty('select template, attempts, last_error, failed_at from app.outbox where failed_at is not null', 'an operator sees dead letters');
select throws_ok('select payload from app.outbox', '42501', null, 'but never what a message says');
select throws_ok('select recipient from app.outbox', '42501', null, 'nor to whom it goes');

select * from finish();
rollback;
