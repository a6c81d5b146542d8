-- The audit log: one row for each change, no secrets, append-only. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(85);

\ir callers.psql

create function pg_temp.rows_of(statement text) returns bigint language plpgsql as $$
declare
  v_before bigint := (select count(*) from audit.audit_logs);
begin
  execute statement;
  return (select count(*) from audit.audit_logs) - v_before;
end
$$;
create function pg_temp.last(field text) returns text language sql as
  $$ select to_jsonb(l) ->> last.field from audit.audit_logs l order by l.id desc limit 1 $$;
do $$ begin perform pg_temp.person('ann'), pg_temp.person('bob'); end $$;

-- One row for each change
select is(pg_temp.rows_of($$insert into app.roles (name) values ('one'), ('two')$$), 2::bigint, 'two new rows are two rows');
select is(pg_temp.last('action'), 'roles.inserted', 'the action is the table and what happened');
select is(pg_temp.last('new_values')::jsonb ->> 'name', 'two', 'a new row is told in full');
select is(pg_temp.last('old_values'), null, 'and has nothing old');
select is(pg_temp.rows_of($$update app.roles set description = 'Second' where name = 'two'$$), 1::bigint, 'BR-201: a change is one row');
select is(pg_temp.last('changed_fields')::jsonb, '["description"]', 'with the fields that changed');
select is(pg_temp.last('old_values') || pg_temp.last('new_values'), '{"description": ""}{"description": "Second"}', 'as they were and as they are');
select is(pg_temp.last('entity_id'), (select id::text from app.roles where name = 'two'), 'and the key');
select is(pg_temp.rows_of($$delete from app.roles where name in ('one', 'two')$$), 2::bigint, 'two deletions are two rows');
select is(pg_temp.last('old_values')::jsonb ->> 'description', 'Second', 'a deleted row is told in full');
select is(pg_temp.last('new_values'), null, 'and has nothing new');
select is(pg_temp.rows_of($$update app.users set username = username$$), 0::bigint, 'what changes nothing leaves no row');
select is(pg_temp.rows_of($$update app.users set updated_at = now(), version = version + 1$$), 0::bigint, 'nor does bookkeeping');
select is(pg_temp.rows_of($$update app.user_roles set expires_at = now() + interval '1 year' where user_id = pg_temp.id('ann')$$), 1::bigint, 'a role for a time is a change');
select is(pg_temp.last('user_id'), pg_temp.id('ann')::text, 'about that person');
select is(pg_temp.last('entity_id'), (select user_id || ',' || role_id from app.user_roles where user_id = pg_temp.id('ann')), 'a key of two columns is both');
create function pg_temp.undone() returns void language plpgsql as $$
begin
  update app.users set is_email_verified = true;
  raise exception 'undone';
exception when raise_exception then
  null;
end
$$;
select is(pg_temp.rows_of('select pg_temp.undone()'), 0::bigint, 'BR-201: what is rolled back leaves no row');
select is((select count(distinct transaction_id) from audit.audit_logs where occurred_at >= now()), 1::bigint, 'every row has its transaction');
select ok((select bool_and(l.id > l.before) from (select id, lag(id) over (order by id) as before from audit.audit_logs) l), 'rows are in the order of writing');

-- No secrets
select is(pg_temp.rows_of($$update app.users set password_hash = pg_temp.hash('new') where username = 'ann'$$), 1::bigint, 'a new hash is a change');
select is(pg_temp.last('changed_fields') || pg_temp.last('old_values') || pg_temp.last('new_values'), '["password_hash"]{}{}', 'that says so and nothing else');
do $$
begin
  perform api.refresh(to_jsonb(api.login('bob', pg_temp.hash('bob'))) ->> 'refresh_token');
  delete from app.email_verification_tokens where user_id = pg_temp.id('ann');
  insert into app.password_reset_tokens (user_id, token_hash, expires_at) values (pg_temp.id('ann'), private.digest('reset'), now() + interval '1 hour');
  insert into app.email_verification_tokens (user_id, email, token_hash, expires_at) values (pg_temp.id('ann'), 'ann@example.org', private.digest('verify'), now() + interval '1 hour');
