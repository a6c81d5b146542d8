"""docs/business_rules.md says what the product enforces, where, and which test proves it; here it is held to that."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api import ROOT
from tests.databases import TestDatabase

PAGE = ROOT / "docs" / "business_rules.md"
ID = re.compile(r"BR-\d{3}")
ROW = re.compile(r"^\| (BR-\d{3}) \| (.+) \| (.+) \| `([^`]+)`: (.+) \|$", re.MULTILINE)
DESCRIPTION = re.compile(r"'(BR-\d{3}): ((?:[^']|'')*)'")
REFUSED = "-"
STATES = {
    "active": ("active", True, False),
    "inactive": ("inactive", False, False),
    "suspended, verified": ("suspended", True, True),
    "suspended, not verified": ("suspended", False, True),
    "deleted, verified": ("deleted", True, False),
    "deleted, not verified": ("deleted", False, False),
    "deleted while suspended": ("deleted", False, True),
    "erased": ("inactive", False, False),
}
"""The states of the page's table: status, whether the address is verified, whether a suspension is noted."""


@dataclass(frozen=True)
class Rule:
    """One row of the page."""

    id: str
    sentence: str
    places: tuple[str, ...]
    test_file: str
    test: str


def rules() -> list[Rule]:
    """The rows, after a look at whether each line that begins like one is one."""
    text = PAGE.read_text(encoding="utf-8")
    found = [
        Rule(row[1], row[2], tuple(re.findall(r"`([^`]+)`", row[3])), row[4], row[5]) for row in ROW.finditer(text)
    ]
    assert len(found) == len(re.findall(r"^\| *BR-", text, re.MULTILINE)), "a row has another form than the others"
    return found


RULES = rules()


def sql_tests() -> dict[Path, set[tuple[str, str]]]:
    """Id and description of each test of db/tests/ that has an id; what format() fills in is an ellipsis."""
    return {
        path: {
            (m[1], m[2].replace("''", "'").replace("%s", "…")) for m in DESCRIPTION.finditer(path.read_text("utf-8"))
        }
        for path in (ROOT / "db" / "tests").glob("*.sql")
    }


def python_tests() -> dict[Path, set[tuple[str, str]]]:
    """Id and name of each test of tests/ whose docstring has an id."""
    found: dict[Path, set[tuple[str, str]]] = {}
    for path in (ROOT / "tests").glob("test_*.py"):
        functions = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)]
        found[path] = {
            (rule, function.name) for function in functions for rule in ID.findall(ast.get_docstring(function) or "")
        }
    return found


TESTS = sql_tests() | python_tests()


def test_ids_are_unique_and_in_order() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))


def test_a_rule_is_one_sentence() -> None:
    assert [rule.id for rule in RULES if not re.fullmatch(r"[A-Z][^.]*\.", rule.sentence)] == []


def test_every_rule_has_a_test_and_every_id_in_a_test_is_a_rule() -> None:
    assert {rule for tests in TESTS.values() for rule, _ in tests} == {rule.id for rule in RULES}


def test_every_id_anywhere_is_a_rule() -> None:
    """Also in a comment of the product, which names the rule that a number comes from."""
    known = {rule.id for rule in RULES}
    sources = [
        p
        for d, s in (("db", "sql"), ("tests", "py"), ("api", "py"), ("docs", "md"))
        for p in (ROOT / d).rglob(f"*.{s}")
    ]
    strange = {
        f"{path.relative_to(ROOT)}: {id}"
        for path in sources
        for id in ID.findall(path.read_text("utf-8"))
        if id not in known
    }
    assert strange == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_test_that_proves_a_rule_exists_and_carries_its_id(rule: Rule) -> None:
    path = ROOT / rule.test_file
    assert path in TESTS, f"{rule.test_file} is no file of tests"
    proofs = {description for id, description in TESTS[path] if id == rule.id}
    stem, ellipsis, _ = rule.test.partition("…")
    assert any(proof == rule.test or (ellipsis and proof.startswith(stem)) for proof in proofs), sorted(proofs)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_enforces_a_rule_exists(module_database: TestDatabase, rule: Rule) -> None:
    assert rule.places, "a rule that nothing enforces is none"
    assert [place for place in rule.places if not exists(module_database.admin, place)] == []


