"""What the people of a load were told, and whether the log holds all of it and nothing by halves."""

from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.people import Person

Facts = frozenset[str]

CHANGES = (".inserted", ".updated", ".deleted")
RULES: dict[str, dict[int, Facts]] = {
    "register": {201: frozenset({"users.inserted", "user_profiles.inserted", "user_roles.inserted", "consents.inserted",
                                 "email_verification_tokens.inserted", "account.registered"})},
    "login": {200: frozenset({"sessions.inserted", "refresh_tokens.inserted", "login.succeeded"}),
              401: frozenset({"login.failed"})},
    "wrong login": {401: frozenset({"login.failed"})},
    "refresh": {200: frozenset({"refresh_tokens.updated", "refresh_tokens.inserted"})},
    "retry": {200: frozenset()},
    "theft": {401: frozenset({"refresh_token.reused", "sessions.updated", "refresh_tokens.updated"})},
    "logout": {204: frozenset({"session.logged_out", "sessions.updated", "refresh_tokens.updated"})},
    "profile": {200: frozenset({"user_profiles.updated"})},
    "consent": {200: frozenset({"consents.inserted"})},
    "grant": {204: frozenset({"user_roles.inserted"})},
    "ungrant": {204: frozenset({"user_roles.deleted"})},
    "suspend": {200: frozenset({"users.updated"})},
    "reactivate": {200: frozenset({"users.updated"})},
    "delete": {204: frozenset({"users.updated"})},
    "restore": {200: frozenset({"users.updated"})},
    "password": {204: frozenset({"users.updated", "password.changed"})},
    "reset": {204: frozenset({"users.updated", "password_reset_tokens.updated", "password.reset"})},
    "email": {202: frozenset({"email_verification_tokens.inserted", "email.change_requested"})},
    "verify": {204: frozenset({"email_verification_tokens.updated", "users.updated"})},
    "forgot": {202: frozenset()},
    "revoke": {204: frozenset()},
}  # fmt: skip
"""What the log has to hold under the request's id when the answer was this."""
UNCHANGED_IS_FINE = {"grant", "consent", "logout", "theft", "email"}
"""What may find nothing to do: an earlier request whose answer was lost did it, or a limit on mails was reached."""
REAUTHENTICATES = {"password", "email"}
"""What a wrong password refuses, which is counted."""
OUTCOMES: dict[str, list[Facts]] = {kind: list(rules.values()) for kind, rules in RULES.items()}
OUTCOMES["retry"] = [*OUTCOMES["refresh"], *OUTCOMES["theft"]]
for _kind in REAUTHENTICATES:
    OUTCOMES[_kind].append(frozenset({"login.failed"}))
"""What the log may hold when there was no answer, if it holds any change at all."""


@dataclass
class Entry:
    """One request: what it was, and the status of its answer; None where there was none, or a 503."""

    kind: str
    request_id: str
    status: int | None
    person: Person


@dataclass
class Journal:
    """What all actors have done."""

    entries: list[Entry] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def contradictions(journal: Journal, database: psycopg.Connection[Any]) -> list[str]:
    """Where the log differs from what was answered, or holds a part of something."""
    query = """select request_id, array_agg(distinct action) from audit.audit_logs
               where request_id like 'storm-%%' group by request_id"""
    logged = {request_id: frozenset(actions) for request_id, actions in database.execute(query).fetchall()}
    found = [f"{id} is in nobody's journal" for id in logged.keys() - {e.request_id for e in journal.entries}]
    for entry in journal.entries:
        facts = logged.get(entry.request_id, frozenset())
        if not fits(entry, facts):
            found.append(f"{entry.kind} {entry.request_id} was answered {entry.status}, the log has {sorted(facts)}")
    return found


def fits(entry: Entry, facts: Facts) -> bool:
    """Whether what the log holds under a request's id goes with its answer."""
    rules = RULES[entry.kind]
    is_unchanged = not any(fact.endswith(CHANGES) for fact in facts)
    if entry.status is None:
        return is_unchanged or any(whole <= facts for whole in OUTCOMES[entry.kind])
    if entry.status in rules:
        return rules[entry.status] <= facts or (entry.kind in UNCHANGED_IS_FINE and is_unchanged)
    return is_unchanged or entry.kind in REAUTHENTICATES
