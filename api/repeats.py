"""Requests that may be sent twice: the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07).

A POST with a key has its effect once; sent again within 24 hours it gets the first answer, which the database stored in
the transaction of the effect. A route whose answer is a secret takes no key, since the answer would have to be stored.
"""

import json
from collections.abc import Mapping
from hashlib import sha256

from api.checks import Schema
from api.grammar import IDEMPOTENCY_KEY
from api.operations import Operation

REPLAYED = "Idempotency-Replayed"
"""The header of an answer that was given before."""
_ANYBODY_LENGTH = 22
"""128 random bits in base64url: who is not signed in is told from others by nothing but the key."""


def key_schema(operation: Operation) -> Schema:
    """What a key has to look like, bare or in the quotation marks that the draft wants."""
    least = _ANYBODY_LENGTH if operation.is_anonymous else 1
    bare = f"[!#-\\[\\]-~]{{{least},255}}"
    who = f"At least {least} characters, made at random." if operation.is_anonymous else "Unique to the request."
    return {
        "type": "string",
        "pattern": f'^(?:{bare}|"{bare}")$',
        "description": f"{who} Sent again with the same key within 24 hours, the request gets the first answer again "
        f"and has no further effect; {REPLAYED} says so.",
    }


def facts(operation: Operation, arguments: Mapping[str, str | None], key: str) -> dict[str, str]:
    """What the database is told of a request with a key: the fingerprint is of everything in it but its secrets."""
    secrets = {argument.name for argument in operation.arguments if argument.is_secret}
    told = {name: value for name, value in arguments.items() if name not in secrets and name != IDEMPOTENCY_KEY}
    fingerprint = sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return {IDEMPOTENCY_KEY: key.strip('"'), "fingerprint": fingerprint}