def exists(connection: psycopg.Connection[Any], place: str) -> bool:
    """Whether there is a function `schema.name()`, a relation or type `schema.name`, a rule `name`, or a file `a/b`."""
    if "/" in place:
        return (ROOT / place).is_file()
    queries = {
        r"\w+\.\w+\(\)": "select to_regproc(%s) is not null",
        r"\w+\.\w+": "select to_regclass(%s) is not null or to_regtype(%s) is not null",
        r"\w+": """select exists (select from pg_constraint where conname = %s)
                  or exists (select from pg_policy where polname = %s)
                  or exists (select from pg_trigger where tgname = %s and not tgisinternal)
                  or exists (select from pg_index where indexrelid = to_regclass('app.' || %s))""",
    }
    for form, query in queries.items():
        if re.fullmatch(form, place):
            name = place.removesuffix("()")
            row = connection.execute(query.encode(), [name] * query.count("%s")).fetchone()
            return bool(row and row[0])
    return False


def transitions() -> dict[tuple[str, str], str]:
    """What the page's table says that a transition makes of a state."""
    lines = PAGE.read_text("utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| status |"))
    names = [cell.strip() for cell in lines[start].strip("|").split("|")][1:]
    table: dict[tuple[str, str], str] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        state, *outcomes = (cell.strip() for cell in line.strip("|").split("|"))
        table |= {(state, name): outcome for name, outcome in zip(names, outcomes, strict=True)}
    return table


def test_the_table_of_states_is_what_the_function_does(module_database: TestDatabase) -> None:
    """BR-007: every transition from every state, in the words of the page."""
    table = transitions()
    assert {state for state, _ in table} == STATES.keys()
    connection = module_database.admin
    for (state, transition), expected in table.items():
        with connection.transaction(force_rollback=True):
            assert outcome(connection, state, transition) == expected, f"{transition} of an account that is {state}"


def test_the_table_of_states_leaves_no_transition_out(module_database: TestDatabase) -> None:
    """BR-007: what the function's own table has, the page has too."""
    row = module_database.admin.execute(
        "select prosrc from pg_proc where oid = to_regproc('private.change_status')"
    ).fetchone()
    assert row
    of_function = set(re.findall(r"\('(\w+)',\s+'(\w+)',", row[0]))
    of_page = {
        (name, re.split(r"\W", state)[0]) for (state, name), outcome in transitions().items() if outcome != REFUSED
    }
    assert of_function == of_page


def outcome(connection: psycopg.Connection[Any], state: str, transition: str) -> str:
    """The status of a new account in that state after a transition, or a dash for `status_conflict`."""
    connection.execute("select private.create_account('a@example.org', 'aaa', null, null, null, null, 'en')")
    connection.execute(
        """update app.users set status = %(status)s::text, is_email_verified = %(verified)s,
             suspended_at = case when %(suspended)s then private.now() end,
             deleted_at = case when %(status)s::text = 'deleted' then private.now() end
           where username = 'aaa'""",
        dict(zip(("status", "verified", "suspended"), STATES[state], strict=True)),
    )
    account = connection.execute("select id from app.users where username = 'aaa'").fetchone()
    assert account
    if state == "erased":
        connection.execute("select private.erase_account(%s, 'request')", account)
    try:
        with connection.transaction():
            connection.execute(f"select api.{transition}_user(%s)".encode(), account)
    except psycopg.Error as error:
        assert error.diag.message_detail in ("status_conflict", "restore_expired"), error
        return REFUSED
    status = connection.execute("select status from app.users where id = %s", account).fetchone()
    assert status
    return str(status[0])
