"""The OpenAPI 3.1 document of a set of routes: everything in it comes from the catalog, nothing is written twice."""

from typing import Any

from api import ROOT
from api.binding import is_password_required, password_schema
from api.bodies import MAX_BYTES
from api.catalog import LimitFacts
from api.checks import Schema
from api.document_links import links
from api.errors import DOOR_CODES
from api.grammar import HEADERS, IDEMPOTENCY_KEY
from api.operations import Argument, Operation, OperationSet
from api.problem_document import PROBLEM, PROBLEM_SCHEMA, component, problem
from api.repeats import REPLAYED, key_schema
from api.service_document import SERVICE_PATHS, header_references
from api.tokens import API_KEY

_EXAMPLES = {
    "uuid": "0190e0c4-9f4a-7c1e-8d2b-5a6f7b8c9d0e",
    "date-time": "2026-01-31T12:00:00+00:00",
    "date": "2026-01-31",
    "password": "correct horse battery staple",
}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "Id of the request, also in the log.", "schema": {"type": "string"}},
    "ETag": {"description": "Version of what is returned, for If-Match.", "schema": {"type": "string"}},
    "Link": {"description": "Where the next page is, rel=next (RFC 8288).", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The limits that apply.", "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left of them.", "schema": {"type": "string"}},
    REPLAYED: {"description": "true: this answer was given before.", "schema": {"const": "true"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "How to authenticate (RFC 6750).", "schema": {"type": "string"}},
}


def document(routes: OperationSet, origin: str) -> dict[str, Any]:
    """The document of these routes as served from an origin."""
    paths: dict[str, dict[str, Any]] = {path: dict(item) for path, item in SERVICE_PATHS.items()}
    for operation in sorted(routes.operations, key=lambda o: (o.tags.path, o.tags.method)):
        paths.setdefault(operation.tags.path, {})[operation.tags.method.lower()] = _operation(operation, routes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pgroster",
            "version": _version(),
            "description": "User management. Every route is a function in PostgreSQL; this document is generated "
            f"from them. Bodies are JSON of at most {MAX_BYTES // 1024} KiB; unknown keys are refused, "
            "and so are strings with a NUL.",
        },
        "servers": [{"url": origin}],
        "tags": [{"name": name} for name in sorted({_tag(o) for o in routes.operations} | {"service"})],
        "paths": paths,
        "components": {
            "schemas": {n: component(n, s) for n, s in sorted(routes.components.items())} | {PROBLEM: PROBLEM_SCHEMA},
            "headers": _HEADERS,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of a sign-in (RFC 6750).",
                },
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": f"{API_KEY}…",
                    "description": "An API key in place of the access token, within its scopes.",
                },
            },
        },
    }


def _operation(operation: Operation, routes: OperationSet) -> dict[str, Any]:
    tags = operation.tags
    parameters = [_parameter(a) for a in operation.at("path", "query", "header") if a.name != IDEMPOTENCY_KEY]
    if operation.is_repeatable:
        parameters.append(_named(HEADERS[IDEMPOTENCY_KEY], "header", key_schema(operation), is_required=False))
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [_tag(operation)],
        "summary": tags.summary,
        "description": "\n\n".join([part for part in (tags.description, *_notes(operation, routes)) if part]),
        "security": _security(operation),
        "responses": _responses(operation, routes),
    }
    if tags.permission is not None:
        described["x-permission"] = tags.permission
    if parameters:
        described["parameters"] = parameters
    body = _body(operation)
    if body is not None:
        described["requestBody"] = body
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    schemes = [] if operation.is_anonymous else ["bearer", *(["api_key"] if operation.takes_api_keys else [])]
    return [{scheme: []} for scheme in schemes]


def _notes(operation: Operation, routes: OperationSet) -> list[str]:
    notes = []
    if operation.tags.permission is not None:
        notes.append(f"Needs the permission `{operation.tags.permission}`.")
    names = ["default", *([operation.tags.rate_limit] if operation.tags.rate_limit else [])]
    if operation.is_repeatable and operation.is_anonymous:
        names.append("anonymous_keys")
    limits = [_limit(routes.catalog.limits[name]) for name in names if name in routes.catalog.limits]
    if limits:
        notes.append(f"Limits for each client address, unless the operator has changed them: {', '.join(limits)}.")
    return notes


def _limit(limit: LimitFacts) -> str:
    return f"{limit.name} {limit.quota} requests in {limit.period_seconds} s"


def _parameter(argument: Argument) -> dict[str, Any]:
    schema = _without_null(argument.schema) if argument.is_nullable else argument.schema
    return _named(HEADERS.get(argument.name, argument.name), argument.place, schema, argument.required)


