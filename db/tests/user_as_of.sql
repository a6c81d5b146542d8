-- An account as it was at a time. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(36);
\ir people.psql

-- The clock goes on by a day from one step to the next; `m` names the moment between two.
create temp table moments (name text primary key, at timestamptz);
grant select on moments to public;
create procedure pg_temp.then_comes(name text) language plpgsql as $$
begin
  update private.clock set shift = shift + interval '1 day';
  insert into moments values (name, private.now());
  update private.clock set shift = shift + interval '1 day';
end
$$;
create function pg_temp.m(name text) returns timestamptz language sql as $$ select at from moments m where m.name = $1 $$;
create function pg_temp.was(moment text, columns text, name text default 'audrey') returns text language sql as $$
  select pg_temp.outcome(name, format('select (%s)::text from api.get_user_history(%L, %L) h', columns, pg_temp.id('ann'), pg_temp.m(moment)))
$$;

update app.settings set verification_token_ttl = '30 days';
do $$ begin perform pg_temp.person('root', 'admin'), pg_temp.person('audrey', 'auditor'), pg_temp.person('bob'); end $$;
call pg_temp.then_comes('before');
do $$ begin
  perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true, %L)', 'Ann@example.org', 'Ann', pg_temp.hash('a'), 'Ann'));
  insert into people values ('ann', pg_temp.id('ann'));
end $$;
call pg_temp.then_comes('registered');
do $$ begin
  perform pg_temp.outcome(null, 'select api.verify_email(%L)', pg_temp.token('verify_email', 'Ann@example.org'));
  perform pg_temp.sign_in('ann');
  perform pg_temp.outcome('ann', $q$select api.update_me('{last_name,metadata}', last_name => 'Lee', metadata => '{"plan": "free"}')$q$),
          pg_temp.outcome('ann', $q$select api.set_my_consent('newsletter', true, '2')$q$);
end $$;
call pg_temp.then_comes('verified');
do $$ begin
  perform pg_temp.outcome('root', $q$select api.create_role('helper', '{users:read}')$q$),
          pg_temp.outcome('root', $q$select api.assign_role(%L, 'helper')$q$, pg_temp.id('ann')::text),
          pg_temp.outcome('root', format('select api.assign_role(%L, %L, %L)', pg_temp.id('ann'), 'support', private.now() + interval '4 days'));
end $$;
call pg_temp.then_comes('promoted');
do $$ begin
  perform pg_temp.outcome('root', $q$select api.update_role('helper', '{users:read,audit:read}')$q$),
          pg_temp.outcome('ann', $q$select api.update_me('{username,last_name,metadata}', username => 'anne', metadata => '{}')$q$),
          pg_temp.outcome('ann', $q$select api.set_my_consent('newsletter', false, '2')$q$);
end $$;
call pg_temp.then_comes('renamed');
do $$ begin perform pg_temp.outcome('root', $q$select api.drop_role('helper')$q$), pg_temp.outcome('root', 'select api.delete_user(%L)', pg_temp.id('ann')::text); end $$;
call pg_temp.then_comes('deleted');
do $$ begin perform pg_temp.outcome('root', 'select api.restore_user(%L)', pg_temp.id('ann')::text); end $$;
call pg_temp.then_comes('restored');

select is(pg_temp.was('before', 'h.id'), 'not_found', 'BR-234: before it was made there was no account');
select is(pg_temp.was('registered', 'h.email, h.username, h.status, h.first_name, h.last_name'), '(Ann@example.org,Ann,inactive,Ann,)', 'BR-234: then it was as it was made');
select is(pg_temp.was('registered', 'h.roles, h.permissions'), '({user},{})', 'with the first role');
select is(pg_temp.was('registered', 'select string_agg(c.purpose || '' '' || c.is_granted, '','') from unnest(h.consents) c'), 'data_processing true', 'and the first consent');
select is(pg_temp.was('verified', 'h.status, h.is_email_verified, h.last_name, h.metadata'), '(active,t,Lee,"{""plan"": ""free""}")', 'BR-234: what has changed since shows as it was');
select is(pg_temp.was('verified', 'h.roles'), '{user}', 'roles that came later do not show');
select is(pg_temp.was('promoted', 'h.roles'), '{helper,support,user}', 'BR-234: a role that has been dropped since has its name');
select is(pg_temp.was('promoted', 'h.permissions'), '{sessions:manage,users:read,users:write}', 'and what it allowed');
select is(pg_temp.was('renamed', 'h.permissions'), '{audit:read,sessions:manage,users:read,users:write}', 'later it allowed more');
select is(pg_temp.was('renamed', 'h.username, h.last_name, h.metadata'), '(anne,,{})', 'BR-234: what was cleared is cleared');
select is(pg_temp.was('renamed', 'select string_agg(c.purpose || '' '' || c.is_granted, '','') from unnest(h.consents) c'), 'data_processing true,newsletter false', 'the newest consent of a purpose holds');
select is(pg_temp.was('deleted', 'h.status, h.deleted_at is not null'), '(deleted,t)', 'BR-234: then it was deleted');
select is(pg_temp.was('deleted', 'h.roles'), '{user}', 'a role that had ended by the clock does not show');
select is(pg_temp.was('restored', 'h.status, h.deleted_at, h.erased_at'), '(active,,)', 'BR-234: and restored');
select is(pg_temp.outcome('audrey', 'select (h.username, h.at > now())::text from api.get_user_history(%L) h', pg_temp.id('ann')::text), '(anne,t)', 'without a time it is as it is now');
select is(pg_temp.outcome('operator', format('select (h.username, h.status)::text from admin.user_as_of(%L, %L) h', pg_temp.id('ann'), pg_temp.m('registered'))), '(Ann,inactive)', 'an operator gets the same in psql');
select is(pg_temp.outcome('operator', format('select (h.username, h.status)::text from api.get_user_history(%L, %L) h', pg_temp.id('ann'), pg_temp.m('registered'))), '(Ann,inactive)', 'by either function');

