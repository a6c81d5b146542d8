-- Accounts from elsewhere: one, many, and what becomes of their hashes. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(74);

create function pg_temp.bcrypt(name text, cost integer default 12) returns text language sql as
  $$ select format('$2b$%s$', cost) || rpad(name, 53, '.') $$;
create function pg_temp.argon2(name text, memory integer default 19456, passes integer default 2) returns text language sql as
  $$ select format('$argon2id$v=19$m=%s,t=%s,p=1$%s$%s', memory, passes, repeat('s', 22), rpad(name, 43, 'x')) $$;
create function pg_temp.id(name text) returns uuid language sql security definer as
  $$ select u.id from app.users u where u.username = name order by u.deleted_at nulls first limit 1 $$;
\ir outcome.psql
-- What comes of one row: its code, and the message where there is one.
create function pg_temp.row(content text) returns text language sql as
  $$ select concat_ws(' - ', r.code, r.message) from admin.import_users('{1}', array[content]) r $$;

-- One account
set local role roster_dba;
select is(pg_temp.outcome($$select admin.import_user('Ann@Example.org', 'Ann', pg_temp.bcrypt('ann'), 'Ann', 'Lee', '+41791234567', 'de-CH', true, '{"old_id": 7}')$$),
  'ok', 'an operator imports an account');
reset role;
select results_eq(
  $$select u.email::text, u.username::text, u.password_hash::text, u.status::text, u.is_email_verified, u.gdpr_consent_at, p.first_name::text,
           p.last_name::text, p.phone::text, p.locale::text, p.metadata::jsonb, u.password_changed_at is not null
    from app.users u join app.user_profiles p on p.user_id = u.id where u.id = pg_temp.id('Ann')$$,
  $$values ('Ann@Example.org', 'Ann', pg_temp.bcrypt('ann'), 'active', true, null::timestamptz, 'Ann', 'Lee', '+41791234567', 'de-CH', '{"old_id": 7}'::jsonb, true)$$,
  'it is as it was elsewhere, without a consent that nobody gave');
select is((select string_agg(r.name, ' ') from app.user_roles ur join app.roles r on r.id = ur.role_id where ur.user_id = pg_temp.id('Ann')), 'user', 'and has the role that everybody has');
select set_eq($$select action from audit.audit_logs where user_id = pg_temp.id('Ann')$$,
  array['users.inserted', 'user_profiles.inserted', 'user_roles.inserted', 'account.imported'], 'the log says where it comes from');
select is((select count(*) from audit.audit_logs l where l.user_id = pg_temp.id('Ann') and l::text like '%$2b$%'), 0::bigint, 'without the hash');
select is((select count(*) from app.outbox), 0::bigint, 'nobody gets a mail');
select is(pg_temp.outcome($$select admin.import_user('bob@example.org', 'bob')$$), 'ok', 'a hash is not needed');
select is((select row(u.status, u.password_hash, u.password_changed_at, p.locale)::text from app.users u join app.user_profiles p on p.user_id = u.id where u.id = pg_temp.id('bob')),
  '(inactive,,,en)', 'without it there is no password, and an address that is not verified stays so');
select throws_ok($$select admin.import_user(null, 'carl')$$, '23502', 'An account needs an email address and a username.', 'an account needs an address');
select throws_ok($$select admin.import_user('carl@example.org', null)$$, '23502', 'An account needs an email address and a username.', 'and a name');
select is(pg_temp.outcome($$select admin.import_user('nat@example.org', 'nat', null, null, null, null, null, null, null)$$), 'ok', 'whatever else is null has its default');
select is(pg_temp.outcome($$select admin.import_user('ANN@example.org', 'ann2')$$), 'email_taken', 'a taken address is refused');
select is(pg_temp.outcome($$select admin.import_user('ann2@example.org', 'ANN')$$), 'username_taken', 'a taken username is refused');
select is(pg_temp.outcome(format('select admin.import_user(''carl@example.org'', ''carl'', metadata => %L)', jsonb_build_object('a', repeat('x', 8192)))),
  'metadata_too_large', 'metadata have their limit');