def _named(name: str, place: str, schema: Schema, is_required: bool) -> dict[str, Any]:
    bare = {keyword: value for keyword, value in schema.items() if keyword != "description"}
    parameter = {"name": name, "in": place, "required": is_required, "schema": _with_example(bare)}
    return parameter | ({"description": schema["description"]} if "description" in schema else {})


def _body(operation: Operation) -> dict[str, Any] | None:
    properties = {argument.name: _with_example(argument.schema) for argument in operation.at("body")}
    required = [argument.name for argument in operation.at("body") if argument.required]
    for password in operation.passwords:
        properties[password.key] = _with_example(password_schema(operation, password))
        if is_password_required(operation, password):
            required.append(password.key)
    if not properties:
        return None
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _responses(operation: Operation, routes: OperationSet) -> dict[str, Any]:
    usual = ("X-Request-Id", "RateLimit-Policy", "RateLimit")
    again = (REPLAYED,) if operation.is_repeatable else ()
    version = ("ETag",) if operation.is_versioned else ()
    success: dict[str, Any] = {"description": "Done." if operation.answer is None else "The result."}
    pages = ("Link",) if any(argument.name == "cursor" for argument in operation.arguments) else ()
    success["headers"] = header_references((*usual, *again, *version, *pages))
    if operation.answer is not None:
        success["content"] = {"application/json": {"schema": operation.answer}}
    if found := links(operation, routes):
        success["links"] = found
    responses = {str(operation.status): success}
    if operation.tags.empty_status is not None:
        empty = {"description": "Accepted, without an answer.", "headers": header_references((*usual, *again))}
        responses[str(operation.tags.empty_status)] = empty
    if operation.is_read and version:
        unchanged = {"description": "Not changed: If-None-Match names the current ETag."}
        responses["304"] = unchanged | {"headers": header_references((*usual, *version))}
    for status, codes in sorted(_problems(operation, routes).items()):
        more = ("Retry-After",) if status in (429, 503) else ("WWW-Authenticate",) if status == 401 else ()
        responses[str(status)] = {
            "description": "\n".join(f"- `{code}`: {routes.catalog.problems[code].title}" for code in sorted(codes)),
            "headers": header_references((*usual, *more)),
            "content": {"application/problem+json": {"schema": problem(codes, routes.components)}},
        }
    return responses


def _problems(operation: Operation, routes: OperationSet) -> dict[int, set[str]]:
    """The codes that a route can answer, by status: what the service adds to every route of its kind, and its own."""
    registry = routes.catalog.problems
    codes = {"rate_limited", "internal_error", "busy", "timeout", "database_unavailable", "invalid_request"}
    codes |= {"unsupported_media_type", "malformed_json", "body_too_large"}
    if not operation.is_anonymous:
        codes |= {"authentication_required", "token_invalid", "session_expired", "forbidden", "session_required"}
        codes |= DOOR_CODES - set(operation.tags.despite)
    if operation.tags.placeholders or operation.returns != "void":
        codes.add("not_found")
    if not operation.is_read:
        codes.add("precondition_failed")
    if operation.is_repeatable:
        codes |= {"idempotency_key_reused", "idempotency_in_progress"}
    if operation.tags.hash is not None:
        codes.add("password_unacceptable")
    codes |= {code for code in operation.tags.errors if code in registry}
    found: dict[int, set[str]] = {}
    for code in codes & registry.keys():
        found.setdefault(registry[code].status, set()).add(code)
    for status in (int(code) for code in operation.tags.errors if code.isdigit()):
        found.setdefault(status, {c for c, p in registry.items() if p.status == status})
    for another, code in (error.split(":") for error in operation.tags.errors if ":" in error):
        found.setdefault(int(another), set()).add(code)
    return found


def _tag(operation: Operation) -> str:
    """Routes are grouped by the segment after the version."""
    segments = operation.tags.segments
    return segments[1] if len(segments) > 1 else segments[0]


def _with_example(schema: Schema) -> Schema:
    example = schema["enum"][0] if "enum" in schema else _EXAMPLES.get(schema.get("format", ""))
    return schema | {"examples": [example]} if example is not None else schema


def _without_null(schema: Schema) -> Schema:
    """A parameter is left out rather than null."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        schema = schema | {"type": next(kind for kind in kinds if kind != "null")}
    if "enum" in schema:
        schema = schema | {"enum": [member for member in schema["enum"] if member is not None]}
    return schema


def _version() -> str:
    """The package's version, from the project file where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pgroster")
    except PackageNotFoundError:
        import tomllib

        return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