-- Who may ask
select is(pg_temp.was('verified', 'h.id', name), outcome, format('BR-501: %s gets %s', name, outcome))
from (values ('root', pg_temp.id('ann')::text), ('audrey', pg_temp.id('ann')::text), ('bob', 'forbidden'), ('ann', 'forbidden')) v (name, outcome);
select is(pg_temp.outcome('audrey', 'select api.get_user_history(%L)', gen_random_uuid()::text), 'not_found', 'nobody has no history');
select is(pg_temp.outcome('audrey', 'select admin.user_as_of(%L, now())', pg_temp.id('ann')::text), '42501', 'admin.user_as_of is for operators');
select is(pg_temp.outcome('audrey', 'select private.user_as_of(%L, now())', pg_temp.id('ann')::text), '42501', 'and what both stand on for nobody');

-- What the log does not know: accounts made past it, and rows that were removed by hand
savepoint by_hand;
delete from app.users where id = pg_temp.id('bob');
select is(pg_temp.outcome('operator', format('select h.username from admin.user_as_of(%L, %L) h', (select id from people where name = 'bob'), pg_temp.m('registered'))), 'bob', 'BR-234: a row that was deleted by hand is in the log');
select is(pg_temp.outcome('operator', format('select h.roles from admin.user_as_of(%L, %L) h', (select id from people where name = 'bob'), pg_temp.m('registered'))), '{user}', 'with what went with it');
select is(pg_temp.outcome('operator', format('select h.username from admin.user_as_of(%L, %L) h', (select id from people where name = 'bob'), private.now() + interval '1 second')), 'not_found', 'and after that there is nobody');
rollback to by_hand;
set local session_replication_role = replica;
insert into app.users (email, username, created_at) values ('old@example.org', 'old', '2020-01-01');
set local session_replication_role = origin;
select is(pg_temp.outcome('operator', format('select (h.username, h.locale)::text from admin.user_as_of(%L, %L) h', pg_temp.id('old'), '2021-01-01')), '(old,)', 'BR-234: an account that the log does not have is as it is now');
select is(pg_temp.outcome('operator', format('select h.username from admin.user_as_of(%L, %L) h', pg_temp.id('old'), '2019-01-01')), 'not_found', 'since it was made');
select is(pg_temp.outcome('operator', format('select (h.username, h.at > now())::text from admin.user_as_of(%L) h', pg_temp.id('old'))), '(old,t)', 'BR-234: without a time it is the present');

-- After an erasure
do $$ begin perform pg_temp.outcome('root', 'select api.anonymize_user(%L)', pg_temp.id('ann')::text); end $$;
call pg_temp.then_comes('erased');
select is(pg_temp.was('erased', 'h.status, h.email, h.username, h.roles, h.consents, h.metadata'), '(deleted,,,,,)', 'BR-234: of an erased person nothing personal is known');
select is(pg_temp.was('erased', 'h.erased_at < h.at'), 'true', 'but when they were erased');
select is(pg_temp.was('renamed', 'h.status, h.email, h.username, h.first_name, h.roles'), '(,,,,)', 'BR-234: nor of the time before');
select is(pg_temp.was('renamed', 'h.erased_at > h.at, h.created_at < h.at'), '(t,t)', 'only that there was an account, and that it was erased later');
select is(pg_temp.was('before', 'h.id'), 'not_found', 'and that there was none before');
select is(pg_temp.outcome('audrey', format('select h.username from api.get_user_history(%L, %L) h', pg_temp.id('bob'), pg_temp.m('registered'))), 'bob', 'nobody else has lost their history');

select * from finish();
rollback;