end
$$;
select is_empty(
  $$select l.action, k from audit.audit_logs l, jsonb_object_keys(coalesce(l.old_values, '{}') || coalesce(l.new_values, '{}') || coalesce(l.details, '{}')) k
    where k ~ '(hash|secret|salt|token|password)$'$$,
  'BR-203: no value of a secret column is in the log');
select is_empty(
  $$select l.action from audit.audit_logs l, (
      select password_hash::text as secret from app.users union all select encode(secret_hash, 'hex') from app.sessions
      union all select encode(token_hash, 'hex') from app.refresh_tokens union all select encode(sealed_secret, 'hex') from app.refresh_tokens
      union all select encode(successor_salt, 'hex') from app.refresh_tokens union all select encode(token_hash, 'hex') from app.password_reset_tokens
      union all select encode(token_hash, 'hex') from app.email_verification_tokens union all select encode(cursor_key, 'hex') from private.secrets) s
    where position(s.secret in l::text) > 0$$,
  'nor anywhere else in it');

-- Who, when, from where
select is(pg_temp.last('request_id') || ' ' || pg_temp.last('client_address'), 'request-1 192.0.2.7', 'a row has the request and its address');
select is(pg_temp.last('database_role'), session_user::text, 'and the database login');
do $$ begin perform set_config('request.context', jsonb_build_object('user_agent', repeat('x', 500), 'route', 'api.x()')::text, true), audit.record_event('email.verified', pg_temp.id('bob'), '{"a": 1}'); end $$;
select is(length(pg_temp.last('user_agent')), 300, 'a long user agent is cut off');
select is(pg_temp.last('route') || pg_temp.last('details') || (pg_temp.last('user_id')::uuid = pg_temp.id('bob')), 'api.x(){"a": 1}true', 'an event has its route, its details and whom it is about');
select is(pg_temp.last('actor_user_id'), pg_temp.id('bob')::text, 'BR-205: and who did it, by their session');
do $$ begin perform set_config('request.session', 'made up', true), audit.record_event('email.verified'); end $$;
select is(pg_temp.last('actor_user_id'), null, 'a session that does not exist is nobody');
update private.clock set shift = '1 hour';
do $$ begin perform set_config('request.context', '', true), audit.record_event('email.verified'); end $$;
select ok(abs(extract(epoch from pg_temp.last('occurred_at')::timestamptz - private.now())) < 5, 'the time is the product''s clock');
select is(pg_temp.last('request_id'), null, 'without a request there is none');
update private.clock set shift = '0';
select is(pg_temp.outcome($$select audit.record_event('made.up')$$), '22023', 'BR-231: an event that the vocabulary lacks is refused');
select is(pg_temp.outcome($$select audit.record_event('users.inserted')$$), '22023', 'an event cannot pass for a change');

-- Append-only
create temp table attempts (statement text);
insert into attempts values
  ('update audit.audit_logs set action = ''a.b'''), ('delete from audit.audit_logs'), ('truncate audit.audit_logs'),
  (format('update audit.%I set action = ''a.b''', 'audit_logs_' || to_char(now() at time zone 'UTC', 'YYYY_MM'))),
  (format('delete from audit.%I', 'audit_logs_' || to_char(now() at time zone 'UTC', 'YYYY_MM'))),
  (format('truncate audit.%I', 'audit_logs_' || to_char(now() at time zone 'UTC', 'YYYY_MM'))),
  (format('truncate audit.%I', 'audit_logs_' || to_char(now() at time zone 'UTC' + interval '6 months', 'YYYY_MM')));
grant select on attempts to public;
select is(pg_temp.outcome(statement), 'audit_append_only', 'a superuser is refused: ' || statement) from attempts;
create function pg_temp.as_role(role text, statement text) returns text language plpgsql as $$
declare
  v_outcome text;
begin
  perform set_config('role', as_role.role, true);
  v_outcome := pg_temp.outcome(as_role.statement);
  perform set_config('role', 'none', true);
  return v_outcome;
