"""What two people do at the same moment: rules that one transaction alone can't prove."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.databases import TestDatabase
from tests.waiting import together, until

ADMINS = 6
LEAVING = [
    "select api.suspend_user(%s)",
    "select api.delete_user(%s)",
    "select api.anonymize_user(%s)",
    "select api.remove_role(%s, 'admin')",
    "select api.assign_role(%s, 'admin', private.now() + interval '1 hour')",
    "select private.change_status(%s, 'delete')",
]


@pytest.fixture
def people(database: TestDatabase) -> Iterator["People"]:
    """Accounts in a database of this test's own, and operators who act on them."""
    crowd = People(database)
    yield crowd
    for connection in crowd.connections:
        connection.close()


class People:
    """Makes accounts and connections."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        self.connections: list[psycopg.Connection[Any]] = []

    def connect(self, autocommit: bool = True) -> psycopg.Connection[Any]:
        """One more operator."""
        self.connections.append(psycopg.connect(self.database.admin_dsn, autocommit=autocommit))
        return self.connections[-1]

    def account(self, name: str, role: str = "user") -> str:
        """An active account with a role; its id."""
        admin = self.database.admin
        query = "select (private.create_account(%s, %s, '$2b$12$' || repeat('a', 53), null, null, null, 'en')).id::text"
        row = admin.execute(query, [f"{name}@example.org", name]).fetchone()
        assert row
        admin.execute("update app.users set is_email_verified = true, status = 'active' where id = %s", [row[0]])
        admin.execute(
            "insert into app.user_roles (user_id, role_id) select %s, id from app.roles where name = %s "
            "on conflict do nothing",
            [row[0], role],
        )
        return str(row[0])

    def count(self, query: Any) -> int:
        """A number from the database."""
        row = self.database.admin.execute(query).fetchone()
        assert row
        return int(row[0])

    def until_somebody_waits(self, number: int = 1) -> None:
        """Wait until so many connections wait for locks that others hold."""
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        until(lambda: self.count(waiting) >= number, 60, "somebody waits for a lock")


def outcome(connection: psycopg.Connection[Any], query: Any, *values: Any) -> str:
    """`ok` or the code of the problem."""
    try:
        connection.execute(query, values)
    except psycopg.Error as error:
        return str(error.diag.message_detail)
    return "ok"


@pytest.mark.parametrize("mixed", [True, False], ids=["in different ways", "in the same way"])
def test_of_administrators_who_leave_at_the_same_moment_one_stays(people: People, mixed: bool) -> None:
    """BR-504: whichever way they leave, and nobody is caught in a deadlock."""
    admins = [people.account(f"admin{number}", "admin") for number in range(ADMINS)]
    ways = LEAVING if mixed else LEAVING[3:4] * ADMINS
    leave = [partial(outcome, people.connect(), way, admin) for way, admin in zip(ways, admins, strict=True)]
    assert sorted(together(*leave)) == ["last_admin", *["ok"] * (ADMINS - 1)]
    assert people.count("select count(*) from private.admins") == 1


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_an_administrator_stays_also_where_operators_look_at_snapshots(people: People, isolation: str) -> None:
    """BR-504: who did not see the other one leave fails, and nothing of theirs is done."""
    admins = [people.account(f"admin{number}", "admin") for number in range(2)]
    operators = [people.connect(autocommit=False) for _ in admins]
    for operator in operators:
        operator.execute(f"set transaction isolation level {isolation}".encode())
        operator.execute("select count(*) from private.admins")
    operators[0].execute("select api.delete_user(%s)", [admins[0]])
    operators[0].commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        operators[1].execute("select api.delete_user(%s)", [admins[1]])
    operators[1].rollback()
    assert people.count("select count(*) from private.admins") == 1


def test_an_account_that_is_being_erased_cannot_be_restored_at_that_moment(people: People) -> None:
    """BR-303: whoever waits for the erasure to end finds nothing to restore."""
    ann = people.account("ann")
    people.database.admin.execute("select api.delete_user(%s)", [ann])
    eraser, restorer = people.connect(autocommit=False), people.connect()
    eraser.execute("select api.anonymize_user(%s)", [ann])

    def commit_once_somebody_waits() -> str:
        people.until_somebody_waits()
        eraser.commit()
        return "erased"

    answers = together(commit_once_somebody_waits, partial(outcome, restorer, "select api.restore_user(%s)", ann))
    assert answers == ["erased", "restore_expired"]
    assert people.count("select count(*) from app.users where username = 'ann' or status <> 'deleted'") == 0


def test_who_waits_for_an_account_that_is_being_erased_leaves_nothing_there(people: People) -> None:
    """BR-312: neither a sign-in, nor a request in an open session, nor a mail that somebody asks for."""
    ann = people.account("ann")
    people.database.admin.execute("select private.open_session(%s, 'the secret of Ann', '1 hour')", [ann])
    eraser = people.connect(autocommit=False)
    eraser.execute("select api.anonymize_user(%s)", [ann])
    requests = {
        "login": "select api.login('ann', '$2b$12$' || repeat('a', 53))",
        "consent": "select api.set_my_consent('newsletter', true)",
        "forgot": "select api.forgot_password('ann@example.org')",
        "verification": "select api.request_email_verification('ann@example.org')",
    }
    waiting = []
    for name, statement in requests.items():
        connection = people.connect()
        context = '{"address": "203.0.113.77", "user_agent": "canary", "request_id": "r"}'
        connection.execute("select set_config('request.context', %s, false)", [context])
        if name == "consent":
            connection.execute("select set_config('request.session', 'the secret of Ann', false)")
            connection.execute("set role roster_user")
        waiting.append(partial(outcome, connection, statement))

    def commit_once_all_wait() -> str:
        people.until_somebody_waits(len(requests))
        eraser.commit()
        return "erased"

    assert together(commit_once_all_wait, *waiting) == ["erased", "ok", "session_expired", "ok", "ok"]
    for table in ("login_sources", "consents", "sessions", "outbox", "password_reset_tokens"):
        assert people.count(sql.SQL("select count(*) from app.{}").format(sql.Identifier(table))) == 0, table
    assert (
        people.count("select count(*) from audit.audit_logs where user_agent = 'canary' and user_id is not null") == 0
    )


def test_a_role_granted_at_that_moment_protects_an_account(people: People) -> None:
    """BR-503: what the account may do is asked under its lock, not before."""
    ann = people.account("ann")
    helper = people.account("helper", "support")
    granting, helping = people.connect(autocommit=False), people.connect()
    people.database.admin.execute("select private.open_session(%s, 'the secret of a helper', '1 hour')", [helper])
    helping.execute("select set_config('request.session', 'the secret of a helper', false)")
    helping.execute("set role roster_user")
    granting.execute("select api.assign_role(%s, 'admin')", [ann])

    def commit_once_somebody_waits() -> str:
        people.until_somebody_waits()
        granting.commit()
        return "granted"

    answers = together(commit_once_somebody_waits, partial(outcome, helping, "select api.suspend_user(%s)", ann))
    assert answers == ["granted", "above_own_permissions"]


def test_cleaning_up_waits_for_nobody_and_nobody_waits_for_it(people: People) -> None:
    """BR-308: rows that somebody holds are left for the next time, and people sign in meanwhile."""
    for name in ("ann", "bob", "cid"):
        people.database.admin.execute(
            "select private.open_session(%s, private.random_token(), '1 hour')", [people.account(name)]
        )
    people.database.admin.execute("select api.delete_user(id) from app.users where username in ('bob', 'cid')")
    people.database.admin.execute("update private.clock set shift = '60 days'")
    holder, cleaner, signing_in = (people.connect(autocommit=False) for _ in range(3))
    for connection in (cleaner, signing_in):
        connection.execute("set local lock_timeout = '5s'")
    holder.execute("select from app.users where username = 'bob' for update")
    holder.execute(
        "select from app.sessions s join app.users u on u.id = s.user_id where u.username = 'ann' for update of s"
    )

    report = cleaner.execute("select admin.cleanup_expired_data()").fetchone()
    assert report
    assert (report[0]["sessions"], report[0]["anonymized_users"]) == (2, 1), "all but what is held"
    signed_in = signing_in.execute("select (api.login('ann', '$2b$12$' || repeat('a', 53))).token_type").fetchone()
    assert signed_in == ("Bearer",), "while the clean-up has not committed"

    for connection in (signing_in, cleaner, holder):
        connection.commit()
    again = cleaner.execute("select admin.cleanup_expired_data()").fetchone()
    assert again
    assert (again[0]["sessions"], again[0]["anonymized_users"]) == (1, 1)


def test_jobs_run_once_however_many_services_ask(people: People) -> None:
    """BR-310: who comes second finds nothing to do, and does not wait."""
    people.database.admin.execute("update app.jobs set next_run_at = private.now()")
    due = people.count("select count(*) from app.jobs where is_enabled")
    first, second = people.connect(autocommit=False), people.connect()
    second.execute("set lock_timeout = '5s'")
    assert first.execute("select admin.run_due_jobs()").fetchone() == (due,)
    assert second.execute("select admin.run_due_jobs()").fetchone() == (0,)
    first.commit()
    assert second.execute("select admin.run_due_jobs()").fetchone() == (0,)


def test_jobs_and_seals_wait_for_no_lock_that_others_may_take(people: People) -> None:
    """BR-310: else whoever reads reports could keep the log from being sealed."""
    people.database.admin.execute("update app.jobs set next_run_at = private.now()")
    busy, other, reader = (people.connect(autocommit=False) for _ in range(3))
    reader.execute("set role roster_auditor")
    reader.execute(
        "select pg_advisory_xact_lock(hashtext('pgroster'), hashtext(n)) from unnest('{jobs,seals}'::text[]) n"
    )
    reader.execute("lock table audit.audit_logs in access share mode")
    row = busy.execute("select admin.run_due_jobs(), (admin.seal_audit() ->> 'rows')::integer").fetchone()
    assert row and row[0] > 0
    taken = "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'"
    assert busy.execute(taken).fetchone() == (0,)
    other.execute("set lock_timeout = '5s'")
    told = other.execute("select admin.run_due_jobs(), admin.seal_audit() -> 'rows'").fetchone()
    assert told == (0, 0), "who comes second has nothing to do, and does not wait"


def test_a_job_that_meets_its_time_limit_is_recorded_and_not_in_the_way(people: People) -> None:
    """BR-310: neither is one that somebody cancels."""
    people.database.admin.execute(
        "create function admin.sleep() returns integer language sql as 'select 1 from pg_sleep(60)'"
    )
    people.database.admin.execute("update app.jobs set next_run_at = private.now()")
    people.database.admin.execute(
        "insert into app.jobs (name, command, run_every, next_run_at)"
        " values ('sleep', 'sleep', '1 hour', private.now() - interval '1 day')"
    )
    service = people.connect()
    service.execute("set statement_timeout = '500ms'")
    assert service.execute("select admin.run_due_job()").fetchone() == ("sleep",)
    service.execute("reset statement_timeout")
    error = service.execute("select last_error from app.jobs where name = 'sleep'").fetchone()
    assert error == ("canceling statement due to statement timeout",)
    names = {service.execute("select admin.run_due_job()").fetchone() for _ in range(2)}
    assert ("sleep",) not in names and (None,) not in names
