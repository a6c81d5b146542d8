"""From a request to the arguments of an operation: read, validated as a whole, and turned into text.

Every mistake is told at once. The schemas are the document's own, so what it promises is what is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs

from api import bodies
from api.checks import Schema
from api.complaints import complain, unknown
from api.errors import FieldError, Problem
from api.grammar import HEADERS, IDEMPOTENCY_KEY, Password
from api.operations import Operation
from api.password_rules import LENGTH_MAX, LENGTH_MIN, length_error
from api.passwords import CHECKED_LENGTH_MAX
from api.repeats import facts, key_schema
from api.totp import DIGITS
from api.values import coerce, encode

MAX_QUERY_FIELDS = 64
MAX_MISTAKES = 50
"""Of each kind that are told: a body of 64 KiB can make twenty thousand, and an answer twenty times as large."""
_PASSWORD: Schema = {"type": "string", "minLength": 1, "maxLength": CHECKED_LENGTH_MAX}
_CODE: Schema = {
    "type": "string",
    "pattern": f"^[0-9]{{{DIGITS}}}$",
    "description": f"The {DIGITS} digits that the authenticator app shows.",
}


@dataclass(slots=True)
class Incoming:
    """What a request carries, as the server received it; `path` has the placeholders' values in order."""

    path: tuple[str, ...]
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes | None
    """None: more than the limit."""
    location: str
    """The whole path, decoded."""
    token: str | None = None


@dataclass(slots=True)
class Bound:
    """Arguments as text, ready for the database, and the passwords, which are not."""

    arguments: dict[str, str | None]
    passwords: dict[str, str] = field(default_factory=dict)
    repeat: dict[str, str] = field(default_factory=dict)
    """What tells whether the request was sent before; empty if it has no Idempotency-Key."""


