-- News of an account, and to whom they go. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(9);
\ir people.psql
do $$ begin perform pg_temp.person('ann'), pg_temp.person('eve'); end $$;
-- Eve registered an address that is somebody else's.
update app.users set is_email_verified = false, status = 'inactive' where username = 'eve';

create function pg_temp.step() returns bigint language sql as $$ select (private.totp_steps())[1] $$;
create temp table news (template text primary key, statement text);
insert into news values
  ('api_key_created', $$select (api.create_my_api_key('visit bad.example', '{}', null, pg_temp.hash('a'))).name$$),
  ('mfa_enabled', format('select api.enrol_mfa(%L, pg_temp.hash(%L)), api.confirm_mfa(pg_temp.step())', '0123456789abcdef.' || repeat('A', 64), 'a')),
  ('mfa_disabled', $$select private.remove_second_factor(u) from app.users u where u.id = private.current_user_id()$$),
  ('email_change_requested', $$select api.change_email('visit.bad.example@example.net', pg_temp.hash('a'))$$),
  ('email_changed', $$select private.confirm_email(u, u.username || '@example.net') from app.users u where u.id = private.current_user_id()$$),
  ('password_changed', $$select api.change_password(pg_temp.hash('a'), pg_temp.hash('a'))$$);

create function pg_temp.news_of(name text) returns text language plpgsql as $$
begin
  perform set_config('request.session', (select p.secret from people p where p.name = news_of.name), true);
  execute (select string_agg(n.statement, '; ' order by array_position('{api_key_created,mfa_enabled,mfa_disabled,email_change_requested,password_changed,email_changed}', n.template)) from news n);
  perform set_config('request.session', '', true);
  return (select string_agg(o.template, ' ' order by o.template) from app.outbox o
          where o.user_id = pg_temp.id(news_of.name) and o.template in (select n.template from news n));
end
$$;
select is(pg_temp.news_of('ann'), 'api_key_created email_change_requested email_changed mfa_disabled mfa_enabled password_changed', 'BR-119: the owner of a verified address hears of all that');
select is(pg_temp.news_of('eve'), null, 'BR-119: an address that nobody has verified gets no news, whose words a stranger chooses');
select is((select count(*) from app.api_keys k where k.user_id = pg_temp.id('eve')), 1::bigint, 'what they are about has happened');

update app.users set email = 'eve@example.org', is_email_verified = false, status = 'inactive' where username = 'eve';

-- Whoever resets the password has verified the address with that.
do $$ begin perform private.send_password_token(u, 'reset') from app.users u where u.id = pg_temp.id('eve'); end $$;
insert into app.totp_factors (user_id, sealed_secret, confirmed_at, last_step) values (pg_temp.id('eve'), '0123456789abcdef.' || repeat('A', 64), private.now(), 1);
select is(pg_temp.outcome(null, 'select api.reset_password(%L, pg_temp.hash(''b''))', pg_temp.token('reset_password', 'eve@example.org')), 'ok', 'the owner of the address takes the account');
select is((select count(*) from pg_temp.mails(t, 'eve@example.org')), 1::bigint, 'BR-119: and hears what became of it: ' || t) from unnest('{password_changed,mfa_disabled}'::text[]) t;

-- Nothing goes past it
select is((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p where p.prosrc ~ '''(api_key_created|mfa_enabled|mfa_disabled|email_change_requested|email_changed|password_changed|recovery_code_used)''' and p.prosrc ~ 'private\.send\('), null, 'BR-119: news are sent in one way');
select is((select string_agg(m.template, ' ' order by m.template) from http.messages() m where m.channel = 'email' and m.template <> all ('{api_key_created,mfa_enabled,mfa_disabled,email_change_requested,email_changed,password_changed,recovery_code_used}')),
  'email_already_used invitation reset_password username_already_used verify_email', 'every other mail is asked for by its recipient or limited by recipient');
select is(pg_temp.outcome('operator', 'select private.send_notice(%L, ''mfa_enabled'')', pg_temp.id('ann')::text), '42501', 'nobody sends news by hand');

select * from finish();
rollback;
