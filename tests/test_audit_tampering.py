"""What a superuser does to the log behind everybody's back is found."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from pytest_postgresql.executors import NoopExecutor

from tests.databases import TestDatabase, fresh_database
from tests.sealing import account, seal_of, until_sealed, value, verify, write

# Every column of the log, and another value for it.
OTHER_VALUES: dict[str, LiteralString] = {
    "id": "id + 1000000",
    "occurred_at": "occurred_at + interval '1 second'",
    "transaction_id": "'700'",
    "action": "'users.updated'",
    "entity": "'sessions'",
    "entity_id": "'somebody else'",
    "user_id": "gen_random_uuid()",
    "actor_user_id": "gen_random_uuid()",
    "actor_session_id": "gen_random_uuid()",
    "actor_api_key_id": "gen_random_uuid()",
    "database_role": "'somebody_else'",
    "application_name": "'something else'",
    "request_id": "'another'",
    "route": "'api.other()'",
    "client_address": "'198.51.100.1'",
    "user_agent": "'another'",
    "changed_fields": "array['other']",
    "old_values": '\'{"locale": "fr"}\'',
    "new_values": '\'{"locale": "fr"}\'',
    "details": '\'{"reason": "none"}\'',
    "values_salt": "'\\x00'",
    "values_digest": "sha256('')",
    "origin_salt": "'\\x00'",
    "origin_digest": "sha256('')",
}
MOVED = {"id", "transaction_id"}
"""Columns that are a row's place in the order: changed, the row is missing where it was."""


@pytest.fixture(scope="module")
def sealed(template: NoopExecutor) -> Iterator[TestDatabase]:
    """A log whose rows are all sealed, for tests that undo what they do."""
    with fresh_database(template) as database:
        account(database.admin, "ann")
        account(database.admin, "bob")
        write(database.admin, 20)
        until_sealed(database.admin)
        yield database