select is(pg_temp.outcome($$select admin.import_user('carl@example.org', 'carl', 'plain text')$$), '23514', 'what is no hash is refused');
select is(pg_temp.outcome(format('select admin.import_user(''h%s@example.org'', ''hash%1$s'', %L)', n, hash)), outcome, format('%s: %s', left(hash, 30), outcome))
from (values
  (1, pg_temp.bcrypt('c', 11), '23514'), (2, pg_temp.bcrypt('c', 15), 'ok'), (3, pg_temp.bcrypt('c', 16), 'hash_too_costly'),
  (4, pg_temp.bcrypt('c', 31), 'hash_too_costly'), (5, pg_temp.argon2('c'), 'ok'), (6, pg_temp.argon2('c', 262144), 'ok'),
  (7, pg_temp.argon2('c', 262145), 'hash_too_costly'), (8, pg_temp.argon2('c', 9999999), 'hash_too_costly'),
  (9, pg_temp.argon2('c', 19456, 10), 'ok'), (10, pg_temp.argon2('c', 19456, 11), 'hash_too_costly')) t (n, hash, outcome);
set local role roster_user;
select is(pg_temp.outcome($$select admin.import_user('dora@example.org', 'dora')$$), '42501', 'a request cannot import');
reset role;
set local role roster_authenticator;
select is(pg_temp.outcome($$select admin.import_user('dora@example.org', 'dora')$$), '42501', 'neither can the service');
select is(pg_temp.outcome($$select * from admin.import_users('{1}', '{"{}"}')$$), '42501', 'nor many');
reset role;

-- Many rows
select is(pg_temp.row('{"email": "emil@example.org", "username": "emil", "is_email_verified": "yes", "metadata": "{\"a\": 1}"}'), 'imported', 'texts are read as what their field is');
select is((select row(u.status, p.metadata)::text from app.users u join app.user_profiles p on p.user_id = u.id where u.username = 'emil'), '(active,"{""a"": 1}")', 'as CSV has them');
select is(pg_temp.row('{"email": "fay@example.org", "username": "fay", "is_email_verified": true, "metadata": {"a": 1}, "phone": null}'), 'imported', 'and as JSON has them');
select is(pg_temp.row('{"email": "EMIL@example.org", "username": "Emil", "password_hash": "$2b$12$' || repeat('z', 53) || '"}'), 'exists', 'the same address and username again are the same person');
select is((select u.password_hash::text from app.users u where u.username = 'emil'), null, 'BR-026: who keeps what is there');
select is(pg_temp.row('{"email": "emil@example.org", "username": "other"}'), 'email_taken - The email address belongs to another account.', 'the same address with another username is not');
select is(pg_temp.row('{"email": "other@example.org", "username": "emil"}'), 'username_taken - The username belongs to another account.', 'the same username with another address is not');
do $$ begin perform private.change_status(pg_temp.id('emil'), 'delete'); end $$;
select is(pg_temp.row('{"email": "emil@example.org", "username": "emil"}'), 'deleted', 'BR-026: a file does not bring back who has left');
select is((select count(*) from app.users where username = 'emil'), 1::bigint, 'nor make them anew');
select is(pg_temp.row('{"email": "emil@example.org", "username": "emil2"}'), 'imported', 'the address is free for somebody else');
select results_eq(
  $$select r.line, r.code, r.user_id is not null from admin.import_users('{3,1,2}', array[
      '{"email": "gus@example.org", "username": "gus"}', '{"email": "gus@example.org", "username": "x"}', '{"email": "gus@example.org", "username": "gus"}']) r$$,
  $$values (3, 'imported', true), (1, 'invalid', false), (2, 'exists', true)$$,
  'rows are judged in their order, and a bad one keeps none of the others out');
