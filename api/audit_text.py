"""What the digests of the audit log are taken over, put together from plain columns without any code of the database.

PostgreSQL renders jsonb with the keys in the order of their length, then their bytes; the texts here are the same, byte
for byte.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any


def of_seal(seal: Mapping[str, Any]) -> str:
    """Everything that a seal says."""
    numbers = ("number", "epoch", "after_id", "system_identifier", "last_id", "row_count")
    return _object({
        **{name: str(seal[name]) for name in numbers},
        **{name: _string(seal[name]) for name in ("kind", "month", "ids")},
        "from": f"[{_string(seal['from_transaction'])}, {seal['from_id']}]",
        "to": f"[{_string(seal['to_transaction'])}, {seal['to_id']}]",
        "checks": _string(sha256(seal["checks"]).hexdigest()),
        **{name: _string(seal[name].hex()) for name in ("rows_digest", "previous_digest")},
        "sealed_at": _moment(seal["sealed_at"]),
    })  # fmt: skip


def of_row(row: Mapping[str, Any]) -> str:
    """What a seal covers of a row of the log."""
    plain = (
        "action", "entity", "entity_id", "user_id", "actor_user_id", "actor_session_id", "actor_api_key_id",
        "database_role", "application_name", "request_id", "route", "transaction_id",
    )  # fmt: skip
    fields = row["changed_fields"]
    return _object({
        "id": str(row["id"]),
        "occurred_at": _moment(row["occurred_at"]),
        **{name: _string(row[name]) for name in plain},
        "changed_fields": "null" if fields is None else f"[{', '.join(map(_string, fields))}]",
        "details": row["details"] or "null",
        **{name: _string(row[name] and row[name].hex()) for name in ("values_digest", "origin_digest")},
    })  # fmt: skip


def of_values(row: Mapping[str, Any]) -> str:
    """The old and the new values, as their digest covers them after the salt."""
    return f"[{row['old_values'] or 'null'}, {row['new_values'] or 'null'}]"


def of_origin(row: Mapping[str, Any]) -> str:
    """The address and the user agent, as their digest covers them after the salt."""
    return f"[{row['client_address'] or 'null'}, {_string(row['user_agent'])}]"


def digest(text: str) -> bytes:
    """SHA-256 of a text."""
    return digest_of(text.encode())


def digest_of(content: bytes) -> bytes:
    """SHA-256."""
    return sha256(content).digest()


def _object(members: Mapping[str, str]) -> str:
    names = sorted(members, key=lambda name: (len(name.encode()), name.encode()))
    return "{" + ", ".join(f"{_string(name)}: {members[name]}" for name in names) + "}"


def _string(text: str | None) -> str:
    return json.dumps(text, ensure_ascii=False)


def _moment(at: datetime) -> str:
    return _string(at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
