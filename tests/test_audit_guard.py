"""Nobody but a superuser opens the audit log: every way is tried, by a login of every kind."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor

from api import doctor_database
from tests.databases import TestDatabase, fresh_database
from tests.sealing import account, until_sealed, value, verify, write

PASSERS_BY = (
    "roster_owner", "roster_authenticator", "roster_anonymous", "roster_user", "roster_dba", "roster_auditor",
    "roster_reporting",
)  # fmt: skip
TABLES = ("audit.audit_logs", "{partition}", "audit.seals", "audit.archives")
CHANGES = ("delete from {0}", "truncate {0}", "update {0} set month = month", "update {0} set route = 'x'")
DDL = (
    "alter table {0} disable trigger all",
    "alter table {0} disable trigger user",
    "alter table {0} disable row level security",
    "alter table {0} no force row level security",
    "alter table {0} owner to session_user",
    "alter table {0} rename to moved",
    "alter table {0} set schema public",
    "alter table {0} add column more integer",
    "alter table {0} set unlogged",
    "drop trigger _000_refuse_change on {0}",
    "create trigger _002_other before insert on {0} for each row execute function audit.tg__refuse_change()",
    "create policy other on {0} using (true)",
    "create rule other as on insert to {0} do instead nothing",
    "grant all on {0} to public",
    "drop table {0}",
    "drop table {0} cascade",
    "comment on table {0} is 'mine'",
    "create table public.mine () inherits ({0})",
    "create table public.mine (month date references {0} (month) on delete cascade)",
    "copy {0} from program 'true'",
)
ELSEWHERE = (
    "alter table audit.audit_logs attach partition app.notes for values from ('1999-01-01') to ('1999-02-01')",
    "alter table audit.audit_logs attach partition app.notes default",
    "create table public.mine partition of audit.audit_logs for values from ('1999-01-01') to ('1999-02-01')",
    "create table public.mine partition of audit.audit_logs default",
    "alter table audit.audit_logs alter column transaction_id set default '3'",
    "alter table audit.audit_logs alter column id set default 1",
    "alter table audit.audit_logs detach partition {partition}",
    "alter table audit.audit_logs drop column route",
    "alter table audit.audit_logs alter column route type varchar",
    "alter policy audit_logs_erase on audit.audit_logs using (true)",
    "drop policy audit_logs_append on audit.audit_logs",
    "drop index audit.audit_logs_transaction",
    "drop view audit.sealed_rows",
    "alter sequence audit.audit_logs_id_seq restart",
    "select setval('audit.audit_logs_id_seq', 1)",
    "create or replace function audit.tg__refuse_change() returns trigger language plpgsql as 'begin return old; end'",
    "create or replace function audit.opening() returns text language sql as 'select null'",
    "create function audit.mine() returns integer language sql security definer as 'select 1'",
    "alter function audit.tg__refuse_change() owner to session_user",
    "drop function audit.tg__guard_ddl() cascade",
    "drop event trigger pgroster_guard_start",
    "alter event trigger pgroster_guard_start disable",
    "set session_replication_role = replica",
    "alter system set session_replication_role = replica",
    "alter role roster_authenticator set session_replication_role = replica",
    "alter role roster_authenticator set event_triggers = off",
    "drop extension plpgsql cascade",
    "drop language plpgsql cascade",
    "create extension hstore schema audit",
    "alter extension pgcrypto set schema audit",
    "create table audit.mine (n integer)",
    "grant roster_audit_owner to session_user",
    "alter role roster_audit_owner login",
    "security label on table audit.seals is 'mine'",
    "alter schema audit rename to gone",
    "drop schema audit cascade",
    "drop owned by roster_audit_owner",
    "reassign owned by roster_audit_owner to session_user",
    "alter default privileges for role roster_audit_owner grant all on tables to public",
    "select audit.append(null, null, null, null, null, null, null, null)",
    "select audit.add_seal(null)",
    "select audit.seal_batch(now(), 1)",
)


@pytest.fixture(scope="module")
def guarded(template: NoopExecutor) -> Iterator[TestDatabase]:
    """A sealed log in a database that a superuser migrated; it belongs to somebody who may make roles."""
    with fresh_database(template) as database:
        account(database.admin, "ann")
        write(database.admin, 5)
        until_sealed(database.admin)
        database.admin.execute("create role guard_owner login createrole")
        database.admin.execute(sql.SQL("alter database {} owner to guard_owner").format(sql.Identifier(database.name)))
        yield database
        database.admin.execute("drop owned by guard_owner cascade")
        database.admin.execute(sql.SQL("alter database {} owner to postgres").format(sql.Identifier(database.name)))
        for (login,) in database.admin.execute("select rolname from pg_roles where rolname ~ '^guard_'").fetchall():
            database.admin.execute(sql.SQL("drop role {}").format(sql.Identifier(login)))


def login(database: TestDatabase, role: str | None) -> psycopg.Connection[Any]:
    """Somebody with a login of their own who is a member of one role."""
    name = f"guard_{role or 'owner'}"
    if role:
        database.admin.execute(sql.SQL("create role {} login in role {}").format(*map(sql.Identifier, (name, role))))
    return psycopg.connect(make_conninfo(database.admin_dsn, user=name), autocommit=True)


def partition(database: TestDatabase) -> str:
    """Where the rows are."""
    return str(value(database.admin, "select min(tableoid)::regclass::text from audit.audit_logs"))


def attempts(database: TestDatabase) -> list[str]:
    """Every way."""
    ways = [way.format(table) for table in TABLES for way in (*CHANGES, *DDL)] + list(ELSEWHERE)
    return [way.replace("{partition}", partition(database)) for way in ways]


def state(database: TestDatabase) -> Any:
    """Every row, and how the tables are closed."""
    query = """
        select (select sum(hashtextextended(l::text, 0)) from audit.audit_logs l)::text,
               (select sum(hashtextextended(s::text, 0)) from audit.seals s)::text,
               (select string_agg((oid, relowner, relacl, relrowsecurity, relforcerowsecurity)::text, ' ' order by oid)
                from pg_class c where c.relnamespace = 'audit'::regnamespace),
               (select string_agg((t.oid, t.tgname, t.tgenabled)::text, ' ' order by oid) from pg_trigger t),
               (select string_agg((p.oid, p.polqual::text)::text, ' ' order by oid) from pg_policy p),
               (select sum(hashtextextended((p.prosrc, p.proowner, p.proacl)::text, 0)) from pg_proc p
                where p.pronamespace = 'audit'::regnamespace)::text,
               (select string_agg((e.oid, e.evtenabled)::text, ' ' order by oid) from pg_event_trigger e)"""
    return [part for part in database.admin.execute(query).fetchone() or ()]


def succeeded(connection: psycopg.Connection[Any], statement: str) -> bool:
    """Whether a statement did anything."""
    try:
        return connection.execute(statement.encode()).rowcount != 0
    except psycopg.Error:
        return False


@pytest.mark.parametrize("role", [*PASSERS_BY, None], ids=[*PASSERS_BY, "the owner of the database"])
def test_no_role_changes_the_log_or_opens_it(guarded: TestDatabase, role: str | None) -> None:
    """BR-217: nor its partitions, its seals and what guards them."""
    before = state(guarded)
    with login(guarded, role) as connection:
        done = [way for way in attempts(guarded) if succeeded(connection, way)]
    assert [way for way in done if not way.startswith("grant")] == [], "a grant of nothing is a warning"
    assert state(guarded) == before


@pytest.mark.parametrize("way_in", ["inherits", "sets the role"])
def test_not_even_a_member_of_its_owner_does(guarded: TestDatabase, way_in: str) -> None:
    """BR-217: what CREATEROLE gives on PostgreSQL 15: it appends and erases at most, and that shows."""
    name = f"guard_{way_in.replace(' ', '_')}"
    guarded.admin.execute(sql.SQL("create role {} login in role roster_audit_owner").format(sql.Identifier(name)))
    before = state(guarded)
    with psycopg.connect(make_conninfo(guarded.admin_dsn, user=name), autocommit=True) as connection:
        if way_in == "sets the role":
            connection.execute("set role roster_audit_owner")
            guarded.admin.execute(sql.SQL("revoke roster_audit_owner from {}").format(sql.Identifier(name)))
        harmless = ("select setval", "select audit.seal_batch")
        ways = [way for way in attempts(guarded) if not way.startswith(harmless)]
        assert [way for way in ways if succeeded(connection, way)] == []
    assert state(guarded) == before
    assert verify(guarded.admin).is_intact


TRAP = """
create or replace function private.now() returns timestamptz language plpgsql as $$
begin
  if current_user = 'roster_audit_owner' then
    execute current_setting('test.attack');
  end if;
  return clock_timestamp();
