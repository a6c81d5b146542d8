"""What a JSON Schema validator found, said to a person: which field, and what to write instead. Never the value."""

from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind

from api.checks import Schema
from api.errors import FieldError

_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a JSON object",
    "null": "null",
}
_FORMATS = {
    "uuid": "Use a UUID like 0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e.",
    "date-time": "Use a time like 2026-01-31T12:00:00Z (RFC 3339).",
    "date": "Use a date like 2026-01-31.",
}


def complain(errors: Iterable[ValidationError], schema: Schema) -> Iterator[FieldError]:
    """One field error for each; `schema` is that of the object which was validated."""
    for error in errors:
        path = [str(part) for part in error.instance_path]
        name = error.kind.name
        if isinstance(error.kind, ValidationErrorKind.Required):
            yield FieldError(".".join([*path, error.kind.property]), "required", "This field is required.")
        else:
            found = schema.get("properties", {}).get(path[0], {}) if path else schema
            yield FieldError(".".join(path), name, _sentence(name, error.kind.value, found))


def unknown(name: str) -> FieldError:
    """A key or parameter that the route does not have."""
    return FieldError(name[:64], "unknown", "There is no such field here; leave it out.")


def _sentence(keyword: str, limit: Any, schema: Schema) -> str:
    match keyword:
        case "type":
            return f"Use {' or '.join(_TYPES.get(kind, kind) for kind in limit)}."
        case "enum":
            return f"Use one of: {', '.join('null' if member is None else str(member) for member in limit)}."
        case "minLength":
            return f"Use at least {limit} character{'s' if limit != 1 else ''}."
        case "maxLength":
            return f"Use at most {limit} characters."
        case "minimum" | "exclusiveMinimum":
            return f"Use {'a number above ' if keyword != 'minimum' else 'at least '}{limit}."
        case "maximum" | "exclusiveMaximum":
            return f"Use {'a number below ' if keyword != 'maximum' else 'at most '}{limit}."
        case "format":
            return _FORMATS.get(limit, f"Use the form {limit}.")
    description = schema.get("description")
    return f"This does not fit. It should be: {description}" if description else "This does not have the right form."
