"""Over HTTP: the log is verified in parts, by who may read it, and that leaves a row."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.people import Person, holder
from tests.sealing import seal, until_sealed, value, write
from tests.server import Service

ROUTE = "/v1/audit-logs/verification"


@pytest.fixture
def auditor(service: Service) -> Person:
    """Somebody with the permission audit:read, on a log that is sealed."""
    person = holder(service, "auditor")
    service.database.execute("update app.jobs set is_enabled = false where name = 'seal_audit'")
    write(service.database, 20)
    until_sealed(service.database)
    return person


def parts(auditor: Person) -> Iterator[dict[str, Any]]:
    """The answers until there is no next cursor."""
    cursor = None
    while True:
        answer = auditor.get(ROUTE, params={"cursor": cursor} if cursor else {})
        assert answer.status_code == 200, answer.text
        yield answer.json()
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return


def test_an_auditor_verifies_the_whole_log(auditor: Person) -> None:
    """BR-210: and learns the head of the chain, to keep it elsewhere."""
    database = auditor.service.database
    sealed = value(database, "select sum(row_count)::bigint from audit.seals")
    write(database)
    (part,) = parts(auditor)
    head = value(database, "select encode(digest, 'hex') from audit.seals order by number desc limit 1")
    assert (part["is_intact"], part["rows"], part["last_digest"]) == (True, sealed, head)
    assert part["unsealed"] == 1
    events = value(database, "select count(*) from audit.audit_logs where action = 'audit_logs.verified'")
    assert events == 1


def test_a_long_log_is_verified_in_parts(auditor: Person) -> None:
    """Each fits the time limit of a request; together they are everything, and the first break ends it."""
    database = auditor.service.database
    database.execute("set session_replication_role = replica")
    database.execute(
        """insert into audit.audit_logs (
             occurred_at, action, database_role, values_salt, values_digest, origin_salt, origin_digest)
           select now(), 'login.failed', 'x', '', audit.values_digest('', null, null), '',
             audit.origin_digest('', null, null)
           from generate_series(1, 60000)"""
    )
    while value(database, "select admin.seal_audit(200000) ->> 'rows'") != "0":
        pass
    until_sealed(database)
    sealed = value(database, "select sum(row_count)::bigint from audit.seals")
    found = list(parts(auditor))
    assert len(found) == 2
    assert sum(part["rows"] for part in found) == sealed
    assert all(part["is_intact"] for part in found)

    target = value(database, "select max(id) - 1000 from audit.audit_logs where action = 'login.failed'")
    database.execute("update audit.audit_logs set route = 'x' where id = %s", [target])
    *whole, broken = parts(auditor)
    assert [part["is_intact"] for part in whole] == [True]
    assert (broken["is_intact"], broken["problem"], broken["broken_row"]) == (False, "row_changed", target)


def test_a_time_without_seals_is_intact_and_empty(auditor: Person) -> None:
    """Nothing was sealed then, so nothing is promised."""
    answer = auditor.get(ROUTE, params={"to": "2020-01-01T00:00:00Z"}).json()
    assert (answer["is_intact"], answer["seals"], answer["last_seal"], answer["unsealed"]) == (True, 0, None, None)
    seal(auditor.service.database)
