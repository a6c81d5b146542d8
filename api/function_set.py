"""Putting the functions in place again: all of them in one transaction, and no more dropped than has to be."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from api import function_sources, ledger
from api.sqlfile import MigrationError, Script, expand

_TYPES = "\\ir types.sql\n"

# What `create or replace` cannot change stands in the signature; what it can is in the definition.
_ROUTINES = b"""
    select format('%%s %%s(%%s) %%s', p.prokind, p.oid::regproc, pg_get_function_arguments(p.oid),
                  pg_get_function_result(p.oid)) as signature,
           p.oid::text as oid,
           p.oid::regprocedure::text as name,
           concat(pg_get_functiondef(p.oid), p.proacl, obj_description(p.oid, 'pg_proc')) as definition
    from pg_proc p
    where p.pronamespace = any (%s::regnamespace[]::oid[]) and p.prokind <> 'a'
"""
_TYPES_OF_API = b"""
    select t.oid::regtype::text, t.typtype::text, t.typbasetype::regtype::text, obj_description(t.oid, 'pg_type'),
           a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
    from pg_type t
    left join pg_class c on c.oid = t.typrelid
    left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where t.typnamespace = 'api'::regnamespace and (t.typtype in ('d', 'e', 'r') or c.relkind = 'c')
    order by t.typname, a.attnum
"""


@dataclass(frozen=True)
class Routine:
    """A deployed function: its oid, its name with argument types, and all that is said about it."""

    oid: str
    name: str
    definition: str


def apply(connection: psycopg.Connection, functions: Path) -> str:
    """Apply every function file; returns in words what changed. Raises MigrationError, and then nothing changed.

    A function that is dropped and made again gets another oid, and a request in flight that has planned with the
    old one fails. So the set is tried first in a transaction that is rolled back, which tells what stays the same
    to callers; that is then replaced in place.
    """
    generated = function_sources.generated(functions)
    listing = functions / "apply.sql"
    everything = expand(listing, generated)
    before, types_before = _routines(connection), _types(connection)
    with connection.transaction(force_rollback=True):
        ledger.run(connection, everything)
        after, types_after = _routines(connection), _types(connection)
    same_types = types_before == types_after
    script = (
        expand(listing, {**generated, listing: generated[listing].replace(_TYPES, "")}) if same_types else everything
    )
    keep = [routine.oid for signature, routine in before.items() if signature in after]
    try:
        _apply(connection, script, keep, same_types)
    except MigrationError:
        _apply(connection, everything, [], False)
    return _differences(before, after)


def _apply(connection: psycopg.Connection, script: Script, keep: list[str], keep_types: bool) -> None:
    with connection.transaction():
        connection.execute(
            "select set_config('pgroster.keep', %s, true), set_config('pgroster.keep_types', %s, true)",
            (",".join(keep), str(keep_types)),
        )
        ledger.run(connection, script)


def _routines(connection: psycopg.Connection) -> dict[str, Routine]:
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = pg_catalog")
        rows = connection.execute(_ROUTINES, (list(function_sources.SCHEMAS),)).fetchall()
    return {signature: Routine(oid, name, definition) for signature, oid, name, definition in rows}


def _types(connection: psycopg.Connection) -> list[tuple[str | None, ...]]:
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = pg_catalog")
        return connection.execute(_TYPES_OF_API).fetchall()


def _differences(before: dict[str, Routine], after: dict[str, Routine]) -> str:
    old = {routine.name: (signature, routine.definition) for signature, routine in before.items()}
    new = {routine.name: (signature, routine.definition) for signature, routine in after.items()}
    changes = {
        "added": new.keys() - old.keys(),
        "changed": {name for name in new.keys() & old.keys() if new[name] != old[name]},
        "removed": old.keys() - new.keys(),
    }
    return "; ".join(f"{what} {_few(sorted(names))}" for what, names in changes.items() if names) or "none differs"


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 5 else f"{len(names)} functions"
