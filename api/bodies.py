"""Strict JSON: the bytes of a body as an object, or the reason why they are none.

RFC 8259 leaves duplicate keys, depth and encoding to the reader; a reader that is generous lets two
programs see two different things in one body. So: UTF-8 only, no duplicate key, no NUL, no lone
surrogate, no NaN or infinity, at most 32 levels.
"""

import json
import math
from typing import Any, NoReturn

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
_NUL = "\x00"


class MalformedJSONError(Exception):
    """The bytes are no JSON that this service accepts."""


def parse(raw: bytes) -> Any:
    """The value that the bytes stand for. Raises MalformedJSONError."""
    try:
        text = raw.decode("utf-8")
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        raise MalformedJSONError from None
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        _inspect(value, 1)
    return value


def is_json(content_type: bytes | None) -> bool:
    """Whether a Content-Type header says JSON in UTF-8; other parameters than the charset are ignored."""
    if content_type is None:
        return False
    media_type, *parameters = content_type.decode("latin-1").lower().split(";")
    if media_type.strip() != "application/json":
        return False
    named = (parameter.partition("=") for parameter in parameters)
    return all(value.strip(' "') in ("utf-8", "utf8") for name, _, value in named if name.strip() == "charset")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("duplicate key")
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def _constant(_: str) -> NoReturn:
    raise ValueError("not a JSON value")


def _inspect(value: Any, depth: int) -> None:
    """Refuse what only a look at the values shows. Recursion is bounded by the depth that is allowed."""
    if isinstance(value, str):
        if _NUL in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedJSONError
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise MalformedJSONError
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _inspect(key, depth + 1)
            _inspect(item, depth + 1)


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_constant)