end
$$"""


def test_the_owner_of_the_tables_gains_nothing_by_what_the_log_calls(guarded: TestDatabase) -> None:
    """BR-217: a helper of its own that the log's functions run with their rights opens nothing either."""
    before = state(guarded)
    guarded.admin.execute("create role guard_trapper login in role roster_owner")
    source = value(guarded.admin, "select pg_get_functiondef('private.now()'::regprocedure)")
    try:
        with psycopg.connect(make_conninfo(guarded.admin_dsn, user="guard_trapper"), autocommit=True) as connection:
            connection.execute("set role roster_owner")
            connection.execute(TRAP)
            # What finds no row to change is no error; the log's owner may append rows and columns, comment, and make
            # tables, which become partitions.
            harmless = (
                "delete from",
                "update audit.seals",
                "update audit.archives",
                "select",
                "comment",
                "create table audit",
            )
            for way in attempts(guarded):
                if way.startswith(harmless) or "add column" in way:
                    continue
                connection.execute("select set_config('test.attack', %s, false)", [way])
                assert not succeeded(connection, "select audit.record_event('login.failed')"), way
            connection.execute("select set_config('test.attack', 'delete from audit.audit_logs', false)")
            with connection.transaction(force_rollback=True):
                connection.execute("select audit.record_event('login.failed')")
                assert verify(guarded.admin).is_intact
    finally:
        guarded.admin.execute(source.encode())
    assert state(guarded) == before


