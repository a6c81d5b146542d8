"""Whether what records, seals and verifies the log is what the sources say: the catalog against the lock file.

Of functions all count, since any may be the one that records an event; what somebody has added beside them does not.
"""

import re
from typing import LiteralString

import psycopg

from api.fingerprint import differences, fingerprint, lock_file

_OURS = re.compile(r"audit|_000_refuse_truncate|tg__refuse_truncate|private\.(current_actor|is_api_key|now|clock)\b")
"""Lines of the fingerprint about the log, its guard and seals, the triggers that record, and what they call."""
_GUARD = "event trigger "
# A membership counts that lets somebody act as the log's owner; since PostgreSQL 16 there are others.
OPENINGS: LiteralString = """
    select 'membership ' || m.member::regrole || ' in roster_audit_owner'
    from pg_catalog.pg_auth_members m
    where m.roleid = 'roster_audit_owner'::regrole
      and coalesce((to_jsonb(m) ->> 'set_option')::boolean or (to_jsonb(m) ->> 'inherit_option')::boolean, true)
    union all
    select 'setting ' || coalesce(s.setrole::regrole::text, 'everybody') || ' | ' || c.setting
    from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c (setting)
    where c.setting ~* '^(session_replication_role|event_triggers)='
    union all
    select 'setting of the server | ' || s.name || '=' || s.reset_val
    from pg_catalog.pg_settings s
    where (s.name, s.reset_val) in (('session_replication_role', 'replica'), ('session_replication_role', 'local'),
                                    ('event_triggers', 'off'))
    order by 1"""
IS_SUPERUSER: LiteralString = "select rolsuper from pg_catalog.pg_roles where rolname = session_user"


def differing(connection: psycopg.Connection) -> list[str] | None:
    """What differs, `-` for what is missing and `+` for what should not be there; None without a lock file to compare.

    Only a superuser can install the guard, so it is missed only where a superuser asks.
    """
    lock = lock_file(connection)
    if not lock.is_file():
        return None
    everything = lock.read_text(encoding="utf-8").splitlines()
    functions = {_name(line) for line in everything if line.startswith("function ")}
    expected, found = (_part(lines, functions) for lines in (everything, fingerprint(connection).splitlines()))
    is_guarded = any(line.startswith(_GUARD) for line in found)
    if not is_guarded and connection.execute(IS_SUPERUSER).fetchone() != (True,):
        expected = [line for line in expected if not line.startswith(_GUARD)]
    openings = [f"+{line}" for (line,) in connection.execute(OPENINGS)]
    return [
        line for line in differences("\n".join(expected), "\n".join(found)) if line[:3] not in ("---", "+++")
    ] + openings


def named(differing: list[str]) -> list[str]:
    """The objects alone, one line each, with what is wrong with them."""
    signs: dict[str, set[str]] = {}
    for line in differing:
        signs.setdefault(_name(line[1:]), set()).add(line[0])
    words = {"-": "is missing", "+": "should not be there", "+-": "is another one"}
    return [f"{name} {words[''.join(sorted(found))]}" for name, found in signs.items()]


def _name(line: str) -> str:
    return line.split(" | ")[0]


def _part(lines: list[str], functions: set[str]) -> list[str]:
    return [line for line in lines if _OURS.search(line) or line.startswith(_GUARD) or _name(line) in functions]
