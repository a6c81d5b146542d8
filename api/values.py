"""Single values of a request: text as the JSON value of its type, and that as the text that PostgreSQL reads."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from api.operations import Encoding

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_FAR_FROM_UTC = re.compile(r"[+-](1[6-9]|2[0-3]):[0-5][0-9]$")
"""Offsets that RFC 3339 has and PostgreSQL has not."""
_BOOLEANS = {"true": True, "false": False}


def encode(value: Any, encoding: Encoding, items: Encoding = "text") -> str:
    """A validated value as the text that PostgreSQL reads for its type."""
    match encoding:
        case "boolean":
            return "true" if value else "false"
        case "integer":
            return str(int(value))
        case "number":
            return str(value)
        case "time" if _FAR_FROM_UTC.search(value):
            with suppress(ValueError, OverflowError):
                return datetime.fromisoformat(value).astimezone(UTC).isoformat()
        case "json":
            return json.dumps(value, ensure_ascii=False)
        case "array":
            quoted = (encode(item, items).replace("\\", "\\\\").replace('"', '\\"') for item in value)
            return "{" + ",".join(f'"{text}"' for text in quoted) + "}"
    return str(value)


def coerce(text: str, encoding: Encoding) -> Any:
    """A parameter's text as the JSON value that its type has; text that is none stays, for the schema to refuse."""
    if encoding == "boolean":
        return _BOOLEANS.get(text, text)
    if encoding == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if encoding == "number" and _NUMBER.fullmatch(text):
        return float(text)
    return text
