-- Where registration is private nobody learns who has an account. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(29);
\ir people.psql
do $$ begin
  perform pg_temp.person('ann');
  update app.settings set registration = 'private';
end $$;

-- Everything that somebody outside can see of an answer.
create function pg_temp.register(email text, username text) returns text language plpgsql as $$
declare
  v_outcome text := pg_temp.outcome(null, format('select api.register(%L, %L, %L, true, phone => %L)', email, username, pg_temp.hash('x'), '+41790000000'));
begin
  return v_outcome || ' ' || current_setting('response.status') || ' ' || current_setting('response.headers');
end
$$;

select is(pg_temp.register('eve@example.org', 'eve'), 'ok 202 {"Answer-After": "250"}', 'BR-017: a private registration is accepted without an answer');
select is((select u.status::text from app.users u where u.username = 'eve'), 'inactive', 'the account is made');
select is((select count(*) from pg_temp.mails('verify_email', 'eve@example.org')), 1::bigint, 'its owner gets the mail that every registration sends');
select is((select c.purpose::text from app.consents c where c.user_id = pg_temp.id('eve')), 'data_processing', 'the consent is on record');
select is(pg_temp.register('ANN@example.org', 'fay'), 'ok 202 {"Answer-After": "250"}', 'BR-017: a taken address gets the same answer');
select is((select count(*) from pg_temp.mails('email_already_used', 'ann@example.org')), 1::bigint, 'BR-017: its owner is told by mail, at the address as they wrote it');
select matches((select u.email::text from app.users u where u.username = 'fay' and u.password_hash is null), '^nobody-[-0-9a-f]{36}@nobody\.invalid$', 'no account of anybody is made, but the name is taken');
select is(pg_temp.register('gil@example.org', 'ANN'), 'ok 202 {"Answer-After": "250"}', 'BR-017: a taken username gets the same answer');
select is((select array_agg(m ->> 'username') from pg_temp.mails('username_already_used', 'gil@example.org') m), '{null}', 'BR-017: and a mail says so, without the word that a stranger chose');
select is(private.find_user('gil@example.org'), null, 'no account is made for that either');
select is(pg_temp.register('ann@example.org', 'ann'), 'ok 202 {"Answer-After": "250"}', 'BR-017: both taken gets the same answer');
select is((select count(*) from app.users u where u.email not like '%.invalid'), 2::bigint, 'and leaves nothing');
-- Whoever registers Ann's address with a new name, and then tries the name, learns nothing:
select is(pg_temp.register('ann@example.org', 'probe'), pg_temp.register('probe1@example.org', 'probe'), 'BR-017: a name that was tried with a taken address');
select is(pg_temp.register('free@example.org', 'probe2'), pg_temp.register('probe2@example.org', 'probe2'), 'BR-017: looks like one that was tried with a free address');
select is((select count(*) from pg_temp.mails('username_already_used', address)), 1::bigint, format('BR-017: also in the mail to %s, who tries it', address))
from unnest('{probe1@example.org,probe2@example.org}'::text[]) address;
update app.users set is_email_verified = true, status = 'active' where username = 'eve';
do $$ begin perform pg_temp.sign_in('eve'); end $$;
select is(pg_temp.outcome('eve', format('select api.update_me(%L, username => %L)', '{username}', name)), 'username_taken', format('BR-017: and for who renames their own account to %s', name))
from unnest('{probe,probe2}'::text[]) name;
select is(pg_temp.outcome(null, format('select api.login(%L, %L)', identifier, pg_temp.hash('x'))), 'invalid_credentials', format('BR-017: and who then signs in as %s is refused', identifier))
from unnest('{ann@example.org,free@example.org,probe,probe2}'::text[]) identifier;
select is((select string_agg(distinct l.details ->> 'reason', ' ') from audit.audit_logs l where l.action = 'login.failed' and l.user_id = pg_temp.id('free@example.org')), 'unverified', 'BR-017: where the password is right, for want of a verified address');

select is(pg_temp.outcome(null, format('select api.register(%L, %L, %L, false)', 'hal@example.org', 'hal', pg_temp.hash('x'))), 'consent_required', 'BR-005: consent is needed here too');
do $$ begin
  update app.rate_limit_policies set quota = 3 where name = 'mail';
  for i in 1 .. 6 loop
    perform pg_temp.register('ann@example.org', 'again');
  end loop;
end $$;
select ok((select count(*) from app.outbox o where o.template = 'email_already_used' and o.user_id = pg_temp.id('ann')) <= 3, 'BR-407: the owner of a taken address is not flooded');
select is(pg_temp.register('ann@example.org', 'again'), 'ok 202 {"Answer-After": "250"}', 'BR-017: and the answer stays the same');

-- Public registration names what is taken
update app.settings set registration = 'public';
select is(left(pg_temp.register('ann@example.org', 'hal'), 11), 'email_taken', 'BR-001: public registration names a taken address');
select is(left(pg_temp.register('hal@example.org', 'ANN'), 14), 'username_taken', 'BR-002: and a taken name');
select is(left(pg_temp.register('hal@example.org', 'hal'), 1), '(', 'and answers with the account');

select * from finish();
rollback;
