-- An address changes when its new owner has read a mail there. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(42);
\ir people.psql
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('cid'), pg_temp.person('dan'), pg_temp.person('helper', 'support'); update app.rate_limit_policies set quota = 1000; end $$;

create function pg_temp.email(name text) returns text language sql as $$ select u.email::text from app.users u where u.id = pg_temp.id($1) $$;
create function pg_temp.change(name text, email text) returns text language sql as $$
  select pg_temp.outcome($1, format('select api.change_email(%L, %L)', $2, pg_temp.hash('a')))
$$;

-- The password
select is(pg_temp.outcome(null, $$select api.change_email('ann@example.net')$$), '42501', 'nobody changes an address without being signed in');
select is(pg_temp.outcome('ann', $$select api.change_email('ann@example.net', null)$$), 'reauthentication_failed', 'BR-020: a change of address needs the password');
select is(pg_temp.outcome('ann', format('select api.change_email(%L, %L)', 'ann@example.net', pg_temp.hash('b'))), 'reauthentication_failed', 'BR-020: the current one');
select is((select u.failed_login_attempts from app.users u where u.username = 'ann'), 2, 'BR-406: each wrong password counts, and once, however many accounts there are');
select is((select sum(u.failed_login_attempts) from app.users u), 2::bigint, 'and for this account only');
select is_empty($$select from app.outbox o where o.recipient like '%example.net'$$, 'and nothing is mailed');

-- The change
select is(pg_temp.change('ann', 'Ann@Example.net'), 'ok', 'with it the change is asked for');
select is(pg_temp.email('ann'), 'ann@example.org', 'BR-013: until the new address is verified the old one stays');
select is((select m ->> 'new_email' from pg_temp.mails('email_change_requested', 'ann@example.org') m), 'Ann@Example.net', 'BR-013: the old address is told at once');
select is((select count(*) from pg_temp.mails('verify_email', 'ann@example.org')), 0::bigint, 'the token goes to the new address only');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'Ann@Example.net')), 'ok', 'the token is used by whoever reads there');
select is(pg_temp.email('ann'), 'Ann@Example.net', 'BR-013: the change takes effect with the verification');
select is((select m ->> 'new_email' from pg_temp.mails('email_changed', 'ann@example.org') m), 'Ann@Example.net', 'BR-013: the old address is told again');
select is(private.find_user('ann@example.org'), null, 'the old address signs nobody in');
select is((select count(*) from audit.audit_logs l where l.user_id = pg_temp.id('ann') and l.action in ('email.change_requested', 'email.changed')), 2::bigint, 'both steps are in the log');
select is(pg_temp.outcome('bob', 'select api.get_me()'), pg_temp.outcome('bob', 'select api.get_me()'), 'other people notice nothing');
select is(pg_temp.change('bob', 'ann@example.org'), 'ok', 'the old address is free');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'ann@example.org')), 'ok', 'BR-001: so somebody else can make it theirs');

-- A taken address
select is(pg_temp.change('cid', 'ANN@example.net'), 'ok', 'BR-014: that an address is taken is not told to whoever asks');
select is((select count(*) from pg_temp.mails('email_already_used', 'Ann@Example.net')), 1::bigint, 'BR-014: its owner is told, at the address as they wrote it');
select is((select count(*) from pg_temp.mails('verify_email', 'ANN@example.net')), 0::bigint, 'and no token is mailed');
select is(pg_temp.email('cid'), 'cid@example.org', 'nothing has changed');

-- What the person who asks can see: their export, their activity, what becomes of an older token
create function pg_temp.seen_by(name text) returns jsonb language plpgsql as $$
declare
  v_export api.personal_data;