class Binding:
    """How one operation reads requests: prepared once, used for each."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._path = operation.at("path")
        self._query = {argument.name: argument for argument in operation.at("query")}
        names = {a.name for a in operation.at("header")} | ({IDEMPOTENCY_KEY} if operation.is_repeatable else set())
        self._headers = [(name, HEADERS[name].lower().encode()) for name in names]
        self._body = {argument.name for argument in operation.at("body")} | {p.key for p in operation.passwords}
        self._has_present = bool(operation.at("present"))
        self._has_no_version = not operation.is_read and "if_match" not in names
        self._values = operation.at("query", "header", "body")
        self._takes_only_path = not (self._values or self._body or self._has_present or self._headers)
        self._path_schemas = [
            jsonschema_rs.validator_for(_object_of({a.name: a.schema}), validate_formats=True) for a in self._path
        ]
        self._schema = request_schema(operation)
        self._validator = jsonschema_rs.validator_for(self._schema, validate_formats=True)

    def bind(self, incoming: Incoming) -> Bound:
        """The arguments of a request. Raises Problem: whatever does not fit, all of it at once."""
        errors: list[FieldError] = []
        if self._has_no_version and incoming.headers.get(b"if-match", b"*").strip() != b"*":
            raise Problem("precondition_failed")
        arguments = self._bind_path(incoming.path, errors)
        body = self._read_body(incoming)
        if self._takes_only_path and not errors and not body and not incoming.query:
            return Bound(arguments)
        errors += [unknown(key) for key in islice((key for key in body if key not in self._body), MAX_MISTAKES)]
        values = {key: value for key, value in body.items() if key in self._body}
        self._read_query(incoming.query, values, errors)
        for name, key in self._headers:
            if key in incoming.headers:
                values[name] = incoming.headers[key].decode("latin-1")
        if not self._validator.is_valid(values):
            found = islice(self._validator.iter_errors(values), MAX_MISTAKES)
            errors += [self._named(e) for e in complain(found, self._schema)]
        passwords = {p.key: values[p.key] for p in self._operation.passwords if p.key in values}
        self._raise(errors, passwords)
        for argument in self._values:
            value = values.get(argument.name)
            arguments[argument.name] = None if value is None else encode(value, argument.encoding, argument.items)
        if self._has_present:
            arguments["present"] = encode(list(body), "array", "text")
        bound = Bound(arguments, passwords)
        if self._operation.is_repeatable and IDEMPOTENCY_KEY in values:
            bound.repeat = facts(self._operation, arguments, values[IDEMPOTENCY_KEY])
        return bound

    def _bind_path(self, texts: tuple[str, ...], errors: list[FieldError]) -> dict[str, str | None]:
        """An id that cannot be one answers as the id of a thing that is not there."""
        arguments: dict[str, str | None] = {}
        for argument, validator, text in zip(self._path, self._path_schemas, texts, strict=True):
            value = {argument.name: coerce(text, argument.encoding)}
            if "\x00" in text or "\ufffd" in text:
                raise Problem("not_found")
            if not validator.is_valid(value):
                if argument.schema.get("format") == "uuid":
                    raise Problem("not_found")
                errors += complain(validator.iter_errors(value), _object_of({argument.name: argument.schema}))
            arguments[argument.name] = text
        return arguments

    def _read_body(self, incoming: Incoming) -> dict[str, Any]:
        if incoming.body is None:
            raise Problem("body_too_large")
        if not incoming.body:
            return {}
        coding = incoming.headers.get(b"content-encoding", b"identity").lower()
        if coding != b"identity" or not bodies.is_json(incoming.headers.get(b"content-type")):
            raise Problem("unsupported_media_type")
        try:
            value = bodies.parse(incoming.body)
        except bodies.MalformedJSONError:
            raise Problem("malformed_json") from None
        if not isinstance(value, dict):
            raise Problem("invalid_request", [FieldError("", "type", "The body has to be a JSON object.")])
        return value

    def _read_query(self, query: bytes, values: dict[str, Any], errors: list[FieldError]) -> None:
        if not query:
            return
        try:
            pairs = parse_qsl(
                query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
            )
        except ValueError:
            errors.append(FieldError("", "query", "The query has to be name=value pairs in percent-encoded UTF-8."))
            return
        for name, text in pairs:
            argument = self._query.get(name)
            if argument is None:
                errors.append(unknown(name))
            elif "\x00" in text:
                errors.append(FieldError(name, "type", "Leave out the NUL character."))
            elif argument.encoding == "array":
                values.setdefault(name, []).append(coerce(text, argument.items))
            elif name in values:
                errors.append(FieldError(name, "repeated", "Give this parameter once."))
            else:
                values[name] = coerce(text, argument.encoding)

    def _named(self, error: FieldError) -> FieldError:
        """Clients know a header by its own name."""
        header = HEADERS.get(error.field)
        return FieldError(header, error.code, error.message) if header else error

    def _raise(self, errors: list[FieldError], passwords: dict[str, str]) -> None:
        new = self._operation.tags.hash
        password = passwords.get(new.key) if new is not None else None
        weak = None
        if new is not None and isinstance(password, str):
            # Where a function tells the least length, nobody is told one before that.
            least = LENGTH_MIN if self._operation.password_length_min == LENGTH_MIN else 0
            weak = length_error(new.key, password, least)
        if errors or weak:
            raise Problem("invalid_request" if errors else "password_unacceptable", errors + ([weak] if weak else []))


def request_schema(operation: Operation) -> Schema:
    """The JSON Schema of everything but the path, by argument name; what else a body may not have is checked apart."""
    properties = {argument.name: argument.schema for argument in operation.at("query", "header", "body")}
    required = [argument.name for argument in operation.at("query", "header", "body") if argument.required]
    if operation.is_repeatable:
        properties[IDEMPOTENCY_KEY] = key_schema(operation)
    for password in operation.passwords:
        properties[password.key] = _CODE if password is operation.tags.totp else _PASSWORD
        if is_password_required(operation, password):
            required.append(password.key)
    return _object_of(properties) | {"required": required}


def _object_of(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties}


def password_schema(operation: Operation, password: Password) -> Schema:
    """What the document says of a password or a code."""
    if password is operation.tags.totp:
        return _CODE | {"writeOnly": True}
    schema: Schema = {"type": "string", "format": "password", "writeOnly": True}
    if password is operation.tags.hash:
        least = operation.password_length_min
        often = "" if least == LENGTH_MIN else f" ({LENGTH_MIN} where it is the only factor)"
        return schema | {
            "minLength": least,
            "maxLength": LENGTH_MAX,
            "description": f"A new password: {least}{often} to {LENGTH_MAX} characters of any kind, after NFC.",
        }
    return schema | {"minLength": 1, "maxLength": CHECKED_LENGTH_MAX, "description": "The current password."}


def is_password_required(operation: Operation, password: Password) -> bool:
    """A password to check always is; a new one, or a code, is where the function wants what it becomes."""
    if password is operation.tags.verify:
        return True
    return any(argument.required for argument in operation.arguments if argument.name == password.argument)
