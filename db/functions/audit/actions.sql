-- What the column `action` can hold: the events, and three kinds of change for each table that is watched.
-- Rows that are older than the watched tables of today may hold others.
create or replace function audit.actions() returns table (action text, kind text, meaning text, details text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select e.action, 'event', e.meaning, e.details from audit.events() e
  union all
  select c.relname || '.' || k.verb, 'change', format('A row of %I.%I was %s.', n.nspname, c.relname, k.happened), null
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace,
  (values ('inserted', 'added'), ('updated', 'changed'), ('deleted', 'removed')) as k (verb, happened)
  where t.tgfoid = 'audit.tg__record_change()'::regprocedure
  order by 1
$$;
comment on function audit.actions() is 'The vocabulary of the column action: events, and changes of the tables that are watched.';
revoke all on function audit.actions() from public;
grant execute on function audit.actions() to roster_dba, roster_auditor, roster_owner;
