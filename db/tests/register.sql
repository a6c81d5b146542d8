-- New accounts. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(42);

\ir callers.psql

-- What a registration makes
create temp table made as
  select * from api.register('Ann@Example.ORG', 'Ann', pg_temp.hash('ann'), true, 'Ann', 'Lee', '+41791234567', 'de-CH');
select is((select (m.email, m.username, m.status, m.is_email_verified, m.first_name, m.last_name, m.phone, m.locale)::text from made m),
  '(Ann@Example.ORG,Ann,inactive,f,Ann,Lee,+41791234567,de-CH)', 'an account is as the person wrote it, and not verified yet');
select is((select m.roles from made m), '{user}', 'everybody has the role user');
select is((select m.permissions from made m), '{}', 'which allows nothing special');
select is((select (u.email_key, u.username_key)::text from app.users u), '(ann@example.org,ann)', 'address and name are compared in lower case');
select is((select u.password_hash from app.users u), pg_temp.hash('ann')::app.password_hash, 'the hash is stored as it came');
select isnt((select u.gdpr_consent_at from app.users u), null, 'the time of the consent is kept');
select is((select (c.purpose, c.is_granted, host(c.client_address))::text from app.consents c), '(data_processing,t,192.0.2.7)', 'the consent is the first of a history');
select is((select count(*) from audit.audit_logs where action = 'account.registered' and user_id = (select id from made)
    and request_id = 'request-1' and client_address = '192.0.2.7'), 1::bigint, 'a registration is one event, with its request and its address');
select is((select array_agg(action order by action) from audit.audit_logs where action ~ 'inserted' and user_id = (select id from made)),
  '{consents.inserted,email_verification_tokens.inserted,outbox.inserted,user_profiles.inserted,user_roles.inserted,users.inserted}', 'and each new row leaves one row in the log');
select is((select count(*) from audit.audit_logs l where l::text ~ 'ann\.\.\.\.'), 0::bigint, 'the hash is in none of them');
select is((select (api.register('bob@example.org', 'bob', pg_temp.hash('bob'), true)).locale), 'en', 'the language is English unless said otherwise');

-- What is refused
select is(pg_temp.outcome($$select api.register('c@example.org', 'carl', pg_temp.hash('c'), false)$$), 'consent_required', 'BR-005: without consent there is no account');
select is(pg_temp.outcome($$select api.register('c@example.org', 'carl', pg_temp.hash('c'), null)$$), 'consent_required', 'silence is no consent');
select is(pg_temp.outcome($$select api.register('ann@example.org', 'carl', pg_temp.hash('c'), true)$$), 'email_taken', 'BR-001: a taken address is refused');
select is(pg_temp.outcome($$select api.register('ANN@EXAMPLE.org', 'carl', pg_temp.hash('c'), true)$$), 'email_taken', 'whatever its capitals');
select is(pg_temp.outcome(format('select api.register(%L, %L, pg_temp.hash(%L), true)', U&'\FF21nn@example.org', 'carl', 'c')), 'email_taken', 'and whatever the form of its letters');
select is(pg_temp.outcome($$select api.register('c@example.org', 'ANN', pg_temp.hash('c'), true)$$), 'username_taken', 'BR-002: a taken name is refused');
select is(pg_temp.outcome($$select api.register('no address', 'carl', pg_temp.hash('c'), true)$$), '23514', 'what is no address is refused');
select is(pg_temp.outcome($$select api.register('c@example.org', 'carl', 'correct horse battery staple', true)$$), '23514', 'BR-021: a plain password is refused');
select is(pg_temp.outcome(format('select api.register(%L, %L, pg_temp.hash(%L), true)', E'c\u0001@example.org', 'carl', 'c')), '23514', 'a control character is part of no address');
select is(pg_temp.outcome(format('select api.register(%L, %L, pg_temp.hash(%L), true)', repeat(U&'\FDFA', 200) || '@example.org', 'carl', 'c')), 'email_unacceptable',
  'an address that folds into more than 254 characters is refused');
select is((select count(*) from app.users), 2::bigint, 'no refusal leaves an account behind');
select is((select count(*) from audit.audit_logs where action = 'account.registered'), 2::bigint, 'nor a row in the log');

-- Addresses
select is((select (api.register(U&'e\0301ve@example.org', 'eve', pg_temp.hash('eve'), true)).email), U&'\00E9ve@example.org', 'BR-004: an address is stored in its composed form');
select is((select (api.register(U&'\FF46\FF41\FF59@\FF45xample.org', 'fay', pg_temp.hash('fay'), true)).email), 'fay@example.org', 'BR-004: and in the letters that others mean by it, so that mail reaches its owner');
select is(pg_temp.outcome(format('select api.register(%L, %L, %L, true)', U&'gil' || sign || 'x@example.org', 'gil', pg_temp.hash('g'))), 'email_unacceptable', format('BR-004: a letter that stands for a sign is refused: %s', sign))
from unnest(array[U&'\FF20', U&'\FF1C', U&'\FF0C', U&'\2474', U&'\FDFA', '¨']) sign;
select is(pg_temp.outcome(format('select api.register(%L, %L, %L, true)', 'ann' || sign || '@example.org', 'annie', pg_temp.hash('a'))), '23514', format('BR-004: an address has no invisible character, and is no code for another: %s', to_hex(ascii(sign))))
from unnest(array['=?', U&'\200B', U&'\FFF9', U&'\+01BCA0', U&'\+01D173', U&'\+0E0041']) sign;
update app.users set status = 'deleted', deleted_at = now() where username = 'Ann';
select is(pg_temp.outcome($$select api.register('ann@example.org', 'ann', pg_temp.hash('c'), true)$$), 'ok', 'BR-010: address and name of a deleted account are free');

-- Callers
set local role roster_anonymous;
select is(pg_temp.outcome($$select api.register('dan@example.org', 'dan', pg_temp.hash('dan'), true)$$), 'ok', 'nobody needs to be signed in to register');
select is(pg_temp.outcome('select from app.users'), '42501', 'and sees no account');
set local role roster_user;
select is(pg_temp.outcome($$select api.register('fay@example.org', 'fay', pg_temp.hash('fay'), true)$$), '42501', 'who is signed in does not register');
reset role;
select is(http.password_words('ann@example.org', 'annie', 'Anna', null), '{ann@example.org,ann,annie,Anna,pgroster}',
  'BR-022: a password may not resemble the address, its first part, the names or the service');

select * from finish();
rollback;
