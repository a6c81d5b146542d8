"""Sealing goes on beside writers, erasures and killed servers, and holds nobody up."""

import os
import signal
from functools import partial
from typing import Any

import psycopg

from api import app
from tests.databases import TestDatabase
from tests.faults import own_server
from tests.sealing import BATCH, account, seal, seal_of, until_sealed, value, verify, write
from tests.waiting import together, under_load, until


def test_the_seals_of_somebody_who_was_erased_still_hold(database: TestDatabase) -> None:
    """BR-211: the personal parts go, their digests stay, and the log says why."""
    ann, bob = account(database.admin, "ann"), account(database.admin, "bob")
    until_sealed(database.admin)
    database.admin.execute("select api.anonymize_user(%s)", [ann])
    left = "select count(*) from audit.audit_logs where user_id = %s and values_salt is not null"
    assert value(database.admin, left, ann) == 0
    assert verify(database.admin).is_intact
    until_sealed(database.admin)
    assert verify(database.admin).is_intact
    with database.admin.transaction(force_rollback=True):
        database.admin.execute("select audit.erase_person(%s)", [bob])
        assert verify(database.admin).problem == "erased_unrecorded", "an erasure that nobody recorded"


def test_a_long_transaction_holds_back_what_comes_after_it_and_nothing_before(database: TestDatabase) -> None:
    """BR-212: and all of that is sealed at the first run after its end."""
    write(database.admin, 3)
    until_sealed(database.admin)
    sealed = verify(database.admin).rows
    with psycopg.connect(database.admin_dsn) as slow:
        write(slow)
        write(database.admin, 3)
        seal(database.admin)
        waiting = verify(database.admin)
        assert (waiting.is_intact, waiting.rows, waiting.unsealed) == (True, sealed, 3), "its own row is not there yet"
        slow.commit()
    until_sealed(database.admin)
    assert verify(database.admin).rows == sealed + 4


def test_what_is_rolled_back_leaves_a_gap_that_is_none(database: TestDatabase) -> None:
    """Ids are not given back; a gap of that kind is no missing row."""
    with psycopg.connect(database.admin_dsn) as connection:
        write(connection)
        connection.rollback()
    write(database.admin)
    until_sealed(database.admin)
    assert verify(database.admin).is_intact
    assert value(database.admin, "select max(id) - count(*) from audit.audit_logs") > 0


def test_a_large_transaction_is_sealed_in_pieces(database: TestDatabase) -> None:
    """The rows of one transaction can be more than a seal takes, and than the time limit of the service allows."""
    with database.admin.transaction():
        write(database.admin, 3 * BATCH)
    until_sealed(database.admin)
    assert value(database.admin, "select max(row_count) from audit.seals") <= BATCH
    assert verify(database.admin).is_intact


def test_a_batch_over_two_months_has_a_seal_for_each(database: TestDatabase) -> None:
    """So that a partition leaves with its seals."""
    write(database.admin)
    database.admin.execute("update private.clock set shift = '1 month'")
    write(database.admin)
    until_sealed(database.admin)
    assert value(database.admin, "select count(distinct month) from audit.seals") == 2
    assert verify(database.admin).is_intact


def test_sixteen_writers_and_two_sealers_leave_a_chain_that_holds(database: TestDatabase) -> None:
    """BR-212: nobody waits for the sealers, no row is sealed twice and none is left out."""

    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(database.admin_dsn, autocommit=True)
        connection.execute("set lock_timeout = '20s'")
        return connection

    def writer(connection: psycopg.Connection[Any], number: int) -> None:
        with connection.transaction(force_rollback=number % 4 == 3):
            write(connection, 1 + number % 3)

    writers = [connect() for _ in range(16)]
    sealers = [connect() for _ in range(2)]

    def sealer(connection: psycopg.Connection[Any]) -> None:
        for _ in range(15):
            connection.execute("select admin.seal_audit()")

    writing = [partial(writer, connection, number) for number, connection in enumerate(writers)]
    with under_load(*writing) as load:
        together(*(partial(sealer, connection) for connection in sealers))
        assert verify(database.admin).is_intact
    for connection in [*writers, *sealers]:
        connection.close()
    assert not load.failures
    until_sealed(database.admin)
    verdict = verify(database.admin)
    assert verdict.is_intact
    assert verdict.rows == value(database.admin, "select count(*) from audit.audit_logs")


def test_who_seals_at_the_same_time_finds_nothing_to_do(database: TestDatabase) -> None:
    """BR-212: and does not wait."""
    write(database.admin, 3)
    with psycopg.connect(database.admin_dsn) as first, psycopg.connect(database.admin_dsn, autocommit=True) as second:
        until(lambda: value(first, "select admin.seal_audit() ->> 'rows'") != "0", 30, "something to seal")
        second.execute("set lock_timeout = '5s'")
        assert value(second, "select admin.seal_audit()") == {"rows": 0, "more": False}
        first.commit()
    until_sealed(database.admin)
    assert verify(database.admin).is_intact


