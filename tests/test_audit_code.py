"""What a superuser replaces, disables or opens is told by `pgroster audit verify`, whatever the database says."""

import psycopg
import pytest

from api import audit_code, audit_verdicts, doctor_database
from api.settings import OperatorError
from tests.databases import TestDatabase
from tests.sealing import account, until_sealed, value, write

LIE = "begin is_intact := true; seals := 1; rows := 1; unsealed := 0; end"
WAYS: dict[str, tuple[str, str]] = {
    "verification that finds nothing": (
        f"""create or replace function admin.verify_audit(
              "from" timestamptz default null, "to" timestamptz default null, out is_intact boolean, out seals bigint,
              out rows bigint, out unsealed bigint, out problem text, out seal bigint, out row_id bigint)
            language plpgsql stable security definer set search_path = pg_catalog, pg_temp as '{LIE}'""",
        "function admin.verify_audit(timestamp with time zone,timestamp with time zone) is another one",
    ),
    "a digest that fits everything": (
        """create or replace function audit.values_digest(salt bytea, old_values jsonb, new_values jsonb) returns bytea
           language sql stable as 'select null::bytea'""",
        "function audit.values_digest(bytea,jsonb,jsonb) is another one",
    ),
    "a log that writes nothing": (
        """create or replace function audit.append(
             action text, entity text, entity_id text, user_id uuid, changed_fields text[], old_values jsonb,
             new_values jsonb, details jsonb) returns boolean language plpgsql as 'begin return true; end'""",
        "function audit.append(text,text,text,uuid,text[],jsonb,jsonb,jsonb) is another one",
    ),
    "an event that is not recorded": (
        """create or replace function private.record_failed_login(account app.users, reason text) returns void
           language plpgsql as 'begin end'""",
        "function private.record_failed_login(app.users,text) is another one",
    ),
    "another owner of a function": (
        "alter function audit.seal(timestamptz, integer) owner to postgres",
        "function audit.seal(timestamp with time zone,integer) is another one",
    ),
    "a trigger that is off": (
        "alter table app.users disable trigger _900_record_change",
        "trigger app.users _900_record_change is another one",
    ),
    "a trigger that is gone": (
        "drop trigger _000_refuse_truncate on app.users",
        "trigger app.users _000_refuse_truncate is missing",
    ),
    "a refusal that is off": (
        "alter table audit.seals disable trigger _000_refuse_change",
        "trigger audit.seals _000_refuse_change is another one",
    ),
    "a guard that is off": (
        "alter event trigger pgroster_guard_end disable",
        "event trigger pgroster_guard_end is another one",
    ),
    "no guard at all": (
        "drop event trigger pgroster_guard_start, pgroster_guard_end, pgroster_guard_drop",
        "event trigger pgroster_guard_drop is missing",
    ),
    "a policy for everybody": (
        "create policy other on audit.audit_logs using (true)",
        "policy audit.audit_logs other should not be there",
    ),
    "a policy that lets anything in": (
        "alter policy audit_logs_append on audit.audit_logs with check (true)",
        "policy audit.audit_logs audit_logs_append is another one",
    ),
    "no row-level security": (
        "alter table audit.archives disable row level security",
        "table audit.archives is another one",
    ),
    "a grant": ("grant delete on audit.seals to roster_owner", "table audit.seals is another one"),
    "a rule that swallows rows": (
        "create rule swallow as on insert to audit.audit_logs do instead nothing",
        "rule audit.audit_logs swallow should not be there",
    ),
    "a view in place of the seals": (
        "alter table audit.seals rename to other; create view audit.seals as select * from audit.other",
        "view audit.seals should not be there",
    ),
    "a log without a write-ahead log": (
        "alter table audit.archives set unlogged",
        "table audit.archives is another one",
    ),
    "functions for everybody": (
        "alter default privileges for role roster_audit_owner grant execute on functions to public",
        "default privileges roster_audit_owner everywhere f is missing",
    ),
    "a member of its owner": (
        "create role code_member; grant roster_audit_owner to code_member",
        "membership code_member in roster_audit_owner should not be there",
    ),
    "a login for which no trigger fires": (
        "alter role roster_authenticator set session_replication_role = replica",
        "setting roster_authenticator should not be there",
    ),
}


@pytest.fixture
def compared(database: TestDatabase) -> TestDatabase:
    """A database of a PostgreSQL that has a lock file."""
    if audit_code.differing(database.admin) is None:
        pytest.skip("no lock file for this PostgreSQL")
    return database


@pytest.mark.parametrize("what", WAYS)
def test_what_a_superuser_does_to_the_code_is_told(compared: TestDatabase, what: str) -> None:
    """BR-218: and named, by the command and by the doctor."""
    statement, expected = WAYS[what]
    assert audit_code.differing(compared.admin) == []
    try:
        compared.admin.execute(statement.encode())
        found = audit_verdicts.of_code(compared.admin)
        assert found["problem"] == "code_differs"
        assert f"  {expected}" in found["message"].splitlines()
        assert doctor_database.audit_trail(compared.admin).state == "fail"
    finally:
        compared.admin.execute("alter role roster_authenticator reset session_replication_role")
        compared.admin.execute("drop role if exists code_member")


def test_what_somebody_added_beside_it_is_no_difference(compared: TestDatabase) -> None:
    """BR-218: a function of one's own is what pgroster is extended by."""
    compared.admin.execute("create function api.mine() returns integer language sql as 'select 1'")
    found = audit_verdicts.of_code(compared.admin)
    assert (found["problem"], doctor_database.audit_trail(compared.admin).state) == (None, "ok")


def test_no_function_of_the_database_is_believed(database: TestDatabase) -> None:
    """BR-218: a row is found changed although every function that would tell was replaced."""
    account(database.admin, "ann")
    write(database.admin, 5)
    until_sealed(database.admin)
    database.admin.execute(WAYS["verification that finds nothing"][0].encode())
    with database.admin.transaction():
        database.admin.execute("set local session_replication_role = replica")
        database.admin.execute(
            "update audit.audit_logs set route = 'x' where id = (select max(id) from audit.audit_logs)"
        )
    # Nor what a seal's digest is taken over.
    database.admin.execute(
        "create or replace function audit.seal_text(seal audit.seals) returns text language sql stable as 'select null'"
    )
    assert value(database.admin, "select is_intact from admin.verify_audit()")
    found = audit_verdicts.of_log(database.admin, None, None)
    assert (found["problem"], found["row_id"]) == (
        "row_changed",
        value(database.admin, "select max(id) from audit.audit_logs"),
    )


def test_who_cannot_see_the_log_is_told_so(database: TestDatabase) -> None:
    """What row-level security hides is not taken for missing."""
    account(database.admin, "ann")
    until_sealed(database.admin)
    database.admin.execute("grant usage on schema audit to roster_reporting")
    database.admin.execute("grant select on audit.seals, audit.audit_logs to roster_reporting")
    with psycopg.connect(database.admin_dsn, autocommit=True) as connection:
        connection.execute("set role roster_reporting")
        with pytest.raises(OperatorError, match="roster_auditor"):
            audit_verdicts.of_log(connection, None, None)
        connection.execute("reset role")
        connection.execute("set role roster_auditor")
        assert audit_verdicts.of_log(connection, None, None)["problem"] is None
