"""Strict JSON: what two readers could understand differently is not JSON here."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bodies import MAX_BYTES, MAX_DEPTH, MalformedJSONError, is_json, parse

HOSTILE = {
    "empty": b"",
    "white space": b" \n",
    "cut off": b'{"a": 1',
    "two values": b"{} {}",
    "trailing comma": b'{"a": 1,}',
    "comment": b'{"a": 1 /* one */}',
    "single quotes": b"{'a': 1}",
    "duplicate key": b'{"a": 1, "a": 2}',
    "duplicate key written differently": b'{"a": 1, "\\u0061": 2}',
    "duplicate key further down": b'{"a": [{"b": 1, "b": 1}]}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": Infinity}',
    "negative infinity": b"[-Infinity]",
    "number beyond range": b'{"a": 1e999}',
    "number with 5000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "leading zero": b"[01]",
    "hexadecimal": b"[0x10]",
    "escaped NUL": b'{"a": "x\\u0000y"}',
    "escaped NUL in a key": b'{"\\u0000": 1}',
    "raw NUL": b'{"a": "x\x00y"}',
    "raw control character": b'{"a": "x\ny"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "surrogates in the wrong order": b'{"a": "\\udc00\\ud800"}',
    "lone surrogate in a key": b'{"\\udfff": 1}',
    "bad UTF-8": b'{"a": "\xff"}',
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "UTF-8 of a surrogate": b'{"a": "\xed\xa0\x80"}',
    "cut UTF-8": b'{"a": "\xe2\x82"}',
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "too deep in objects": b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    "deep enough for a stack overflow": b"[" * (MAX_BYTES // 2),
    "deep and closed": b"[" * (MAX_BYTES // 2) + b"]" * (MAX_BYTES // 2),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bodies_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedJSONError):
        parse(raw)


def test_the_deepest_body_that_is_allowed_is_read() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


def test_many_brackets_that_are_not_deep_are_read() -> None:
    assert parse(b"[" + b"[],{}," * 500 + b"[]]") == [[], {}] * 500 + [[]]


def test_characters_beyond_the_basic_plane_are_read_in_both_spellings() -> None:
    assert parse(b'["\\ud83e\\udd8a"]') == parse('["🦊"]'.encode()) == ["🦊"]


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert parse(b'["\\\\u0000"]') == ["\\u0000"]


_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(_characters),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(_characters), inner),
    max_leaves=20,
)  # fmt: skip


@given(_values, st.booleans())
def test_every_proper_value_comes_back_as_it_was(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_refused(raw: bytes) -> None:
    try:
        parse(raw)
    except MalformedJSONError:
        return


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (b"application/json", True),
        (b"Application/JSON", True),
        (b"application/json; charset=utf-8", True),
        (b'application/json;charset="UTF-8"', True),
        (b"application/json; profile=x", True),
        (b"application/json; charset=latin-1", False),
        (b"application/json; charset=utf-16", False),
        (b"application/jsonp", False),
        (b"application/problem+json", False),
        (b"text/plain", False),
        (b"text/json", False),
        (b"application/x-www-form-urlencoded", False),
        (b"multipart/form-data; boundary=application/json", False),
        (b"", False),
        (b"\xff", False),
        (None, False),
    ],
)
def test_only_json_in_utf8_counts_as_json(header: bytes | None, accepted: bool) -> None:
    assert is_json(header) is accepted