def test_the_service_seals_by_itself(database: TestDatabase) -> None:
    """BR-212: within a minute, also where three other jobs take all the time they may; as the service's login."""
    run_every = "select extract(epoch from run_every)::float from app.jobs where name = 'seal_audit'"
    timeout = """select extract(epoch from split_part(c, '=', 2)::interval)::float
                 from pg_roles r, unnest(r.rolconfig) c
                 where r.rolname = 'roster_authenticator' and c like 'statement_timeout=%'"""
    least, longest = (app.JOBS_EVERY * part for part in app.JOBS_SPREAD)
    assert value(database.admin, run_every) <= least, "due at each look"
    assert longest + 3 * value(database.admin, timeout) <= 60
    write(database.admin)
    database.admin.execute("update app.jobs set is_enabled = name = 'seal_audit'")
    with psycopg.connect(database.api_dsn, autocommit=True) as service:
        assert value(service, "select admin.run_due_job()") == "seal_audit"
    assert value(database.admin, "select last_error from app.jobs where name = 'seal_audit'") is None
    assert value(database.admin, "select count(*) from audit.seals") > 0


def test_a_sealer_that_is_killed_leaves_the_chain_as_it_was() -> None:
    """BR-212: the server recovers, and the next run goes on."""
    with own_server() as server:
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            write(admin, 5)
        sealer, witness = psycopg.connect(server.admin_dsn), psycopg.connect(server.admin_dsn, autocommit=True)
        assert value(sealer, "select admin.seal_audit() ->> 'rows'") != "0"
        os.kill(sealer.info.backend_pid, signal.SIGKILL)
        until(lambda: has_ended(witness), 60, "the server has thrown everybody out")
        sealer.close()
        until(lambda: is_up(server.admin_dsn), 60, "the server has recovered")
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            assert value(admin, "select count(*) from audit.seals") == 0
            write(admin, 5)
            seal(admin)
            verdict = verify(admin)
            assert (verdict.is_intact, verdict.unsealed) == (True, 0)


def has_ended(connection: psycopg.Connection[Any]) -> bool:
    """Whether a connection is of no use any more."""
    try:
        connection.execute("select")
    except psycopg.OperationalError:
        connection.close()
        return True
    return False


def is_up(dsn: str) -> bool:
    """Whether a server lets somebody in."""
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_clock_that_goes_back_changes_nothing_about_the_order(database: TestDatabase) -> None:
    """BR-210: positions come from transactions, so rows of an earlier time stand behind those that are sealed."""
    write(database.admin, 5)
    until_sealed(database.admin)
    database.admin.execute("update private.clock set shift = '-2 hours'")
    write(database.admin, 5)
    until_sealed(database.admin)
    database.admin.execute("update private.clock set shift = '0'")
    write(database.admin, 5)
    until_sealed(database.admin)
    assert verify(database.admin).is_intact
    earlier = "select min(id) from audit.audit_logs where occurred_at < now() - interval '1 hour'"
    with database.admin.transaction(force_rollback=True):
        database.admin.execute("set local session_replication_role = replica")
        target = value(database.admin, earlier)
        database.admin.execute("delete from audit.audit_logs where id = %s", [target])
        assert verify(database.admin)[4:] == ("row_missing", seal_of(database.admin, target), target)


def test_rows_of_one_moment_keep_their_order_in_seals_and_pages(database: TestDatabase) -> None:
    """BR-210, BR-232: what happened at the same time is told apart by its id, also while more comes in."""
    database.admin.execute(
        """insert into audit.audit_logs (
             occurred_at, action, database_role, values_salt, values_digest, origin_salt, origin_digest)
           select date_trunc('hour', now()), 'login.failed', 'x', '', audit.values_digest('', null, null), '',
                  audit.origin_digest('', null, null)
           from generate_series(1, 30)"""
    )
    until_sealed(database.admin)
    assert verify(database.admin).is_intact
    page = """select array_agg(e.id), min(e.occurred_at), min(e.id)
              from audit.find_events(null, null, 'login.failed', null, null, null, %s::timestamptz, %s, 8) e"""
    expected = value(
        database.admin, "select array_agg(id order by id desc) from audit.audit_logs where action = 'login.failed'"
    )
    found: list[int] = []
    at, before = None, None
    while len(found) < len(expected):
        row = database.admin.execute(page, [at, before]).fetchone()
        assert row and row[0], "a page that is empty too early"
        found += row[0]
        _, at, before = row
        write(database.admin)
    assert found == expected
