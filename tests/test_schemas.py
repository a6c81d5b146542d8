"""Arguments, domains and types become the places, the limits and the schemas that requests are held to."""

from typing import Any

import jsonschema_rs
import pytest

from api.patterns import to_ecma
from tests.probes import GET, STABLE, Connection, Probe, composed, connection, route_of

__all__ = ["connection"]


def test_arguments_go_where_their_names_and_the_method_say(connection: Connection) -> None:
    arguments = (
        'id uuid, present text[], if_match text, idempotency_key text, cursor text, "limit" app.page_size, a text'
    )
    write = route_of(connection, Probe(arguments))
    assert {a.name: a.place for a in write.arguments} == {
        "id": "path",
        "present": "present",
        "if_match": "header",
        "idempotency_key": "header",
        "cursor": "query",
        "limit": "query",
        "a": "body",
    }
    connection.execute("drop function api.probe")
    read = route_of(connection, Probe("id uuid, if_match text, a text", "text", STABLE, tags=GET))
    assert {a.name: a.place for a in read.arguments} == {"id": "path", "if_match": "header", "a": "query"}


def test_a_default_makes_an_argument_optional_and_a_null_default_nullable(connection: Connection) -> None:
    operation = route_of(connection, Probe("id uuid, a text, b text default null, c integer default 3"))
    assert {a.name: (a.required, a.is_nullable) for a in operation.arguments} == {
        "id": (True, False),
        "a": (True, False),
        "b": (False, True),
        "c": (False, False),
    }


DOMAINS = {
    "text check (char_length(value) between 2 and 5)": {"type": "string", "minLength": 2, "maxLength": 5},
    "text check (length(value) > 2 and length(value) < 5)": {"type": "string", "minLength": 3, "maxLength": 4},
    "text check (char_length(value) = 6)": {"type": "string", "minLength": 6, "maxLength": 6},
    "varchar(9)": {"type": "string", "maxLength": 9},
    "varchar(9) check (char_length(value) <= 4)": {"type": "string", "maxLength": 4},
    "text check (value ~ '^[[:alpha:]]+$')": {"type": "string", "pattern": r"^[\p{Alphabetic}]+$"},
    r"text check (value ~ '^\d+\.\d$')": {"type": "string", "pattern": r"^\d+\.\d$"},
    "text check (value ~ 'it''s') check (value !~ 'x')": {
        "type": "string",
        "pattern": "it's",
        "not": {"pattern": "x"},
    },
    "text check (value ~ '^a') check (value ~ 'b$')": {
        "type": "string",
        "pattern": "^a",
        "allOf": [{"pattern": "b$"}],
    },
    "text check (value in ('a', 'b'))": {"type": "string", "enum": ["a", "b"]},
    "text check (value = 'a')": {"type": "string", "enum": ["a"]},
    "varchar(9) check (value in ('a', 'b'))": {"type": "string", "maxLength": 9, "enum": ["a", "b"]},
    "integer check (value between 1 and 100)": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100},
    "integer check (value > 0)": {
        "type": "integer",
        "format": "int32",
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
        "exclusiveMinimum": 0,
    },
    "numeric check (value >= -1.5)": {"type": "number", "minimum": -1.5},
    "smallint check (value >= -1)": {"type": "integer", "minimum": -1, "maximum": 2**15 - 1},
    "jsonb check (jsonb_typeof(value) = 'object')": {"type": "object"},
    "jsonb check (jsonb_typeof(value) = 'array')": {"type": "array"},
    "app.username check (char_length(value) < 9)": {
        "type": "string",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{2,31}$",
        "maxLength": 8,
    },
}


@pytest.mark.parametrize(("domain", "schema"), DOMAINS.items(), ids=DOMAINS.keys())
def test_the_checks_of_a_domain_become_a_schema(connection: Connection, domain: str, schema: dict[str, Any]) -> None:
    operation = route_of(connection, Probe("id uuid, a app.limited", more=f"create domain app.limited as {domain}"))
    assert operation.arguments[1].schema == schema


PATTERNS = [
    "^[^<>[:cntrl:]]+$", r"^\w+$", r"^[\w.-]+$", "^.{2}$", "^[]a]+$", "^[^]a]+$", "^[[a]+$", r"^(?:a|b)\s\d$",
    r"^\$2[aby]\$", "^[[:alpha:]]+$", r"^[a\]b]$", r"^\W$", "^a-b$", "^[[:space:][:digit:]]+$", "^(?!x).+$",
    r"^[\u0080-\u00ff]b$", r"^\u00E9$", r"^[^\U0001F98A]$",
]  # fmt: skip
TEXTS = [
    "a", "b", "aé", "<", "\x7f", "\x85", "\x80b", "\n", "\nx", "ab", "a-b", "],", "[", "]", "a]", "[a", "a 1", "b\t2",
    "a\u00a01", "$2b$x", "é", "日本", "a_1", "-", ".", "a\n", "x1", "Ⅷ", "", "\u2028", "ß", "🦊", "🦊🦊",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_the_same_to_the_service_and_to_the_database(connection: Connection, pattern: str) -> None:
    validator = jsonschema_rs.validator_for({"type": "string", "pattern": to_ecma(pattern)})
    for text in TEXTS:
        row = connection.execute("select %s ~ %s", [text, pattern]).fetchone()
        assert row and validator.is_valid(text) is row[0], (pattern, text)


def test_a_type_that_contains_itself_is_described(connection: Connection) -> None:
    found = composed(
        connection,
        "create type api.leaf as (name text); create type api.tree as (leaf api.leaf, leaves api.leaf[]);",
        Probe(returns="api.tree").sql(),
    )
    assert found.components["tree"]["properties"] == {
        "leaf": {"$ref": "#/components/schemas/leaf"},
        "leaves": {"type": "array", "items": {"$ref": "#/components/schemas/leaf"}},
    }
    assert found.components["leaf"]["required"] == ["name"]