begin
  perform set_config('request.session', (select p.secret from people p where p.name = $1), true);
  v_export := api.export_me();
  return jsonb_build_array(
    (select jsonb_agg(t - '{id,user_id,email,created_at,expires_at,revoked_at}'::text[] || jsonb_build_object('revoked', t ->> 'revoked_at' is not null) order by t ->> 'created_at')
     from jsonb_array_elements(v_export.data -> 'email_verification_tokens') t),
    (select jsonb_agg(o - '{id,user_id,recipient,created_at,next_attempt_at}'::text[] order by o ->> 'created_at') from jsonb_array_elements(v_export.data -> 'outbox') o),
    (select jsonb_agg((l -> 'action', l -> 'changed_fields', l #> '{new_values,template}') order by l -> 'id') from jsonb_array_elements(v_export.events) l where l ->> 'action' <> 'login.failed'),
    (select jsonb_agg(a.action order by a.occurred_at, a.action) from unnest((api.list_my_activity(null, 100)).items) a));
end
$$;
do $$ begin
  perform pg_temp.person(n) from unnest('{fay,gus}'::text[]) n;
  perform pg_temp.change('fay', 'fay@example.net'), pg_temp.change('gus', 'gus@example.net');
  perform set_config('test.older', pg_temp.token('verify_email', 'fay@example.net'), true);
  perform pg_temp.change('fay', 'ann@EXAMPLE.net'), pg_temp.change('gus', 'free@example.net');
end $$;
select is(pg_temp.seen_by('fay'), pg_temp.seen_by('gus'), 'BR-014: to ask for a taken address leaves what to ask for a free one does');
select is((select string_agg(o.recipient, ' ' order by o.recipient) from app.outbox o where o.user_id = pg_temp.id('fay') and o.template = 'verify_email'), 'ann@EXAMPLE.net fay@example.net', 'BR-014: and shows the address as it was asked for');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', current_setting('test.older')), 'token_invalid', 'BR-014: an older token dies with either');

-- Taken between the request and the verification
select is(pg_temp.change('cid', 'race@example.org'), 'ok', 'two people want the same free address');
select is(pg_temp.change('dan', 'race@example.org'), 'ok', 'both are asked to verify it');
create temp table race as select m ->> 'token' as token, m ->> 'username' as username from pg_temp.mails('verify_email', 'race@example.org') m;
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', (select token from race where username = 'dan')), 'ok', 'one does');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', (select token from race where username = 'cid')), 'email_taken', 'BR-014: for the other it is taken');
select is(pg_temp.email('cid'), 'cid@example.org', 'who keeps the old one');

-- What a newer request, a suspension or a deletion does to a change on its way
do $$ begin
  perform pg_temp.change('cid', 'cid1@example.net');
  perform set_config('test.first', pg_temp.token('verify_email', 'cid1@example.net'), true);
  perform pg_temp.change('cid', 'cid2@example.net');
end $$;
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', current_setting('test.first')), 'token_invalid', 'BR-108: only the newest change can be verified');
do $$ begin perform api.suspend_user(pg_temp.id('cid')); end $$;
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'cid2@example.net')), 'token_invalid', 'BR-109: a change on its way dies with a suspension');
select is((select u.status::text from app.users u where u.username = 'cid'), 'suspended', 'which nothing mailed lifts');
do $$ begin perform pg_temp.change('dan', 'dan@example.net'), api.delete_user(pg_temp.id('dan')); end $$;
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'dan@example.net')), 'token_invalid', 'BR-109: a change on its way dies with the account');

-- An administrator cannot take an account over by its address
select is_empty($$select from pg_proc p where p.proname in ('update_user', 'update_me', 'update_account') and 'email' = any (p.proargnames)$$,
  'BR-013: no other function changes an address');
select is(pg_temp.outcome('helper', format('update app.users set email = %L where username = %L', 'x@example.org', 'ann')), '42501', 'nor does a statement');

-- Only the writing differs
select is(pg_temp.change('ann', 'ANN@EXAMPLE.NET'), 'ok', 'one''s own address can be written differently');
select is(pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'ANN@EXAMPLE.NET')), 'ok', 'which is verified like any other');
select is(pg_temp.email('ann'), 'ANN@EXAMPLE.NET', 'BR-004: an address is kept as it was written');

-- An owner who is erased while the mail to them waits
do $$ begin perform pg_temp.change('gus', 'Fay@example.org'), private.erase_account(pg_temp.id('fay'), 'request'); end $$;
select is_empty($$select from app.outbox o where concat(o.recipient, o.payload ->> 'recipient') ~* 'fay@example\.org'$$, 'BR-303: the mail to an owner who is erased goes nowhere');
select is((select (o.failed_at is not null)::text || o.last_error from app.outbox o where o.user_id = pg_temp.id('gus') order by o.failed_at limit 1), 'trueits recipient was erased', 'and is on record as given up');

-- The limit
update app.rate_limit_policies set quota = 1 where name = 'mail';
do $$ begin perform pg_temp.sign_in('bob'), pg_temp.change('bob', 'bob1@example.net'); end $$;
select is(pg_temp.change('bob', 'bob2@example.net'), 'rate_limited', 'BR-407: an account asks for a limited number of mails, to whatever addresses');

select * from finish();
rollback;
