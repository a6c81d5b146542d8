-- Consent is a history: who agreed to what when. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(30);
\ir people.psql
do $$ begin perform pg_temp.person('bob'), pg_temp.outcome(null, format('select api.register(%L, %L, %L, true)', 'ann@example.org', 'ann', pg_temp.hash('a'))), pg_temp.sign_in('ann'); end $$;

create function pg_temp.current(name text) returns text language sql as $$
  select pg_temp.outcome($1, $q$select string_agg(c.purpose || ' ' || c.is_granted || ' ' || c.text_version, ', ' order by c.purpose) from unnest((api.get_my_consents()).current) c$q$)
$$;
create function pg_temp.history(name text) returns text language sql as $$
  select pg_temp.outcome($1, $q$select string_agg(c.purpose || ' ' || c.is_granted || ' ' || c.text_version, ', ' order by n) from unnest((api.get_my_consents()).history) with ordinality c (purpose, is_granted, text_version, declared_at, n)$q$)
$$;

select is(pg_temp.outcome(null, format('select api.register(%L, %L, %L, %L)', 'x@example.org', 'xxx', pg_temp.hash('a'), consent)), 'consent_required', format('BR-005: no account without consent (%s)', coalesce(consent::text, 'null')))
from unnest(array[false, null]) consent;
select is(pg_temp.current('ann'), 'data_processing true 1', 'BR-005: a registration records the consent');
select isnt((select u.gdpr_consent_at from app.users u where u.username = 'ann'), null, 'and its time stands with the account');
select is((select c.client_address from app.consents c where c.user_id = pg_temp.id('ann')), '198.51.100.7', 'and where it came from');
select is(pg_temp.current('bob'), 'ok', 'who was never asked has agreed to nothing');
select is(pg_temp.outcome(null, 'select api.get_my_consents()'), '42501', 'consents are a person''s own');
select is(pg_temp.outcome('ann', $$select cardinality((api.set_my_consent('newsletter', true, '2026-01')).history)$$), '2', 'consent is given');
select is(pg_temp.outcome('ann', $$select cardinality((api.set_my_consent('newsletter', true, '2026-01')).history)$$), '2', 'BR-301: saying the same again adds nothing');
select is(pg_temp.outcome('ann', $$select cardinality((api.set_my_consent('newsletter', true, '2026-02')).history)$$), '3', 'BR-301: agreeing to a new text does');
select is(pg_temp.outcome('ann', $$select cardinality((api.set_my_consent('newsletter', false, '2026-02')).history)$$), '4', 'BR-301: so does withdrawing');
select is(pg_temp.current('ann'), 'data_processing true 1, newsletter false 2026-02', 'BR-301: the newest declaration of a purpose holds');
select is(pg_temp.history('ann'), 'newsletter false 2026-02, newsletter true 2026-02, newsletter true 2026-01, data_processing true 1', 'BR-301: all of them are kept, newest first');
create temp table first_consent as select u.gdpr_consent_at from app.users u where u.username = 'ann';
select is(pg_temp.outcome('ann', $$select cardinality((api.set_my_consent('data_processing', true, '2')).current)$$), '2', 'BR-301: a new text about the account itself is agreed to');
select ok((select u.gdpr_consent_at > f.gdpr_consent_at from app.users u, first_consent f where u.username = 'ann'), 'which shows with the account');

-- The consent that the account rests on
select is(pg_temp.outcome('ann', $$select api.set_my_consent('data_processing', false)$$), 'account_needs_consent', 'BR-311: the consent that the account rests on is not withdrawn while it stands');
select is(pg_temp.current('ann'), 'data_processing true 2, newsletter false 2026-02', 'BR-311: and nothing has changed');
do $$ begin perform set_config('test.deleted', pg_temp.outcome('ann', format('select api.delete_me(%L)', pg_temp.hash('a'))), true); end $$;
select is(current_setting('test.deleted'), 'ok', 'BR-311: to delete the account withdraws it');
select is((select (c.is_granted, c.text_version)::text from private.current_consent(pg_temp.id('ann'), 'data_processing') c), '(f,2)', 'BR-311: which is on record');
do $$ begin perform api.restore_user(pg_temp.id('ann')), pg_temp.sign_in('ann'); end $$;
select is(pg_temp.outcome('ann', 'select (api.get_me()).gdpr_consent_at'), 'ok', 'BR-311: who restores the account does not give it for its owner');
select is(pg_temp.outcome('ann', $$select cardinality((api.set_my_consent('data_processing', true)).history)$$), '7', 'who does so themselves');
do $$ begin perform api.delete_user(pg_temp.id('bob')); end $$;
select is_empty($$select from app.consents c where c.user_id = pg_temp.id('bob')$$, 'an administrator who deletes an account declares nothing in its owner''s name');

-- The text that is in force
update app.settings set consent_text_version = '2026-03';
do $$ begin perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true)', 'cid@example.org', 'cid', pg_temp.hash('a'))), pg_temp.sign_in('cid'), pg_temp.person('dan'); end $$;
select is(pg_temp.current('cid'), 'data_processing true 2026-03', 'BR-301: a registration agrees to the text that is in force');
select is(pg_temp.outcome('ann', $$select (api.set_my_consent('newsletter', true)).history[1].text_version$$), '2026-03', 'BR-301: so does whoever names no version');
select is(pg_temp.outcome('ann', $$select api.set_my_consent('No Purpose', true)$$), '23514', 'a purpose has its form');
select is(pg_temp.outcome('ann', statement), '42501', 'BR-301: a request changes no declaration: ' || statement)
from unnest(array['update app.consents set is_granted = true', 'delete from app.consents',
                  $$insert into app.consents (user_id, purpose, is_granted) select id, 'x', true from app.users limit 1$$]) statement;
select is(pg_temp.outcome('dan', 'select count(*) from app.consents'), '0', 'BR-508: nobody sees another''s');
select is((select count(*) from audit.audit_logs l where l.action = 'consents.inserted' and l.user_id = pg_temp.id('ann')), 8::bigint, 'BR-201: each declaration is in the log');

select * from finish();
rollback;