@pytest.fixture
def tampering(sealed: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A superuser who steps round the triggers, and whose traces are undone afterwards."""
    before = verify(sealed.admin)
    assert before.is_intact and before.seals > 3, before
    with sealed.admin.transaction(force_rollback=True):
        sealed.admin.execute("set local session_replication_role = replica")
        yield sealed.admin


@pytest.fixture
def target(sealed: TestDatabase) -> int:
    """A row in the middle of the log that says something in most columns."""
    return int(value(sealed.admin, "select min(id) from audit.audit_logs where action = 'user_profiles.updated'"))


def test_an_untouched_log_is_intact(sealed: TestDatabase) -> None:
    """BR-210: every row is sealed, and every seal holds."""
    verdict = verify(sealed.admin)
    rows = value(sealed.admin, "select count(*) from audit.audit_logs")
    assert verdict == (True, verdict.seals, rows, 0, None, None, None)


def test_every_column_is_tried(sealed: TestDatabase) -> None:
    """A column that is added to the log has to be sealed, or held by a digest, and tried here."""
    columns = value(
        sealed.admin,
        "select array_agg(attname::text) from pg_attribute"
        " where attrelid = 'audit.audit_logs'::regclass and attnum > 0 and not attisdropped",
    )
    assert set(columns) == OTHER_VALUES.keys()


@pytest.mark.parametrize("column", OTHER_VALUES)
def test_an_edited_column_is_found(tampering: psycopg.Connection[Any], target: int, column: str) -> None:
    """BR-210: whichever column, and the row is named."""
    number = seal_of(tampering, target)
    change = sql.SQL("update audit.audit_logs set {} = {} where id = %s")
    done = tampering.execute(change.format(sql.Identifier(column), sql.SQL(OTHER_VALUES[column])), [target])
    assert done.rowcount == 1
    verdict = verify(tampering)
    assert (verdict.is_intact, verdict.row_id) == (False, target)
    if column not in MOVED:
        assert verdict.seal == number
        parts = {"old_values": "values", "new_values": "values", "client_address": "origin", "user_agent": "origin"}
        expected = parts.get(column, column.removesuffix("_salt") if column.endswith("_salt") else "row") + "_changed"
        assert verdict.problem == expected


COPY = """insert into audit.audit_logs (occurred_at, transaction_id, action, database_role)
          select occurred_at + interval '{} months', transaction_id, 'login.failed', 'x'
          from audit.audit_logs where id = {{target}}"""
TWIN = """insert into audit.audit_logs (id, occurred_at, transaction_id, action, database_role)
          select t.id + {id}, t.occurred_at + interval '{moved}', o.transaction_id, 'login.failed', 'x'
          from audit.audit_logs t, audit.audit_logs o where t.id = {{target}} and o.id = {other}"""
"""A row under an id that is taken, or before all others, at the place of any row."""
TWO_MONTHS = """update audit.audit_logs set occurred_at = occurred_at + interval '2 months' where id > {target} + 2;
                delete from audit.seals;
                select audit.seal(private.now(), {target} + 2);
                select audit.seal(private.now(), 1000000);
"""
"""A log whose newer rows are in another month, sealed anew."""
TAMPERINGS: dict[str, tuple[str, str, int | None]] = {
    "a deleted row": ("delete from audit.audit_logs where id = {target}", "row_missing", 0),
    "the first row": ("delete from audit.audit_logs where id = {first}", "row_missing", None),
    "the newest sealed row": ("delete from audit.audit_logs where id = {last}", "row_missing", None),
    "a row of its own among sealed ones": (COPY.format(0), "row_added", None),
    "a row of its own in another month": (COPY.format(2), "row_added", None),
    "a sealed row's twin in another month": (TWIN.format(id=0, moved="2 months", other="{target}"), "row_added", 0),
    "a sealed row's twin in a month and a place that other seals cover": (
        TWO_MONTHS + TWIN.format(id=0, moved="1 second", other="{last}"),
        "row_added",
        0,
    ),
    "a row before all others": (TWIN.format(id="-1000000", moved="1 second", other="{target}"), "row_added", -1000000),
    "a partition that a seal from the future says was dropped": (
        """do $$
           declare v_seal audit.seals;
           begin
             select s.* into v_seal from audit.seals s order by s.number desc limit 1;
             v_seal := audit.next_seal(v_seal, now() + interval '10 years');
             v_seal.kind := 'drop';
             v_seal.ids := '{{}}';
             perform audit.add_seal(v_seal);
             execute (select format('drop table %s', tableoid::regclass) from audit.audit_logs limit 1);
           end $$""",
        "seal_misplaced",
        None,
    ),
    "a row of a transaction that has not begun": (
        """insert into audit.audit_logs (occurred_at, transaction_id, action, database_role)
           values (now(), '1000000000000', 'login.failed', 'x')""",
        "row_added",
        None,
    ),
    "two rows in each other's place": (
        "update audit.audit_logs set id = 2 * {target} + 1 - id where id in ({target}, {target} + 1)",
        "row_changed",
        0,
    ),
    "a row in the transaction of another": (
        """update audit.audit_logs l set transaction_id = o.transaction_id
           from audit.audit_logs o where l.id = {target} and o.id = {last}""",
        "row_missing",
        0,
    ),
    "swapped digests": (
        """update audit.audit_logs l set values_digest = o.values_digest, values_salt = o.values_salt
           from audit.audit_logs o where (l.id, o.id) in (({target}, {target} + 1), ({target} + 1, {target}))""",
        "row_changed",
        0,
    ),
    "values erased by hand": (
        "update audit.audit_logs set old_values = null, new_values = null, values_salt = null where id = {target}",
        "erased_unrecorded",
        0,
    ),
    "an origin erased by hand": (
        "update audit.audit_logs set client_address = null, user_agent = null, origin_salt = null where id = {target}",
        "erased_unrecorded",
        0,
    ),
    "values that only look erased": (
        "update audit.audit_logs set values_salt = null where id = {target}",
        "values_changed",
        0,
    ),
    "a truncated log": ("truncate audit.audit_logs", "row_missing", None),
    "a dropped partition": (
        """do $$ begin
             execute (select format('drop table %s', tableoid::regclass) from audit.audit_logs limit 1);
           end $$""",
        "row_missing",
        None,
    ),
    "a changed seal": ("update audit.seals set row_count = row_count - 1 where number = 2", "seal_changed", None),
    "a seal with other checks": ("update audit.seals set checks = '' where number = 2", "seal_changed", None),
    "a seal made anew": (
        """update audit.seals set sealed_at = now() where number = 2;
           update audit.seals s set digest = sha256(convert_to(audit.seal_text(s), 'UTF8')) where number = 2""",
        "seal_changed",
        None,
    ),
    "a missing seal": ("delete from audit.seals where number = 2", "seal_missing", None),
    "the first seal": ("delete from audit.seals where number = 1", "seal_missing", None),
    "two seals in each other's place": (
        """update audit.seals set number = -number where number in (2, 3);
           update audit.seals set number = 5 + number where number < 0""",
        "seal_changed",
        None,
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found(tampering: psycopg.Connection[Any], target: int, what: str) -> None:
    """BR-210: and where one row can be named, it is."""
    statement, problem, offset = TAMPERINGS[what]
    first, last = tampering.execute("select min(id), max(id) from audit.audit_logs").fetchall()[0]
    tampering.execute(statement.format(target=target, first=first, last=last).encode())
    verdict = verify(tampering)
    assert not verdict.is_intact
    assert verdict.problem == problem
    if offset is not None:
        assert verdict.row_id == target + offset


def test_a_chain_made_anew_holds_and_has_another_head(tampering: psycopg.Connection[Any], target: int) -> None:
    """Only what is kept elsewhere tells: that is what `pgroster audit head` is for."""
    head = "select digest from audit.seals order by number desc limit 1"
    before = value(tampering, head)
    tampering.execute("update audit.audit_logs set details = '{}' where id = %s", [target])
    tampering.execute("delete from audit.seals")
    assert verify(tampering).is_intact
    tampering.execute("select audit.seal(private.now(), 1000000)")
    assert verify(tampering).is_intact
    assert value(tampering, head) != before


def test_a_time_is_verified_by_the_seals_made_in_it(tampering: psycopg.Connection[Any]) -> None:
    """A break outside of it is not looked for."""
    tampering.execute("delete from audit.audit_logs where id = (select min(id) from audit.audit_logs)")
    at = value(tampering, "select sealed_at from audit.seals where number = 3")
    assert verify(tampering, at).is_intact
    assert not verify(tampering, None, at).is_intact
    empty = verify(tampering, None, "2020-01-01")
    assert (empty.is_intact, empty.seals, empty.unsealed) == (True, 0, None)
