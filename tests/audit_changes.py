"""Changes of any table by its owner, for a random walk: values come from other rows, or are new where need be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from tests.audit_walk import Walk

_ID = "gen_random_uuid()"
_NEW_VALUES = {
    "app.digest": f"sha256(uuid_send({_ID}))",
    "app.email": f"{_ID} || '@walk.example'",
    "app.username": f"'w' || left(replace({_ID}::text, '-', ''), 20)",
    "app.role_name": f"'w' || left(replace({_ID}::text, '-', ''), 20)",
}
"""Values that nothing has yet, by type."""
_SPECIAL = {
    "app.settings": [
        "update app.settings set lock_after_failures = <n>",
        "update app.settings set service_name = 'walk <n>'",
    ],
    "private.secrets": ["update private.secrets set cursor_key = public.gen_random_bytes(32)"],
    "app.jobs": [
        "update app.jobs set is_enabled = not is_enabled where name = 'refresh_reporting'",
        "update app.jobs set next_run_at = private.now() + interval '<n> hours'",
        "update app.jobs set last_run_at = private.now(), next_run_at = private.now() + interval '<n> hours'",
    ],
    "app.erasures": ["update app.erasures set removed = removed || '{\"by_hand\": <n>}'"],
    "app.rate_limit_policies": ["update app.rate_limit_policies set quota = 1000000 + <n>"],
    "app.permissions": [
        "insert into app.permissions values ('walk:' || translate('<n>', '0123456789', 'abcdefghij'), '<n>')"
    ],
}
"""Tables in which copies of other rows would make no sense, or no service."""
_SOURCES = {
    "user_id": "(select x.id from app.users x order by md5(x::text || '<n>') limit 1)",
    "role_id": "(select x.id from app.roles x order by md5(x::text || '<n>') limit 1)",
    "permission": "(select x.name from app.permissions x order by md5(x::text || '<n>') limit 1)",
}
"""Parts of a key that refer to other tables."""
_FIXED = {"user_id", "session_id", "created_at"}
"""Columns that nobody changes by hand without the row being another one."""


@dataclass(eq=False)
class Change:
    """One statement, by whom, and what is to be known of it."""

    name: str
    role: str
    statement: str
    session: str | None = None
    hands_out: bool = False
    """Whether it answers with a refresh token of a session whose secret is in the claims."""
    keeps_origin: bool = True
    """False: it may erase a person, and with them the origin of what this very request did to them."""
    request_id: str = ""


Maker = Callable[["Walk"], Change | None]


def call(statement: str, *values: Any) -> str:
    """A statement with its values written out, so that functions can run it."""
    return sql.SQL(statement).format(*map(sql.Literal, values)).as_string(None)


def changes_of(admin: psycopg.Connection[Any], table: str) -> list[Maker]:
    """Insert, update and delete of a table as its owner: values come from other rows, or are new where they have to be.

    `<n>` in a statement becomes a random number.
    """
    if table in _SPECIAL:
        return [by_owner(table, statement) for statement in _SPECIAL[table]]
    columns = admin.execute(
        """select a.attname::text, a.atttypid::regtype::text, coalesce(a.attnum = any (i.indkey::int2[]), false),
             cardinality(i.indkey::int2[])
           from pg_attribute a join pg_index i on i.indrelid = a.attrelid and i.indisprimary
           where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''""",
        [table],
    ).fetchall()
    pieces = {
        "table": sql.Identifier(*table.split(".")),
        "names": sql.SQL(", ").join(sql.Identifier(name) for name, *_ in columns),
        "values": sql.SQL(", ").join(sql.SQL(_new_value(*column)) for column in columns),
    }
    statements = [
        "delete from {table} where ctid = (select ctid from {table} x order by md5(x::text || '<n>') limit 1)",
        "insert into {table} ({names}) select {values} from {table} b order by md5(b::text || '<n>') limit 1",
    ]
    makers = [by_owner(table, sql.SQL(statement).format(**pieces).as_string(None)) for statement in statements]
    for name, _, is_key, _ in columns:
        if not is_key and name not in _FIXED:
            statement = sql.SQL(
                "update {table} set {name} = (select x.{name} from {table} x order by md5('<n>' || x::text) limit 1)"
                " where ctid = (select ctid from {table} x order by md5(x::text || '<n>') limit 1)"
            ).format(name=sql.Identifier(name), **pieces)
            makers.append(by_owner(table, statement.as_string(None)))
    return makers


def _new_value(name: str, kind: str, is_key: bool, width: int) -> str:
    if kind in _NEW_VALUES:
        return _NEW_VALUES[kind]
    if is_key and name in _SOURCES:
        return _SOURCES[name]
    return _ID if is_key and width == 1 else f"b.{name}"


def by_owner(table: str, statement: str) -> Maker:
    """A change as the owner of the tables; <n> is a random number."""

    def make(walk: "Walk") -> Change:
        verb = statement.split(" ", 1)[0]
        return Change(f"{verb} {table}", "roster_owner", statement.replace("<n>", str(walk.random.randrange(3, 10000))))

    return make
