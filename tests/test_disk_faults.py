"""No room left: for tables, for the write-ahead log, by a quota, for mails. Nothing half done, nothing unlogged, and
everything works again once there is room, without a restart of the service.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api import cluster as clusters
from api.account import acting_as
from api.embedded import Server
from tests.databases import TestDatabase
from tests.disks import MEGABYTE, file_size_limit, small_disk
from tests.faults import connected, own_server, start_database, stop_database
from tests.invariants import broken
from tests.outbox import later, message, messages, sent
from tests.people import Person, member, one, problem, written
from tests.server import Service, serving
from tests.waiting import until

pytestmark = pytest.mark.slow

ROUNDS = 400
RECOVERY_SECONDS = 10
BALLAST = "x" * 2000


def rename(person: Person, name: str) -> httpx.Response:
    """Change somebody's metadata, which takes room."""
    return person.request("PATCH", "/v1/me", json={"metadata": {"name": name, "ballast": BALLAST}})


def use_until_refused(service: Service, person: Person) -> str:
    """Change until there is no room; the name that was stored last."""
    stored = ""
    for number in range(ROUNDS):
        answer = rename(person, f"N{number}")
        if answer.status_code != 200:
            assert problem(answer) == (503, "database_unavailable"), service.log.read_text()[-3000:]
            assert int(answer.headers["retry-after"]) > 0
            return stored
        stored = f"N{number}"
    raise AssertionError("there was room all the time")


def check_refusals(service: Service, person: Person, stored: str) -> None:
    """While there is no room: each answer is a whole success or a 503 that left nothing."""
    refused = 0
    for number in range(20):
        answer = rename(person, f"M{number}")
        if answer.status_code == 200:
            assert written(service, answer) > 0
            stored = f"M{number}"
        else:
            refused += 1
            assert problem(answer) == (503, "database_unavailable")
            assert written(service, answer) == 0
    assert refused
    assert one(service, "select metadata ->> 'name' from app.user_profiles where user_id = %s", person.id) == stored
    assert service.client.get("/health/live").status_code == 200


def check_recovery(service: Service, person: Person) -> None:
    """There is room again: everything works."""
    until(lambda: rename(person, "Room").status_code == 200, RECOVERY_SECONDS, "changes are taken again")
    assert person.refresh().status_code == 200
    assert member(service).get("/v1/me").status_code == 200
    assert broken(service.database) == []


def test_tables_without_room_refuse_changes_whole(tmp_path: Path) -> None:
    with own_server({"fsync": "off"}) as server, small_disk(64) as disk:
        maintenance = make_conninfo(server.admin_dsn, dbname="postgres")
        with psycopg.connect(maintenance, autocommit=True) as admin:
            admin.execute(f"create tablespace small location '{disk.path}'".encode())
            admin.execute("alter database user_management set tablespace small")
        with connected(server) as database, serving(database, tmp_path) as service:
            ann = member(service)
            disk.fill()
            check_refusals(service, ann, use_until_refused(service, ann))
            disk.free()
            check_recovery(service, ann)
        stop_database(server)  # its tables go before the disk does


def test_a_quota_on_files_refuses_changes_whole(tmp_path: Path) -> None:
    """What PostgreSQL has no state of its own for; the log is the file that has reached the limit."""
    with own_server({"fsync": "off"}) as server, connected(server) as database, serving(database, tmp_path) as service:
        ann = member(service)
        partition = one(service, "select to_char(private.now() at time zone 'UTC', '\"audit.audit_logs_\"YYYY_MM')")
        service.database.execute(
            """insert into audit.audit_logs (id, occurred_at, action, database_role, details)
               select nextval('audit.audit_logs_id_seq'), private.now(), 'test.ballast', session_user,
                      jsonb_build_object('ballast', repeat('y', 1900))
               from generate_series(1, 9000)"""
        )
        size = one(service, "select pg_relation_size(%s)", partition)
        assert size > 17 * MEGABYTE, "a file of the write-ahead log is smaller"
        with file_size_limit(server, size):
            check_refusals(service, ann, use_until_refused(service, ann))
        check_recovery(service, ann)


@contextmanager
def write_ahead_log_on(server: Server, directory: Path) -> Iterator[None]:
    """A stopped server whose write-ahead log lies elsewhere."""
    assert server.cluster
    stop_database(server)
    with acting_as(server.cluster.account):
        elsewhere = directory / "wal"
        log = server.cluster.data / "pg_wal"
        shutil.copytree(log, elsewhere)
        log.rename(server.cluster.data / "pg_wal.old")
        log.symlink_to(elsewhere)
    start_database(server)
    yield


def test_a_write_ahead_log_without_room_ends_the_server_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with own_server({"max_wal_size": "'32MB'", "min_wal_size": "'32MB'"}) as server, small_disk(96) as disk:
        assert server.cluster
        with write_ahead_log_on(server, disk.path), connected(server) as database:
            with serving(database, tmp_path) as service:
                ann = member(service)
                disk.fill()
                stored = ""
                for number in range(ROUNDS):
                    answer = rename(ann, f"N{number}")
                    if answer.status_code != 200:
                        break
                    stored = f"N{number}"
                    use_up_a_segment(server)
                assert problem(answer) == (503, "database_unavailable")
                begun = monotonic()
                assert problem(rename(ann, "Down"))[0] == 503
                assert monotonic() - begun < RECOVERY_SECONDS
                assert service.client.get("/health/ready").status_code == 503
                assert service.client.get("/health/live").status_code == 200
                disk.free()
                clusters.stop(server.cluster, "immediate")
                start_database(server)
                with connected(server) as again:
                    object.__setattr__(service, "database", again.admin)
                    until(lambda: ann.get("/v1/me").status_code == 200, RECOVERY_SECONDS, "the service is back")
                    assert ann.get("/v1/me").json()["metadata"]["name"] in (stored, f"N{number}")
                    check_recovery(service, ann)
        stop_database(server)


def use_up_a_segment(server: Server) -> None:
    """Let the next change need another file of the write-ahead log; the server may not survive it."""
    try:
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            admin.execute("select pg_switch_wal()")
    except psycopg.OperationalError:
        return


def test_a_mail_for_which_there_is_no_room_goes_out_when_there_is(database: TestDatabase, tmp_path: Path) -> None:
    with small_disk(1) as disk, serving(database, tmp_path, PGROSTER_VAR=str(disk.path / "var")) as service:
        disk.fill()
        ann = Person(service)
        assert ann.register().status_code == 201, "what is mailed later is no reason to refuse now"
        (row,) = messages(service, ann.id)
        until(lambda: message(service, row["id"])["last_error"], 20, "the attempt has failed")
        assert message(service, row["id"])["last_error"] == "it could not be written to mail/: No space left on device"
        assert service.client.get("/health/ready").status_code == 200
        disk.free()
        with later(service, "31 seconds"):
            assert sent(service, row["id"])["attempts"] == 2
        assert [path.name for path in (disk.path / "var" / "mail").iterdir()] == [f"{row['id']}.eml"]
