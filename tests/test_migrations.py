"""One plan, two tools: whichever way a database came about, it is the same; and nothing is ever left half-way."""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api import ledger
from api.embedded import Server, throwaway
from api.fingerprint import differences, fingerprint
from api.migrate import migrate, rollback, status
from api.plan import read_plan
from tests import sqitch
from tests.migrated import Empty, empty_database, forget_roles, other_servers
from tests.sqitch import Sqitch

STEPS = [step.name for step in read_plan()]


OTHERS = [pytest.param(path, id=path.parts[-2], marks=pytest.mark.slow) for path in other_servers()]


@pytest.fixture(scope="module", params=[pytest.param(None, id="embedded"), *OTHERS])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of its own, since roles belong to the cluster; one for each PostgreSQL on this machine."""
    with throwaway({"fsync": "off"}, request.param) as running:
        yield running


@pytest.fixture
def empty(server: Server) -> Iterator[Empty]:
    """An empty database."""
    with empty_database(server) as database:
        yield database
    forget_roles(server)


@pytest.fixture(scope="module")
def run_sqitch() -> Sqitch:
    """Sqitch, or a skip that says loudly what is not tested."""
    found = sqitch.find()
    if found is None:
        pytest.skip(sqitch.MISSING)
    return found


@pytest.fixture(scope="module")
def expected(server: Server) -> str:
    """What a database is that was simply migrated."""
    with empty_database(server) as database:
        migrate(database.dsn)
        found = database.fingerprint()
    forget_roles(server)
    return found


def same(expected: str, found: str) -> bool:
    """Whether two fingerprints are equal; shows how they differ."""
    assert not differences(expected, found)
    return expected == found


def test_migrating_runs_every_step_and_says_so(empty: Empty) -> None:
    lines: list[str] = []
    report = migrate(empty.dsn, progress=lines.append)
    assert report.deployed == STEPS
    assert [line.split(":")[0] for line in lines if line.startswith("  + ")] == [f"  + {step}" for step in STEPS]
    assert status(empty.dsn).is_current


def test_migrating_again_does_nothing(empty: Empty) -> None:
    migrate(empty.dsn)
    before = empty.rows("select array_agg(xmin::text || ctid::text order by oid) from pg_proc")
    report = migrate(empty.dsn)
    assert (report.deployed, report.adopted, report.functions) == ([], [], None)
    assert empty.rows("select array_agg(xmin::text || ctid::text order by oid) from pg_proc") == before


def test_sqitch_gives_the_same_catalog_and_verifies_it(empty: Empty, run_sqitch: Sqitch, expected: str) -> None:
    run_sqitch(empty.dsn, empty.bin_dir, "deploy", "--verify")
    assert same(expected, empty.fingerprint())
    assert "Verify successful" in run_sqitch(empty.dsn, empty.bin_dir, "verify")


def test_sqitch_reverts_to_nothing_and_deploys_the_same_again(empty: Empty, run_sqitch: Sqitch, expected: str) -> None:
    run_sqitch(empty.dsn, empty.bin_dir, "deploy")
    run_sqitch(empty.dsn, empty.bin_dir, "revert", "-y")
    assert empty.left_overs() == []
    run_sqitch(empty.dsn, empty.bin_dir, "deploy", "--verify")
    assert same(expected, empty.fingerprint())


def test_rolling_everything_back_leaves_nothing_and_migrating_again_gives_the_same(empty: Empty, expected: str) -> None:
    migrate(empty.dsn)
    assert rollback(empty.dsn, steps=None) == STEPS[::-1]
    assert empty.left_overs() == []
    assert not any(step.applied_at for step in status(empty.dsn).steps)
    migrate(empty.dsn)
    assert same(expected, empty.fingerprint())


def test_each_step_takes_back_exactly_what_it_made(empty: Empty) -> None:
    before = []
    with psycopg.connect(empty.dsn, autocommit=True) as connection:
        connection.execute("create extension pgcrypto")  # the one thing that stays, since others may use it
        for step in read_plan():
            before.append(fingerprint(connection))
            with connection.transaction():
                ledger.run(connection, step.deploy)
    for name in reversed(STEPS):
        assert rollback(empty.dsn) == [name]
        assert same(before.pop(), empty.fingerprint())


def test_rolling_back_to_a_step_keeps_it(empty: Empty, expected: str) -> None:
    migrate(empty.dsn)
    assert rollback(empty.dsn, to="users") == STEPS[: STEPS.index("users") : -1]
    assert [step.name for step in status(empty.dsn).steps if step.applied_at] == STEPS[: STEPS.index("users") + 1]
    assert migrate(empty.dsn).deployed == STEPS[STEPS.index("users") + 1 :]
    assert same(expected, empty.fingerprint())


def test_a_database_that_sqitch_deployed_is_taken_over_without_running_anything(
    empty: Empty, run_sqitch: Sqitch, expected: str
) -> None:
    run_sqitch(empty.dsn, empty.bin_dir, "deploy")
    made = "select xmin::text from pg_proc where pronamespace = 'api'::regnamespace"
    before = empty.rows(made)
    report = migrate(empty.dsn)
    assert (report.deployed, report.adopted, report.functions) == ([], STEPS, None)
    assert empty.rows(made) == before
    assert empty.rows("select count(*)::int from app.schema_migrations where digest is null") == [0]
    assert same(expected, empty.fingerprint())
    assert rollback(empty.dsn) == ["functions"]


def test_a_half_deployed_database_is_finished_by_the_other_tool(
    empty: Empty, run_sqitch: Sqitch, expected: str
) -> None:
    run_sqitch(empty.dsn, empty.bin_dir, "deploy", "--to", "roles")
    assert migrate(empty.dsn).adopted == ["roles"]
    rollback(empty.dsn, to="users")
    run_sqitch(empty.dsn, empty.bin_dir, "deploy", "--log-only", "--to", "users")
    run_sqitch(empty.dsn, empty.bin_dir, "deploy", "--verify")
    assert migrate(empty.dsn).deployed == []
    assert same(expected, empty.fingerprint())


def test_sqitch_takes_over_what_was_migrated(empty: Empty, run_sqitch: Sqitch, expected: str) -> None:
    migrate(empty.dsn)
    run_sqitch(empty.dsn, empty.bin_dir, "deploy", "--log-only")
    run_sqitch(empty.dsn, empty.bin_dir, "verify")
    assert same(expected, empty.fingerprint())
    run_sqitch(empty.dsn, empty.bin_dir, "revert", "-y")
    assert empty.left_overs() == []


@pytest.fixture
def owner(server: Server) -> Iterator[str]:
    """A login that may create roles and databases, and nothing else."""
    with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
        admin.execute("create role migrator login createrole")
        yield "migrator"
        forget_roles(server)
        admin.execute("drop role migrator")


def test_an_owner_who_is_no_superuser_gets_the_same(
    server: Server, owner: str, run_sqitch: Sqitch, expected: str
) -> None:
    expected = without_guard(expected)
    with empty_database(server, owner) as empty:
        dsn = make_conninfo(empty.dsn, user=owner)
        migrate(dsn, authenticator_password="correct horse battery")
        assert same(expected, empty.fingerprint())
        assert members_of_audit_owner(empty) == []
        empty.rows("update http.deployed set functions_digest = 'another'")
        assert migrate(dsn).functions is not None
        assert same(expected, empty.fingerprint())
        assert members_of_audit_owner(empty) == []
        assert status(dsn).is_current
        rollback(dsn, steps=None)
        assert empty.left_overs() == []
        run_sqitch(dsn, empty.bin_dir, "deploy", "--verify")
        assert same(expected, empty.fingerprint())
        run_sqitch(dsn, empty.bin_dir, "revert", "-y")
        assert empty.left_overs() == []


def without_guard(fingerprint: str) -> str:
    """A fingerprint without the event triggers of the audit log, which only a superuser can install."""
    lines = fingerprint.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("event trigger pgroster_guard_")]
    assert len(kept) == len(lines) - 3
    return "".join(kept)


def members_of_audit_owner(empty: Empty) -> list[str]:
    """Who can act as the owner of the log. From PostgreSQL 16 on, whoever made the role may still grant it."""
    return empty.rows(
        """select m.member::regrole::text from pg_auth_members m
           where m.roleid = 'roster_audit_owner'::regrole
             and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean
                          or (to_jsonb(m) ->> 'set_option')::boolean, true)"""
    )


def test_roles_that_another_database_uses_survive_a_rollback(server: Server, expected: str) -> None:
    with empty_database(server) as staying, empty_database(server) as going:
        migrate(staying.dsn)
        migrate(going.dsn)
        rollback(going.dsn, steps=None)
        assert same(expected, staying.fingerprint())
        migrate(going.dsn)
        assert same(expected, going.fingerprint())
    forget_roles(server)


def test_the_services_password_is_set_as_a_verifier(empty: Empty) -> None:
    migrate(empty.dsn, authenticator_password="pässword of the service")
    [stored] = empty.rows("select rolpassword from pg_authid where rolname = 'roster_authenticator'")
    iterations, salt, stored_key = re.fullmatch(r"SCRAM-SHA-256\$(\d+):(.+)\$(.+):.+", stored).groups()  # type: ignore[union-attr]
    salted = hashlib.pbkdf2_hmac("sha256", "pässword of the service".encode(), b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert hashlib.sha256(client_key).digest() == b64decode(stored_key)
