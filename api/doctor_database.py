"""What `pgroster doctor` looks at in the database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import psycopg

from api import audit_code, migrate
from api.embedded import Server
from api.servers import PROTECTION, check_migratable, check_server, connected, exposure, is_here, way
from api.settings import OperatorError

FACTS = """
    select pg_catalog.current_setting('server_version'), pg_catalog.getdatabaseencoding(), datcollate
    from pg_catalog.pg_database where datname = pg_catalog.current_database()"""
LEAKS = """
    select name, pg_catalog.format('alter database %I set %I = %L;', current_database(), name, safe)
    from (values ('log_parameter_max_length', '0'), ('log_parameter_max_length_on_error', '0'),
                 ('log_error_verbosity', 'terse')) as s (name, safe)
    where current_setting(name) <> safe"""
CLOCK = "select pg_catalog.round(extract(epoch from private.now() - pg_catalog.clock_timestamp()))"
MISSING_PARTITIONS = """
    select month
    from (select to_char(now() at time zone 'UTC' + make_interval(months => n), 'YYYY_MM')
          from generate_series(0, 1) n) as needed (month)
    where not exists (
      select from pg_catalog.pg_class c
      where c.relnamespace = pg_catalog.to_regnamespace('audit') and c.relispartition and c.relkind = 'r'
        and right(c.relname, 7) = month)"""
GUARDS = """
    select count(*) from pg_catalog.pg_event_trigger
    where evtname in ('pgroster_guard_start', 'pgroster_guard_end', 'pgroster_guard_drop') and evtenabled = 'O'"""


@dataclass(frozen=True)
class Check:
    """What was looked at and found; `advice` says what to do where it is not ok."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def database(server: Server) -> Iterator[Check]:
    """Everything about the database, as far as it can be looked at."""
    with connected(server.admin_dsn) as connection:
        row = connection.execute(FACTS).fetchone()
        assert row is not None  # noqa: S101 - one row by construction
        yield Check("server", "ok", f"PostgreSQL {row[0]}, {'embedded' if server.cluster else 'of DATABASE_URL'}")
        yield transport(connection)
        yield Check("encoding", "ok", f"{row[1]}, locale {row[2]}")
        yield refusal("extension and rights", check_migratable, server.admin_dsn, "pgcrypto at hand, may migrate")
        status = migrate.status(server.admin_dsn)
        yield steps(status)
        yield functions(status)
        if status.deployed_functions is not None:
            yield refusal("service login", check_server, server.api_dsn, "roster_authenticator can log in")
            yield server_log(server.api_dsn)
            yield clock(connection)
            yield partitions(connection)
            yield guard(connection)
            yield audit_trail(connection)


def transport(connection: psycopg.Connection) -> Check:
    """Whether what goes to the server and back is safe on its way."""
    danger = exposure(connection)
    if danger is not None:
        return Check("transport", "warn", danger, PROTECTION)
    host, mode = way(connection)
    return Check("transport", "ok", "stays on this machine" if is_here(host) else f"encrypted, sslmode={mode}")


def refusal(name: str, check: Callable[[str], None], dsn: str, found: str) -> Check:
    """Whether a server passes a check that otherwise says itself what to do."""
    try:
        check(dsn)
    except OperatorError as error:
        return Check(name, "fail", str(error))
    return Check(name, "ok", found)


def steps(status: migrate.Status) -> Check:
    """Whether every step of the plan is deployed as it stands in the sources."""
    missing = [step.name for step in status.steps if step.applied_at is None]
    edited = [step.name for step in status.steps if step.edited]
    if missing:
        return Check("migrations", "fail", f"not deployed: {', '.join(missing)}", "run: make migrate")
    if edited:
        found = f"changed after they were deployed: {', '.join(edited)}"
        return Check("migrations", "warn", found, "put the changes into a new step and take them out of the old one")
    return Check("migrations", "ok", f"all {len(status.steps)} steps are deployed")


def functions(status: migrate.Status) -> Check:
    """Whether the deployed functions are those of the sources."""
    if status.deployed_functions == status.source_functions:
        return Check("functions", "ok", f"as in the sources ({status.source_functions[:12]})")
    return Check("functions", "warn", "differ from the sources", "run: make migrate")


def server_log(dsn: str) -> Check:
    """Whether the server keeps what the service sends it out of its own log."""
    try:
        with connected(dsn) as connection:
            leaks = connection.execute(LEAKS).fetchall()
    except OperatorError as error:
        return Check("server log", "fail", str(error))
    if not leaks:
        return Check("server log", "ok", "quotes neither parameters nor rows")
    names, statements = zip(*leaks, strict=True)
    advice = f"as a superuser: {' '.join(statements)}"
    return Check("server log", "warn", f"may quote secrets because of {', '.join(names)}", advice)


def clock(connection: psycopg.Connection) -> Check:
    """Whether the product's clock is the real one: only the tables' owner moves it, and the log believes it."""
    row = connection.execute(CLOCK).fetchone()
    assert row is not None  # noqa: S101 - one row by construction
    if not row[0]:
        return Check("clock", "ok", "the real time")
    return Check(
        "clock", "fail", f"moved by {row[0]} seconds", "as the tables' owner: update private.clock set shift = '0'"
    )


def partitions(connection: psycopg.Connection) -> Check:
    """Whether the audit log can be written this month and the next: without a place for its row a change is refused."""
    months = [month for (month,) in connection.execute(MISSING_PARTITIONS)]
    if not months:
        return Check("audit partitions", "ok", "there for this month and the next")
    state: Literal["warn", "fail"] = "fail" if len(months) > 1 else "warn"
    advice = "run: make psql ARGS=\"-c 'select create_audit_partitions()'\""
    return Check("audit partitions", state, f"missing: {', '.join(months)}", advice)


def guard(connection: psycopg.Connection) -> Check:
    """Whether event triggers keep the audit log closed, which only a superuser can install."""
    row = connection.execute(GUARDS).fetchone()
    if row == (3,):
        return Check("audit guard", "ok", "event triggers keep the log closed to all but superusers")
    found = "no event triggers: whoever migrates, or may make roles, could open the log; its seals would tell"
    return Check("audit guard", "warn", found, "see docs/audit.md; a superuser can install them")


def audit_trail(connection: psycopg.Connection) -> Check:
    """Whether what records, seals and verifies the log is deployed as the sources have it."""
    differing = audit_code.differing(connection)
    if differing is None:
        return Check("audit code", "ok", "not compared: db/fingerprint has no file for this PostgreSQL")
    if not differing:
        return Check("audit code", "ok", "records, seals and verifies as in the sources")
    names = audit_code.named(differing)
    found = "; ".join(names[:3]) + (f"; and {len(names) - 3} more" if len(names) > 3 else "")
    return Check("audit code", "fail", found, "find out who did it; docs/audit.md says what to do")
