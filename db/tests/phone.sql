-- A telephone number is believed when a code sent to it comes back. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(34);
\ir people.psql
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('cid'); update app.rate_limit_policies set quota = 1000; end $$;

create function pg_temp.code(phone text) returns text language sql as $$ select m ->> 'code' from pg_temp.mails('verify_phone', $1) m limit 1 $$;
create function pg_temp.phone(name text) returns text language sql as $$
  select p.phone || case when u.is_phone_verified then ' verified' else ' unverified' end
  from app.users u join app.user_profiles p on p.user_id = u.id where u.id = pg_temp.id($1)
$$;
create function pg_temp.wrong(code text) returns text language sql as $$ select lpad(((code::integer + 1) % 1000000)::text, 6, '0') $$;

select is(pg_temp.outcome(null, $$select api.change_phone('+41791110001')$$), '42501', 'nobody changes a number without being signed in');
select is(pg_temp.outcome('ann', $$select api.change_phone('0791110001')$$), '23514', 'a number has its international form');
select is(pg_temp.outcome('ann', $$select api.verify_phone('000000')$$), 'code_invalid', 'without a request no code is right');
select is(pg_temp.outcome('ann', $$select api.change_phone('+41791110001')$$), 'ok', 'a code is asked for');
select matches(pg_temp.code('+41791110001'), '^[0-9]{6}$', 'six digits are sent to the number');
select is((select o.channel from app.outbox o where o.recipient = '+41791110001'), 'sms', 'as a text message');
select is(pg_temp.phone('ann'), null, 'BR-015: the number takes effect only when the code comes back');
select isnt((select c.code_hash::bytea from app.phone_verification_codes c), private.digest(pg_temp.code('+41791110001')), 'BR-101: a code is not kept as a plain digest, which a million guesses would undo');
select is(pg_temp.outcome('bob', 'select api.verify_phone(%L)', pg_temp.code('+41791110001')), 'code_invalid', 'a code is for one account');
select is(pg_temp.outcome('ann', 'select api.verify_phone(%L)', pg_temp.code('+41791110001')), 'ok', 'the code comes back');
select is(pg_temp.phone('ann'), '+41791110001 verified', 'BR-015: the number is the account''s, verified');
select is(pg_temp.outcome('ann', 'select api.verify_phone(%L)', pg_temp.code('+41791110001')), 'code_invalid', 'BR-111: a code works once');
select is((select count(*) from audit.audit_logs l where l.action = 'phone.verified' and l.user_id = pg_temp.id('ann')), 1::bigint, 'it is in the log');

-- A number that changes
select is(pg_temp.outcome('ann', $$select (api.update_me('{first_name}', first_name => 'Ann')).phone$$), '+41791110001', 'another field changes');
select is(pg_temp.phone('ann'), '+41791110001 verified', 'the number stays verified');
select is(pg_temp.outcome('ann', $$select (api.update_me('{phone}', phone => '+41791110002')).phone$$), '+41791110002', 'a number can be told without proof');
select is(pg_temp.phone('ann'), '+41791110002 unverified', 'BR-015: a number that was not verified says so');
select is(pg_temp.outcome('ann', $$select api.change_phone('+41791110002')$$), 'ok', 'it can be verified later');
select is(pg_temp.outcome('ann', 'select api.verify_phone(%L)', pg_temp.code('+41791110002')), 'ok', 'with a code');
select is(pg_temp.phone('ann'), '+41791110002 verified', 'like any other');

-- Guessing
do $$ begin
  perform pg_temp.outcome('bob', $q$select api.change_phone('+41791110003')$q$);
  for i in 1 .. 4 loop
    assert pg_temp.outcome('bob', 'select api.verify_phone(%L)', pg_temp.wrong(pg_temp.code('+41791110003'))) = 'code_invalid';
  end loop;
end $$;
select is((select c.attempts from app.phone_verification_codes c where c.user_id = pg_temp.id('bob')), 4, 'BR-111: wrong codes are counted');
select is((select count(*) from audit.audit_logs l where l.action = 'phone.verification_failed' and l.user_id = pg_temp.id('bob')), 5::bigint, 'and are in the log');
select is(pg_temp.outcome('bob', 'select api.verify_phone(%L)', pg_temp.code('+41791110003')), 'ok', 'the right code works after four wrong ones');
do $$ begin
  perform pg_temp.outcome('bob', $q$select api.change_phone('+41791110004')$q$);
  for i in 1 .. 5 loop
    assert pg_temp.outcome('bob', 'select api.verify_phone(%L)', pg_temp.wrong(pg_temp.code('+41791110004'))) = 'code_invalid';
  end loop;
end $$;
select is(pg_temp.outcome('bob', 'select api.verify_phone(%L)', pg_temp.code('+41791110004')), 'code_invalid', 'BR-111: after five wrong ones the right one works no more');
select is(pg_temp.phone('bob'), '+41791110003 verified', 'the old number stays');

-- Time, newer codes, the end of the account
do $$ begin perform pg_temp.outcome('bob', $q$select api.change_phone('+41791110005')$q$); end $$;
update private.clock set shift = '10 minutes 1 second';
select is(pg_temp.outcome('bob', 'select api.verify_phone(%L)', pg_temp.code('+41791110005')), 'code_invalid', 'BR-111: a code expires after ten minutes');
update private.clock set shift = '0';
do $$ begin
  perform set_config('test.first', pg_temp.code('+41791110005'), true);
  while coalesce(pg_temp.code('+41791110006'), current_setting('test.first')) = current_setting('test.first') loop
    perform pg_temp.outcome('bob', $q$select api.change_phone('+41791110006')$q$);
  end loop;
end $$;
select is(pg_temp.outcome('bob', 'select api.verify_phone(%L)', current_setting('test.first')), 'code_invalid', 'BR-108: only the newest code works');
select is(pg_temp.outcome('bob', 'select api.verify_phone(%L)', pg_temp.code('+41791110006')), 'ok', 'and that one does');
do $$ begin
  perform pg_temp.outcome('cid', $q$select api.change_phone('+41791110007')$q$);
  perform api.suspend_user(pg_temp.id('cid')), api.reactivate_user(pg_temp.id('cid')), pg_temp.sign_in('cid');
end $$;
select is(pg_temp.outcome('cid', 'select api.verify_phone(%L)', pg_temp.code('+41791110007')), 'code_invalid', 'BR-109: a code dies with a suspension');
select is((select count(distinct private.random_code()) > 990 from generate_series(1, 1000)), true, 'codes are random');
select is((select count(*) from generate_series(1, 1000) where private.random_code() !~ '^[0-9]{6}$'), 0::bigint, 'and always have six digits');

-- The limit
update app.rate_limit_policies set quota = 1 where name = 'mail';
do $$ begin perform pg_temp.person('dan'), pg_temp.outcome('dan', $q$select api.change_phone('+41791110008')$q$); end $$;
select is(pg_temp.outcome('dan', $$select api.change_phone('+41791110009')$$), 'rate_limited', 'BR-407: an account asks for a limited number of codes, for whatever numbers');
select matches(current_setting('response.headers')::jsonb ->> 'Retry-After', '^[0-9]+$', 'and is told when to come back');
select is(pg_temp.outcome('ann', $$select api.change_phone('+41791110008')$$), 'rate_limited', 'BR-407: a number gets a limited number of codes, whoever asks');

select * from finish();
rollback;