end
$$;
select is(array_agg(distinct pg_temp.as_role(role, statement)), '{42501}', role || ' may try none of these')
from attempts, unnest('{roster_owner,roster_authenticator,roster_anonymous,roster_user,roster_dba,roster_auditor,roster_reporting}'::text[]) role group by role;
select is(pg_temp.as_role('roster_auditor', 'select admin.verify_audit(), admin.audit_head(), admin.audit_partitions(), audit.actions()'), 'ok', 'an auditor verifies the log without asking an operator');
select is(pg_temp.as_role(role, $$insert into audit.audit_logs (occurred_at, action, database_role) values (now(), 'a.b', 'x')$$), '42501', role || ' may not write a row either')
from unnest('{roster_owner,roster_authenticator,roster_anonymous,roster_user,roster_dba,roster_auditor,roster_reporting}'::text[]) role;
select is(pg_temp.as_role(role, $$select audit.record_event('a.b')$$), '42501', role || ' may not record an event')
from unnest('{roster_authenticator,roster_anonymous,roster_user,roster_dba,roster_auditor,roster_reporting}'::text[]) role;
select is(pg_temp.as_role('roster_owner', 'select audit.append(null, null, null, null, null, null, null, null)'), '42501', 'nor does the owner of the tables append a row that it made up');
select is(pg_temp.as_role('roster_owner', statement), '42501', 'nor may it: ' || statement)
from unnest(array['alter table audit.audit_logs disable trigger all', 'drop table audit.audit_logs', 'alter table audit.audit_logs no force row level security',
  'drop trigger _000_refuse_change on audit.audit_logs', 'create or replace function audit.tg__refuse_change() returns trigger language plpgsql as ''begin return null; end''',
  format('alter table audit.audit_logs detach partition audit.%I', 'audit_logs_' || to_char(now() at time zone 'UTC', 'YYYY_MM'))]) statement;
do $$ begin perform set_config('test.rows', (select count(*)::text || sum(hashtext(l::text)) from audit.audit_logs l), true); end $$;
select is(array_agg(distinct pg_temp.as_role('roster_audit_owner', statement) order by pg_temp.as_role('roster_audit_owner', statement)), '{audit_append_only,ok}', 'the owner of the log itself is refused, or finds nothing') from attempts;
select is((select count(*)::text || sum(hashtext(l::text)) from audit.audit_logs l), current_setting('test.rows'), 'BR-202: in all that not one row changed');

select is(pg_temp.as_role('roster_audit_owner', format($$insert into audit.audit_logs (occurred_at, action, database_role, new_values) values (now(), %L, 'x', '{}')$$, action)), '42501', 'BR-202: a row that does not say what its action says is refused: ' || action)
from unnest('{users.updated,login.failed,users.deleted,made up}'::text[]) action;

-- Partitions
select is((select count(*) from pg_inherits where inhparent = 'audit.audit_logs'::regclass), 7::bigint, 'there are partitions for this month and six more');
select is((select count(*) from pg_partitioned_table where partdefid <> 0), 0::bigint, 'there is no default partition');
select is(admin.create_audit_partitions(), 0, 'none is missing');
update private.clock set shift = '1 year';
select is(pg_temp.outcome($$select pg_temp.person('carl')$$), '23514', 'BR-206: a change that cannot be logged is refused');
select is((select count(*) from app.users where username = 'carl'), 0::bigint, 'and does not happen');
select is(admin.create_audit_partitions(), 7, 'the partitions of another time can be made');
select is(pg_temp.outcome($$select pg_temp.person('carl')$$), 'ok', 'and then it happens');
select is_empty(
  $$select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'audit.audit_logs'::regclass
      and (not c.relrowsecurity or not c.relforcerowsecurity or obj_description(c.oid, 'pg_class') is null or c.relowner <> 'roster_audit_owner'::regrole
           or (select count(*) from pg_trigger t where t.tgrelid = c.oid and t.tgfoid = 'audit.tg__refuse_change()'::regprocedure) <> 2)$$,
  'every partition is closed like the whole: policies, triggers, owner, comment');
select is(pg_temp.outcome(format('truncate audit.%I', 'audit_logs_' || to_char(private.now() at time zone 'UTC', 'YYYY_MM'))), 'audit_append_only', 'a new one too');

-- Last, since a session that has met such a rule goes on refusing.
create rule swallow as on insert to audit.audit_logs do instead nothing;
select is(pg_temp.outcome(statement), '55000', 'BR-206: a row that the log does not take refuses what it tells: ' || statement)
from unnest(array[$$select audit.record_event('email.verified')$$, $$insert into app.roles (name) values ('three')$$]) statement;

select * from finish();
rollback;