select is(pg_temp.row(content), 'invalid - ' || message, left(content, 60))
from (values
  ('nonsense', 'row: A JSON object.'), ('[]', 'row: A JSON object.'), ('"x"', 'row: A JSON object.'), ('', 'row: A JSON object.'),
  (repeat('[', 200000), 'row: A JSON object.'), ('{"email": "\ud800"}', 'row: A JSON object.'), ('{"email": "\u0000"}', 'row: A JSON object.'),
  ('{"email": "hal@example.org"}', 'username: Missing.'), ('{"username": "hal"}', 'email: Missing.'),
  ('{"email": "hal@example.org", "username": "hal", "admin": true}', 'admin: A field of this name and kind is not known.'),
  ('{"email": "hal@example.org", "username": "hal", "first_name": ["H"]}', 'first_name: A field of this name and kind is not known.'),
  ('{"email": "hal", "username": "hal"}', 'email: An email address, at most 254 characters (RFC 5321, 4.5.3.1), none of them invisible.'),
  ('{"email": "hal@example.org", "username": "hal", "last_name": "a\nb"}', 'last_name: A name as a person writes it: 1 to 100 characters, no control characters.'),
  ('{"email": "hal@example.org", "username": "hal", "phone": "079 123 45 67"}', 'phone: A telephone number in international form, for example +41791234567 (ITU-T E.164).'),
  ('{"email": "hal@example.org", "username": "hal", "password_hash": "secret"}', 'password_hash: An Argon2id string, or a bcrypt string of cost 12 or more. Never plain text.'),
  ('{"email": "hal@example.org", "username": "hal", "is_email_verified": "$2b$12$"}', 'is_email_verified: Either true or false.'),
  ('{"email": "hal@example.org", "username": "hal", "metadata": "$2b$12$"}', 'metadata: A JSON object.'),
  ('{"email": "hal@example.org", "username": "hal", "metadata": "[]"}', 'metadata: A JSON object of the application''s own, at most 8 KiB as text.')) t (content, message);
select is(pg_temp.row(format('{"email": "hal@example.org", "username": "hal", "password_hash": "%s"}', pg_temp.bcrypt('hal', 20))),
  'hash_too_costly - The hash would take the service seconds to verify.', 'BR-025: a hash that takes long to verify is refused');
select is((select count(*) from app.users where username_key = 'hal'), 0::bigint, 'of a refused row nothing is there');

-- What becomes of a hash
select is(pg_temp.outcome($$select api.login('Ann', pg_temp.bcrypt('bad'), null, pg_temp.argon2('new'))$$), 'invalid_credentials', 'a sign-in that fails');
select is((select u.password_hash::text from app.users u where u.id = pg_temp.id('Ann')), pg_temp.bcrypt('ann'), 'leaves the hash');
do $$ begin update app.users set locked_until = private.now() + '1 minute' where username = 'Ann'; end $$;
select is(pg_temp.outcome($$select api.login('Ann', pg_temp.bcrypt('ann'), null, pg_temp.argon2('new'))$$), 'invalid_credentials', 'as does one during a lock');
do $$ begin update app.users set locked_until = null where username = 'Ann'; end $$;
select is((select u.password_hash::text from app.users u where u.id = pg_temp.id('Ann')), pg_temp.bcrypt('ann'), 'whatever the password is');
select is(pg_temp.outcome($$select api.login('Ann', pg_temp.bcrypt('ann'), null, pg_temp.argon2('new'))$$), 'ok', 'a good sign-in');
select is((select u.password_hash::text from app.users u where u.id = pg_temp.id('Ann')), pg_temp.argon2('new'), 'BR-023: replaces an outdated hash by the fresh one');
select is((select count(*) from audit.audit_logs where user_id = pg_temp.id('Ann') and action = 'password.rehashed'), 1::bigint, 'which the log tells');
select is(pg_temp.outcome($$select api.login('Ann', pg_temp.bcrypt('ann'), null, pg_temp.argon2('newer'))$$), 'invalid_credentials', 'what was verified before that counts no more');
select is(pg_temp.outcome($$select api.login('Ann', pg_temp.argon2('new'))$$), 'ok', 'the fresh one does');
select is((select u.password_hash::text from app.users u where u.id = pg_temp.id('Ann')), pg_temp.argon2('new'), 'and stays');

-- Decoys
do $$ begin perform admin.import_user('i' || n || '@example.org', 'import' || n, pg_temp.bcrypt(n::text, 13)) from generate_series(1, 500) n; end $$;
select is((select count(*) from generate_series(1, 200) n where http.login_hash('nobody' || n) is distinct from http.login_hash('NOBODY' || n)), 0::bigint, 'somebody unknown is always given the same hash');
select ok((select count(*) from generate_series(1, 200) n where http.login_hash('nobody' || n) like '$2b$13$%') > 100, 'BR-027: somebody unknown gets a hash of the kinds that are in use');
select is((select count(*) from generate_series(1, 200) n where exists (select from app.users u where u.password_hash = http.login_hash('nobody' || n))), 0::bigint, 'which is nobody''s');
select is((select count(*) from generate_series(1, 200) n where http.login_hash('nobody' || n)::app.password_hash is null), 0::bigint, 'and a hash by its form');
select is(http.login_hash('bob') like '$_____%', true, 'who has no password is given one, too');

select * from finish();
rollback;
