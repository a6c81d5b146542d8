-- The helpers that hold a rule of their own: the clock, keys, folding, seals, cursors, If-Match, problems, domains.
-- How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(111);

\ir outcome.psql

-- now()
select ok(abs(extract(epoch from private.now() - clock_timestamp())) < 1, 'the clock tells the real time');
update private.clock set shift = '3 days';
select ok(abs(extract(epoch from private.now() - clock_timestamp()) - 3 * 86400) < 1, 'the clock can be moved');
set local role roster_user;
select is(pg_temp.outcome($$update private.clock set shift = '0'$$), '42501', 'a request cannot move the clock');
set local role roster_dba;
select is(pg_temp.outcome($$update private.clock set shift = '0'$$), '42501', 'an operator cannot move the clock');
reset role;
update private.clock set shift = '0';
select is(pg_temp.outcome('insert into private.clock default values'), '23505', 'there is one clock');

-- uuid_v7()
select matches(private.uuid_v7()::text, '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'a key is a UUID of version 7');
select ok(abs(('x' || left(replace(private.uuid_v7()::text, '-', ''), 12))::bit(48)::bigint - extract(epoch from clock_timestamp()) * 1000) < 1000,
  'a key begins with the time in milliseconds');
select is((select count(distinct private.uuid_v7()) from generate_series(1, 1000)), 1000::bigint, 'a thousand keys are all different');
select is((select count(distinct right(private.uuid_v7()::text, 17)) from generate_series(1, 1000)), 1000::bigint, 'the rest of a key is random');

-- fold()
select is(private.fold('Ann.LEE@Example.ORG'), 'ann.lee@example.org', 'capitals fold');
select is(private.fold(U&'ﬁ\FF21\FF22'), 'fiab', 'compatibility forms fold');
select is(private.fold(U&'e\0301'), private.fold(U&'\00C9'), 'a letter with its accent apart is the same letter');
select is(private.fold('ΝΙΚΟΣ@example.gr'), private.fold('νικος@example.gr'), 'BR-001: a sigma at the end of a word is one');
select is(private.fold('straße') = private.fold('strasse'), false, 'different letters stay different');
select is(private.fold(U&'\0130'), U&'i\0307', 'BR-001: a capital I with its dot is no i without one more, whatever the locale of the server');
select is(private.fold(U&'ann@post\3002example.jp'), 'ann@post.example.jp', 'BR-001: the full stop of Chinese and Japanese is a dot');
select is_empty(
  $$select to_hex(c) from generate_series(1, x'10ffff'::integer) c where c not between x'd800'::integer and x'dfff'::integer and private.fold(private.fold(chr(c))) <> private.fold(chr(c))$$,
  'no character folds further the second time');
select is(private.fold(null), null, 'nothing folds to nothing');
select is(private.fold(private.fold(U&'\212B\01C4ﷺ')), private.fold(U&'\212B\01C4ﷺ'), 'to fold twice changes nothing');

-- random_token(), digest(), base64url()
select matches(private.random_token(), '^[A-Za-z0-9_-]{43}$', 'a token is 43 characters of base64url');
select is((select count(distinct private.random_token()) from generate_series(1, 100)), 100::bigint, 'tokens differ');
select is(encode(private.digest('abc'), 'hex'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'a digest is SHA-256');
select is(private.base64url('\xfbefff'), '--__', 'base64url has - and _ for + and /');
select is(private.base64url('\x00'), 'AA', 'base64url has no padding');
select is(private.base64url(decode(repeat('00', 100), 'hex')), repeat('A', 134), 'base64url has no line breaks');

-- seal(), successor_token()
select is(private.seal(private.seal(decode(repeat('5a', 32), 'hex'), 'token'), 'token'), decode(repeat('5a', 32), 'hex'), 'who has the token unseals the secret');
select isnt(private.seal(private.seal(decode(repeat('5a', 32), 'hex'), 'token'), 'other'), decode(repeat('5a', 32), 'hex'), 'another token does not');
select isnt(private.seal(decode(repeat('5a', 32), 'hex'), 'token'), decode(repeat('5a', 32), 'hex'), 'a sealed secret is not the secret');
select isnt(private.seal(decode(repeat('00', 32), 'hex'), 'token'), private.digest('token'), 'the pad is not the digest that is stored beside it');
select is(private.successor_token('token', '\x01'), private.base64url(sha256('token'::bytea || '\x01')), 'a successor is the digest of the token and the salt');
select isnt(private.successor_token('token', '\x01'), private.successor_token('token', '\x02'), 'another salt makes another successor');

-- make_cursor(), read_cursor()
select is(private.read_cursor('list', private.make_cursor('list', '["2026-01-01T00:00:00+00:00", "a"]')), '["2026-01-01T00:00:00+00:00", "a"]'::jsonb,
  'a cursor stands for the position that it was made of');
select is(private.read_cursor('list', null), null, 'no cursor is no position');
select is(private.read_cursor('list', private.make_cursor('list', to_jsonb(repeat('😀', 254)))), to_jsonb(repeat('😀', 254)), 'a cursor holds the longest address');
select is(count(*), 0::bigint, 'cursors of every length can be read again')
from generate_series(0, 60) n
where private.read_cursor('list', private.make_cursor('list', to_jsonb(repeat('x', n)))) is distinct from to_jsonb(repeat('x', n));
select is(pg_temp.outcome(format('select private.read_cursor(%L, %L)', 'other', private.make_cursor('list', '[1]'))), 'cursor_invalid', 'a cursor of another list is refused');
select is(pg_temp.outcome(format('select private.read_cursor(%L, %L)', 'list', translate(private.make_cursor('list', '[1]'), 'abcdefABCDEF', 'bcdefaBCDEFA'))), 'cursor_invalid', 'an altered cursor is refused');
select is(pg_temp.outcome(format('select private.read_cursor(%L, %L)', 'list', private.base64url(repeat('x', 16)::bytea || '[1]'))), 'cursor_invalid', 'a cursor that was made up is refused');
select is(pg_temp.outcome(format('select private.read_cursor(%L, %L)', 'list', c)), 'cursor_invalid', format('%s is no cursor', left(c, 20)))
from unnest(array['', ' ', 'x', repeat('A', 23), repeat('A', 25), repeat('A', 2049), repeat('A', 30) || '=', repeat('é', 30), repeat('A', 24) || E'\n']) c;
select isnt(private.make_cursor('list', '[1]'), private.make_cursor('list' || chr(10), '[1]'), 'the name of the list is part of what is signed');
do $$ begin perform set_config('test.cursor', private.make_cursor('list', '[1]'), true); update private.secrets set cursor_key = decode(repeat('00', 32), 'hex'); end $$;
select is(pg_temp.outcome(format('select private.read_cursor(%L, %L)', 'list', current_setting('test.cursor'))), 'cursor_invalid', 'another key ends all cursors');

-- check_match()
select is(pg_temp.outcome(format('select private.check_match(%L, 7)', header)), outcome, format('If-Match %s for version 7: %s', coalesce(header, 'absent'), outcome))
from (values
  (null, 'ok'), ('"7"', 'ok'), ('*', 'ok'), (' * ', 'ok'), ('"6", "7"', 'ok'), ('"7","8"', 'ok'), (' "7" ', 'ok'),
  ('"6"', 'precondition_failed'), ('W/"7"', 'precondition_failed'), ('7', 'precondition_failed'), ('', 'precondition_failed'),
  ('"77"', 'precondition_failed'), ('"6", "8"', 'precondition_failed')) t (header, outcome);

-- fail(), refuse(), set_header()
select throws_ok($$select private.fail('email_taken')$$, 'UM409', 'The email address belongs to another account.', 'a failure is an SQLSTATE with the status, and a sentence');
select is(pg_temp.outcome($$select private.fail('no_such_code')$$), 'P0002', 'a code that is not in the registry is a mistake');
select is(pg_temp.outcome($$select private.refuse('no_such_code')$$), 'P0002', 'so it is for a refusal');
do $$ begin perform set_config('request.context', '{}', true); perform private.refuse('token_reused'); end $$;
select is(current_setting('response.status'), '401', 'a refusal sets the status');
select is(current_setting('response.problem')::jsonb - 'title' - 'detail', '{"code": "token_reused", "status": 401}'::jsonb, 'a refusal sets the problem');
set local role roster_user;
select is(pg_temp.outcome($$select private.fail('not_found')$$), 'not_found', 'a request can fail, although it cannot enter the schema of the registry');
set local role roster_anonymous;
select is(pg_temp.outcome($$select private.refuse('not_found')$$), 'not_found', 'a request without a session can refuse');
reset role;
do $$ begin perform set_config('response.headers', '', true), private.set_header('A', '1'), private.set_header('B', '2'), private.set_header('A', '"3"'); end $$;
select is(current_setting('response.headers')::jsonb, '{"A": "\"3\"", "B": "2"}'::jsonb, 'headers add up, and the last of a name holds');

-- domains
select is(pg_temp.outcome(format('select %L::app.%s', value, domain)), outcome, format('%s %s: %s', domain, left(value, 24), outcome))
from (values
  ('email', 'ann@example.org', 'ok'), ('email', 'ann@example', '23514'), ('email', 'a b@example.org', '23514'), ('email', 'a@b@example.org', '23514'),
  ('email', repeat('a', 243) || '@example.org', '23514'),
  ('email', 'änn@exämple.org', 'ok'), ('email', U&'\0430nn@example.org', 'ok'), ('email', U&'a\200Bnn@example.org', '23514'), ('email', U&'ann\00A0@example.org', '23514'),
  ('email', U&'ann@ex\00ADample.org', '23514'), ('email', U&'\FEFFann@example.org', '23514'), ('email', U&'ann\3164@example.org', '23514'), ('email', U&'ann\+0E0061@example.org', '23514'),
  ('person_name', U&'\0645\06CC\200C\062E\0648\0627\0647\0645', 'ok'), ('person_name', U&'Ann \202Enimda', '23514'), ('person_name', U&'Ann\2069', '23514'),
  ('device_name', U&'\2067Ann', '23514'),
  ('username', 'ann', 'ok'), ('username', 'an', '23514'), ('username', 'an@n', '23514'), ('username', U&'ann\00E9', '23514'), ('username', '-ann', '23514'),
  ('password_hash', '$2b$12$' || repeat('a', 53), 'ok'), ('password_hash', '$2b$11$' || repeat('a', 53), '23514'), ('password_hash', 'plain text', '23514'),
  ('password_hash', '$argon2id$v=19$m=19456,t=2,p=1$' || repeat('a', 22) || '$' || repeat('a', 43), 'ok'),
  ('password_hash', '$argon2i$v=19$m=19456,t=2,p=1$' || repeat('a', 22) || '$' || repeat('a', 43), '23514'),
  ('api_key_name', 'Backups', 'ok'), ('api_key_name', U&'\202Ekcab', '23514'),
  ('web_url', 'https://example.org', 'ok'), ('web_url', 'https://example.org:8443/a/b@c.png?x=y#z', 'ok'), ('web_url', 'https://bücher.example?x', 'ok'),
  ('web_url', 'https://example.org@example.net/', '23514'), ('web_url', 'https://example.net\@example.org/', '23514'), ('web_url', 'https:///x', '23514'),
  ('web_url', 'https://', '23514'), ('web_url', U&'https://example.org/\202Egnp', '23514'), ('web_url', 'javascript:alert(1)', '23514'),
  ('metadata', '[]', '23514'), ('web_url', 'http://example.org', '23514'), ('page_size', '101', '23514')) t (domain, value, outcome);

select * from finish();
rollback;
