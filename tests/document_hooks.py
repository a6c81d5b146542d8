"""What Schemathesis has to be told about this API; tests/test_document.py makes it load this.

It checks all that it can, and each exception stands here with its reason. An exception is a code of a problem, never a
route: what a code means holds for every route, so those that come later need no word here.
"""

import os
import re
import secrets
from typing import Any

import httpx
import psycopg
import schemathesis
from schemathesis.core.failures import Failure

from tests.people import PASSWORD

KEY = "Idempotency-Key"

BEYOND_A_SCHEMA = {
    "token_invalid": "a token of the right form need not be one that somebody was given",
    "code_invalid": "nor a code",
    "cursor_invalid": "nor a cursor",
    "precondition_failed": "nor the version of anything",
    "consent_required": "a boolean may be false, and the answer then says what to do about it",
    "unknown_permission": "permissions are rows, and a schema is made before them",
    "email_unacceptable": "letters of an address may stand for what no address has",
    "password_unacceptable": "a password may be a common one",
    "metadata_too_large": "a schema counts the members of an object, not its bytes",
    "expiry_passed": "a time of the right form may be one in the past",
}
"""Codes of problems that answer a request which fits its schema, besides conflicts and missing things."""


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Whether a failure is one."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    return response.json().get("code") not in BEYOND_A_SCHEMA


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Never send the same key twice: with another request it would be refused, as it has to be."""
    declared = [p for p in case.operation.definition.raw.get("parameters", []) if p.get("name") == KEY]
    given = (case.headers or {}).get(KEY)
    if declared and isinstance(given, str) and re.fullmatch(declared[0]["schema"]["pattern"], given):
        case.headers[KEY] = secrets.token_hex(32)


@schemathesis.auth(refresh_interval=10)
class Somebody:
    """Who sends the requests: somebody new every ten seconds, since what is tried may end their session or account."""

    def get(self, case: Any, context: Any) -> str | None:
        """An access token; none where nobody is to be signed in."""
        role = os.environ["DOCUMENT_ROLE"]
        if role == "anonymous":
            return None
        name = f"probe-{secrets.token_hex(8)}"
        body = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
        with httpx.Client(base_url=os.environ["DOCUMENT_URL"], timeout=60, trust_env=False) as client:
            client.post("/v1/auth/register", json=body | {"gdpr_consent": True}).raise_for_status()
            with psycopg.connect(os.environ["DOCUMENT_DSN"], autocommit=True) as connection:
                connection.execute(
                    "insert into app.user_roles (user_id, role_id) select u.id, r.id from app.users u, app.roles r "
                    "where u.username = %s and r.name = %s on conflict do nothing",
                    [name, role],
                )
            answer = client.post("/v1/auth/login", json={"identifier": name, "password": PASSWORD})
        return str(answer.raise_for_status().json()["access_token"])

    def set(self, case: Any, data: str | None, context: Any) -> None:
        """Sign the request."""
        if data is not None:
            case.headers["Authorization"] = f"Bearer {data}"
