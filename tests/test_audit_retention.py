"""Months leave the log whole, sealed and archived, when their time has passed; what they were stays on record."""

from typing import Any

import psycopg
import pytest

from tests.databases import TestDatabase
from tests.sealing import until_sealed, value, verify, write


@pytest.fixture
def old_log(database: TestDatabase) -> psycopg.Connection[Any]:
    """A log with seven months of eight years ago, two of which have rows, and those of today; all of it sealed."""
    for shift in ("-8 years", "-8 years +1 month"):
        database.admin.execute("update private.clock set shift = %s", [shift])
        database.admin.execute("select admin.create_audit_partitions()")
        write(database.admin, 10)
    database.admin.execute("update private.clock set shift = '0'")
    write(database.admin, 5)
    until_sealed(database.admin)
    return database.admin


def drop(connection: psycopg.Connection[Any], without_archive: bool = False) -> Any:
    """Drop what may be dropped of the oldest months."""
    return value(connection, "select admin.drop_expired_audit(%s)", without_archive)


def months(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """What is known of the months that have rows, or had."""
    query = "select jsonb_agg(p order by month) from admin.audit_partitions() p where first_seal is not null"
    return list(value(connection, query))


def record(connection: psycopg.Connection[Any], month: dict[str, Any], rows: int = 0) -> None:
    """Say that a month has been archived."""
    connection.execute(
        "select admin.record_audit_archive(%s, sha256('file'), 'file', 4, %s, %s)",
        [month["month"], month["rows"] + rows, month["last_seal"]],
    )


def test_an_expired_month_goes_once_it_is_archived(old_log: psycopg.Connection[Any]) -> None:
    """BR-214: its seals stay, the log verifies, and both the chain and the log tell what went."""
    first, second, current = months(old_log)
    assert [month["is_expired"] for month in (first, second, current)] == [True, True, False]
    report = drop(old_log)
    assert report["dropped"] is None or report["dropped"]["rows"] == 0
    record(old_log, first)
    while (report := drop(old_log))["dropped"] is not None and report["dropped"]["rows"] == 0:
        pass  # months without rows need no archive
    assert report["dropped"] == {
        "month": first["month"][:7], "rows": 10, "first_seal": first["first_seal"], "last_seal": first["last_seal"],
        "archive": "file",
    }  # fmt: skip
    while drop(old_log)["dropped"] is not None:
        pass
    assert drop(old_log)["kept"] == [{"month": second["month"][:7], "reason": "not_archived"}]
    assert [month["is_dropped"] for month in months(old_log)] == [True, False, False]
    assert value(old_log, "select to_regclass('audit.audit_logs_' || %s)", first["month"][:7].replace("-", "_")) is None

    verdict = verify(old_log)
    sealed = value(old_log, "select sum(row_count)::bigint from audit.seals where kind = 'rows'")
    assert (verdict.is_intact, verdict.rows) == (True, sealed - 10)
    events = """select array_agg(action order by id) from audit.audit_logs
                where action like 'audit_partitions.%%' and details ->> 'month' = %s"""
    assert value(old_log, events, first["month"][:7]) == ["audit_partitions.archived", "audit_partitions.dropped"]
    digest = "select rows_digest = sha256('file') from audit.seals where kind = 'drop' and month = %s"
    assert value(old_log, digest, first["month"])


def test_a_month_that_is_not_archived_goes_when_told_so_and_only_if_it_verifies(
    old_log: psycopg.Connection[Any],
) -> None:
    """BR-214: nobody gets rid of a broken month by the way."""
    first, *_ = months(old_log)
    with old_log.transaction():
        old_log.execute("set local session_replication_role = replica")
        old_log.execute("update audit.audit_logs set route = 'x' where id = (select min(id) from audit.audit_logs)")
    while (report := drop(old_log, without_archive=True))["dropped"] is not None:
        pass
    assert report["kept"] == [{"month": first["month"][:7], "reason": "broken"}]
    assert [month["is_dropped"] for month in months(old_log)[:2]] == [False, True]
    assert verify(old_log).problem == "row_changed"


def test_only_whole_and_sealed_months_of_the_past_go(old_log: psycopg.Connection[Any]) -> None:
    """BR-214: a row that waits for its seal keeps its month; a clock that was moved drops nothing."""
    first, _, current = months(old_log)
    old_log.execute("update private.clock set shift = '-8 years'")
    write(old_log)
    old_log.execute("update private.clock set shift = '0'")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        record(old_log, first)
    assert {"month": first["month"][:7], "reason": "unsealed"} in drop(old_log, without_archive=True)["kept"]
    until_sealed(old_log)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        record(old_log, first, rows=1)
    old_log.execute("update private.clock set shift = '20 years'")
    old_log.execute("select admin.create_audit_partitions()")
    while (report := drop(old_log, without_archive=True))["dropped"] is not None:
        pass
    assert {"month": current["month"][:7], "reason": "too_young"} in report["kept"]
    assert verify(old_log).is_intact


def test_a_partition_that_comes_back_is_found(old_log: psycopg.Connection[Any]) -> None:
    """BR-214: what was dropped cannot be replaced by something else."""
    row = value(old_log, "select (array_agg(l order by occurred_at, id))[1]::text from audit.audit_logs l")
    while drop(old_log, without_archive=True)["dropped"] is not None:
        pass
    assert verify(old_log).is_intact
    old_log.execute("update private.clock set shift = '-8 years'")
    old_log.execute("select admin.create_audit_partitions()")
    old_log.execute("set session_replication_role = replica")
    old_log.execute("insert into audit.audit_logs select (%s::text::audit.audit_logs).*", [row])
    assert verify(old_log).problem == "row_added"


def test_a_drop_that_was_made_up_is_found(old_log: psycopg.Connection[Any]) -> None:
    """BR-214: nobody explains missing rows of this year by a drop."""
    old_log.execute("set session_replication_role = replica")
    old_log.execute(
        "select audit.add_seal(jsonb_populate_record(audit.next_seal(s, now()), jsonb_build_object("
        "'kind', 'drop', 'month', s.month, 'ids', '{}', 'checks', '\\x')))"
        " from audit.seals s order by number desc limit 1"
    )
    old_log.execute("delete from audit.audit_logs where id = (select max(id) from audit.audit_logs)")
    assert verify(old_log).problem == "seal_misplaced"


def test_a_drop_makes_nobody_wait_for_long(old_log: psycopg.Connection[Any], database: TestDatabase) -> None:
    """Who reads the log keeps its partitions; the drop gives up and the next run tries again."""
    with psycopg.connect(database.admin_dsn) as reader:
        reader.execute("select count(*) from audit.audit_logs")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            drop(old_log, without_archive=True)
    assert drop(old_log, without_archive=True)["dropped"] is not None
    assert value(old_log, "select current_setting('lock_timeout')") == "0"
