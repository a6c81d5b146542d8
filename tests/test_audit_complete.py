"""The log is the difference of the tables: a random walk with random failures, and what the log says of it.

A failure names its seed; PGROSTER_TEST_SEED=… walks the same way again, as far as random keys allow.
"""

import os
from collections import Counter
from collections.abc import Iterator
from random import Random, SystemRandom
from typing import Any

import pytest
from pytest_postgresql.executors import NoopExecutor

from tests.audit_replay import Row, Watched, replay, snapshot, watched
from tests.audit_walk import MODES, Walk
from tests.databases import fresh_database

STEPS = 500
SEEDS = [1, int(os.environ.get("PGROSTER_TEST_SEED", SystemRandom().randrange(2, 10**9)))]


class Walked:
    """A walk that has ended, and the tables as they were before it."""

    def __init__(self, walk: Walk, tables: list[Watched], before: dict[str, dict[str, Row]]) -> None:
        self.walk, self.tables, self.before = walk, tables, before


@pytest.fixture(scope="module", params=SEEDS, ids=["same every time", "another every time"])
def walked(request: pytest.FixtureRequest, template: NoopExecutor) -> Iterator[Walked]:
    """One walk a seed; it fails by itself when something that was undone is in the log."""
    print(f"PGROSTER_TEST_SEED={request.param}")
    with fresh_database(template) as database:
        walk = Walk(database, Random(request.param))  # noqa: S311 no secret
        tables = watched(database.admin)
        before = {table.name: snapshot(database.admin, table) for table in tables}
        try:
            for number in range(5 * STEPS):
                if number >= STEPS and walk.changed() == {table.name for table in tables}:
                    break
                walk.step()
            yield Walked(walk, tables, before)
        finally:
            walk.close()


def test_the_walk_went_everywhere(walked: Walked) -> None:
    """Else the properties below would say little."""
    assert walked.walk.modes.keys() == MODES.keys()
    assert len(walked.walk.done) > 30, walked.walk.done
    assert len(walked.walk.snapshots) > 50
    assert walked.walk.changed() == {table.name for table in walked.tables}


def test_every_table_can_be_made_again_from_the_log(walked: Walked) -> None:
    """BR-201: the rows of the log, replayed, are the table."""
    for table in walked.tables:
        made = replay(walked.walk.admin, table, walked.before[table.name], walked.walk.start)
        held = snapshot(walked.walk.admin, table)
        assert made.keys() == held.keys(), table.name
        assert {key: row for key, row in made.items() if row is not None} == {
            key: row for key, row in held.items() if made[key] is not None
        }, table.name


def test_each_change_of_a_row_is_one_row_of_the_log_in_its_transaction(walked: Walked) -> None:
    """BR-201: no more and no fewer, by another trigger's account."""
    by_name = {table.name: table for table in walked.tables}
    changes: Counter[Any] = Counter()
    for xid, relation, verb, old, new in walked.walk.rows(
        "select xid::text, relation, verb, old, new from public.shadow"
    ):
        table, row = by_name[relation], new or old
        fields: tuple[str, ...] | None = None
        if verb == "updated":
            fields = tuple(sorted(k for k in new if new[k] != old[k] and k not in table.bookkeeping))
        if fields != ():
            changes[xid, f"{table.entity}.{verb}", table.key_of(row), fields] += 1
    recorded = Counter(
        (xid, action, key, tuple(fields) if fields is not None else None)
        for xid, action, key, fields in walked.walk.rows(
            "select transaction_id::text, action, entity_id, changed_fields from audit.audit_logs"
            " where entity is not null and id > %s",
            walked.walk.start,
        )
    )
    assert changes and changes == recorded


def test_values_are_the_rows_own_without_secrets(walked: Walked) -> None:
    """BR-201, BR-203: old and new, nothing left out and nothing else."""
    by_name = {table.name: table for table in walked.tables}
    seen: dict[Any, list[tuple[Row | None, Row | None]]] = {}
    for xid, relation, verb, old, new in walked.walk.rows(
        "select xid::text, relation, verb, old, new from public.shadow"
    ):
        table = by_name[relation]
        key = (xid, f"{table.entity}.{verb}", table.key_of(new or old))
        seen.setdefault(key, []).append((old and table.open(old), new and table.open(new)))
    for xid, action, entity_id, fields, old, new in walked.walk.rows(
        "select transaction_id::text, action, entity_id, changed_fields, old_values, new_values from audit.audit_logs"
        " where entity is not null and values_salt is not null"
    ):
        if (xid, action, entity_id) not in seen:
            continue
        pairs = seen[xid, action, entity_id]
        if fields is not None:
            cut = [tuple(part and {k: part[k] for k in fields if k in part} for part in pair) for pair in pairs]
            assert (old, new) in cut, (action, entity_id)
        else:
            assert (old, new) in pairs, (action, entity_id)


def test_an_account_can_be_made_again_as_it_was_at_any_time(walked: Walked) -> None:
    """BR-234: what was noted on the way is what the log says later; of the erased, that they are."""
    erased = {row[0] for row in walked.walk.rows("select user_id::text from app.erasures")}
    for user_id, at, noted in walked.walk.snapshots:
        ((said,),) = walked.walk.rows("select to_jsonb(private.user_as_of(%s, %s))", user_id, at)
        if user_id in erased:
            assert {k for k, v in said.items() if v is not None} == {"id", "at", "erased_at", "created_at"}
        else:
            said = {k: v for k, v in said.items() if k in noted}
            assert said == noted, f"{user_id} at {at}"
    assert any(user_id not in erased for user_id, _, _ in walked.walk.snapshots)