def test_nobody_switches_the_log_off_for_a_table(guarded: TestDatabase) -> None:
    """BR-217: the owner of the tables neither drops nor disables the trigger that records their changes."""
    guarded.admin.execute("create role guard_quiet login in role roster_owner")
    with psycopg.connect(make_conninfo(guarded.admin_dsn, user="guard_quiet"), autocommit=True) as connection:
        connection.execute("set role roster_owner")
        for way in ("disable trigger _900_record_change", "disable trigger user", "disable trigger all"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"alter table app.users {way}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("drop trigger _900_record_change on app.users")
        connection.execute("create table app.notes (n integer)")
        connection.execute("drop table app.notes")
    with login(guarded, None) as connection:
        connection.execute("create temp table mine (n integer)")
        connection.execute("alter table mine add column more integer")


def test_partitions_are_still_made_and_dropped_by_the_service(database: TestDatabase) -> None:
    """BR-217: the functions of the log do their work under the guard, for who is no superuser."""
    database.admin.execute("create role guard_operator login in role roster_dba")
    try:
        with psycopg.connect(make_conninfo(database.admin_dsn, user="guard_operator"), autocommit=True) as operator:
            database.admin.execute("update private.clock set shift = '-8 years'")
            assert value(operator, "select admin.create_audit_partitions()") == 7
            database.admin.execute("update private.clock set shift = '0'")
            write(database.admin)
            until_sealed(database.admin)
            assert value(operator, "select admin.drop_expired_audit()")["dropped"]["rows"] == 0
    finally:
        database.admin.execute("drop role guard_operator")


def test_the_doctor_says_whether_the_log_is_guarded(database: TestDatabase) -> None:
    """Only a superuser can install the guard, so there are databases without."""
    assert doctor_database.guard(database.admin).state == "ok"
    database.admin.execute("alter event trigger pgroster_guard_end disable")
    found = doctor_database.guard(database.admin)
    assert (found.state, "docs/audit.md" in found.advice) == ("warn", True)
