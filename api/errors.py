"""Everything that can go wrong, as the answer that a client gets: problem details (RFC 9457).

Statuses, titles and hints live in one registry in the database, `http.problems()`; Python only names codes.
No SQL, constraint name or row content ever leaves.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from api.catalog import ProblemFacts

CODES = frozenset(
    {
        "malformed_request",
        "malformed_json",
        "authentication_required",
        "token_invalid",
        "not_found",
        "method_not_allowed",
        "precondition_failed",
        "request_timeout",
        "body_too_large",
        "uri_too_long",
        "unsupported_media_type",
        "expectation_failed",
        "headers_too_large",
        "invalid_request",
        "password_unacceptable",
        "internal_error",
        "busy",
        "timeout",
        "database_unavailable",
    }
)
"""The codes that this service raises itself; the functions raise the others."""

DOOR_CODES = frozenset({"mfa_enrolment_required", "password_change_required"})
"""What the door asks of an account before it opens anything else; a route that is open all the same says @despite."""

RETRY_AFTER = {"Retry-After": "1"}
_OWN_CLASS = "UM"
_CONFLICTS = frozenset({"40001", "40P01"})
_TIMEOUTS = frozenset({"57014", "55P03", "25P03"})
READ_ONLY = "25006"
"""What a server says that is a standby, or was told to take no changes."""
_LOST = frozenset({"57P01", "57P02", "57P03", "57P05", READ_ONLY})
_BAD_VALUES = frozenset({"22P02", "22P05", "22001", "22003", "22007", "22008", "22009", "22021"})
_REPLACED = frozenset({"42883", "42704", "42P01", "42703", "42804", "3F000", "0A000"})
_REPLACED_MESSAGES = ("cache lookup failed", "type with OID", "could not find")
_STORAGE_MESSAGES = ("could not extend file", "could not write")
"""What storage says whose error PostgreSQL has no state for, such as a used-up quota."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of a request that does not fit; the message says what it should be, never what it was."""

    field: str
    code: str
    message: str


@dataclass(eq=False)
class Problem(Exception):
    """An error for the client. What is None comes from the registry; `members` are its own besides (RFC 9457, 3.2)."""

    code: str
    errors: list[FieldError] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    title: str | None = None
    detail: str | None = None
    members: dict[str, Any] = field(default_factory=dict)


class RoutesReplacedError(Exception):
    """The statement failed as one does whose functions have just been replaced; nothing was changed."""


class ConflictError(Exception):
    """The transaction lost against another one (serialization failure or deadlock); it may be tried again."""


def of_database(error: psycopg.Error) -> Exception:
    """What a failed statement means: a Problem, or one of the two errors above that ask for another try."""
    state, diagnosis = error.sqlstate, error.diag
    if state is None:
        return Problem("database_unavailable", headers=dict(RETRY_AFTER))
    if state.startswith(_OWN_CLASS):
        return Problem(
            diagnosis.message_detail or "internal_error",
            status=int(state.removeprefix(_OWN_CLASS)),
            title=diagnosis.message_primary,
            detail=diagnosis.message_hint,
        )
    if state in _CONFLICTS:
        return ConflictError()
    if state in _TIMEOUTS:
        return Problem("timeout", headers=dict(RETRY_AFTER))
    if state in _LOST or state.startswith(("08", "53", "58")):
        return Problem("database_unavailable", headers=dict(RETRY_AFTER))
    message = diagnosis.message_primary or ""
    if state in _BAD_VALUES or (state == "23514" and diagnosis.constraint_name):
        return Problem("invalid_request")
    if state == "23514" or (state == "XX000" and message.startswith(_STORAGE_MESSAGES)):
        # A check violation without a constraint is a partition that the log lacks.
        return Problem("database_unavailable", headers=dict(RETRY_AFTER))
    if state in _REPLACED or (state == "XX000" and any(part in message for part in _REPLACED_MESSAGES)):
        return RoutesReplacedError()
    return Problem("internal_error")


def describe(error: psycopg.Error) -> dict[str, Any]:
    """What may be logged of a failed statement: where and which rule, never a value."""
    diagnosis = error.diag
    facts: dict[str, Any] = {
        "sqlstate": error.sqlstate,
        "constraint": diagnosis.constraint_name,
        "table": diagnosis.table_name,
        "context": diagnosis.context,
    }
    if error.sqlstate is None or not error.sqlstate.startswith(("22", "23", "54")):
        facts["reason"] = diagnosis.message_primary or str(error)  # those would quote the value
    return {name: value for name, value in facts.items() if value}


def of_answer(problem: Mapping[str, Any]) -> Problem:
    """The problem that a function recorded in its answer."""
    members = {name: value for name, value in problem.items() if name not in ("code", "status", "title", "detail")}
    return Problem(
        str(problem["code"]),
        status=problem.get("status"),
        title=problem.get("title"),
        detail=problem.get("detail"),
        members=members,
    )


def render(problem: Problem, registry: Mapping[str, ProblemFacts], request_id: str) -> tuple[int, bytes]:
    """Status and JSON body of a problem."""
    known = registry.get(problem.code)
    status = problem.status or (known.status if known else 500)
    body: dict[str, Any] = problem.members | {
        "type": f"urn:pgroster:error:{problem.code}",
        "title": problem.title or (known.title if known else problem.code),
        "status": status,
        "code": problem.code,
        "detail": problem.detail or (known.hint if known else ""),
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = [asdict(error) for error in problem.errors]
    return status, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def challenge(code: str, has_token: bool) -> str:
    """The WWW-Authenticate header of a 401 (RFC 6750, 3): the error is named only if a token was presented."""
    if has_token and code in ("token_invalid", "session_expired"):
        return 'Bearer realm="pgroster", error="invalid_token"'
    return 'Bearer realm="pgroster"'
