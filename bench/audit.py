"""What the audit log costs, and how fast it is sealed, verified and searched.

`make bench-audit` runs it on a throw-away server; ARGS="--rows 10000000" for a long log, `ARGS=--json` for a program.
Logins and refreshes run as their operations in the database, by pgbench, with the triggers and events of the log and
without, in interleaved rounds; without means that audit.append() does nothing and the triggers are disabled.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from api.embedded import Server, throwaway
from api.migrate import migrate
from bench.one_request import machine

HASH = "$2b$12$" + "a" * 53
PEOPLE = 200
WRITERS = 16
FILL_AT_ONCE = 250_000
CONFIGURATION = {"shared_buffers": "512MB", "max_wal_size": "1GB", "checkpoint_timeout": "30min"}

MAKE_PEOPLE: LiteralString = """
    select private.create_account('u' || n || '@example.com', 'user' || n, %s, null, null, null, 'en')
    from generate_series(1, %s) n"""
ACTIVATE: LiteralString = "update app.users set is_email_verified = true, status = 'active'"
LOGIN = """\\set n random(1, {people})
select set_config('request.context', '{{"address": "192.0.2.' || :client_id || '", "user_agent": "pgbench"}}', true),
       (api.login('user' || :n, '{hash}')).refresh_token;
"""
TOKENS: LiteralString = """
    create unlogged table bench_tokens as
    select n - 1 as client, (api.login('user' || n, %s)).refresh_token as token from generate_series(1, 8) n"""
REFRESH = "update bench_tokens set token = (api.refresh(token)).refresh_token where client = :client_id;\n"
EVENT = "select audit.record_event('login.failed', null, '{\"reason\": \"unknown\"}');\n"
TRIGGERS: LiteralString = """
    select format('alter table %%s %%s trigger _900_record_change', t.tgrelid::regclass, %s::text)
    from pg_trigger t where t.tgname = '_900_record_change'"""
SILENT: LiteralString = """
    create or replace function audit.append(
      action text, entity text, entity_id text, user_id uuid, changed_fields text[], old_values jsonb, new_values jsonb,
      details jsonb) returns void language plpgsql set search_path = pg_catalog, pg_temp as 'begin end'"""
# As rows are: a change of a session by one of 100,000 people, over two weeks.
FILL: LiteralString = """
    insert into audit.audit_logs (
      occurred_at, action, entity, entity_id, user_id, actor_user_id, actor_session_id, database_role, application_name,
      request_id, route, client_address, user_agent, changed_fields, old_values, new_values,
      values_salt, values_digest, origin_salt, origin_digest)
    select date_trunc('month', now()) + make_interval(secs => n * 1209600.0 / %(rows)s), 'sessions.updated', 'sessions',
           u.id::text, u.id, u.id, u.id, 'roster_authenticator', 'pgroster', 'request-' || n, 'api.refresh(text)',
           '192.0.2.7', 'Mozilla/5.0 (X11; Linux x86_64)', '{last_login_at}', v.old, v.new,
           v.salt, audit.values_digest(v.salt, v.old, v.new),
           v.salt, audit.origin_digest(v.salt, '192.0.2.7', 'Mozilla/5.0 (X11; Linux x86_64)')
    from generate_series(%(first)s::bigint, %(last)s::bigint) n,
         lateral (select ('00000000-0000-7000-8000-' || lpad((n * 7919 %% 100000)::text, 12, '0'))::uuid as id) u,
         lateral (select jsonb_build_object('at', n) as old, jsonb_build_object('at', n + 1) as new,
                         uuid_send(gen_random_uuid()) as salt) v"""
PERSON = "00000000-0000-7000-8000-000000004242"
SEARCH: LiteralString = """
    explain (analyze, buffers off, timing off, format json)
    select l.* from audit.audit_logs l where l.user_id = %s order by l.occurred_at desc, l.id desc limit 21"""


def pgbench(server: Server, script: Path, clients: int, seconds: float) -> float:
    """Transactions per second of a script by so many clients."""
    assert server.bin_dir and server.cluster
    address = {"PGHOST": str(server.cluster.sockets), "PGUSER": "postgres", "PGDATABASE": "user_management"}
    options = {"client": clients, "jobs": 2, "time": max(1, round(seconds)), "file": script}
    command = [str(server.bin_dir / "pgbench"), "--no-vacuum", *(f"--{key}={value}" for key, value in options.items())]
    done = subprocess.run(command, env=os.environ | address, check=True, capture_output=True, text=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None or "failed transactions: 0 " not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return float(found[1])


def switch(admin: psycopg.Connection[Any], is_on: bool, append: str) -> None:
    """Let changes and events be logged, or not."""
    way = "enable" if is_on else "disable"
    for (statement,) in admin.execute(TRIGGERS, [way]).fetchall():
        admin.execute(statement.encode())
    admin.execute(append.encode() if is_on else SILENT)


def of_operations(server: Server, admin: psycopg.Connection[Any], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Logins and refreshes with the log and without."""
    admin.execute(MAKE_PEOPLE, [HASH, PEOPLE])
    admin.execute(ACTIVATE)
    admin.execute(TOKENS, [HASH])
    row = admin.execute("select pg_get_functiondef('audit.append'::regproc)").fetchone()
    assert row
    figures: dict[tuple[str, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as home:
        scripts = {"login": LOGIN.format(people=PEOPLE, hash=HASH), "refresh": REFRESH}
        for name, script in scripts.items():
            path = Path(home, name)
            path.write_text(script)
            for _ in range(rounds):
                for is_on in (True, False):
                    switch(admin, is_on, row[0])
                    figures.setdefault((name, is_on), []).append(pgbench(server, path, 8, seconds))
        switch(admin, True, row[0])
    median = {key: statistics.median(values) for key, values in figures.items()}
    return [compared(f"{name}, 8 clients, with and without the log", median[name, True], median[name, False])
            for name in scripts]  # fmt: skip


@contextmanager
def sealing(dsn: str) -> Iterator[None]:
    """Somebody seals every second, thirty times as often as the service."""
    stopped = threading.Event()

    def work() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stopped.wait(1):
                seal(connection)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            yield
        finally:
            stopped.set()
            done.result()


def of_writers(server: Server, admin: psycopg.Connection[Any], rounds: int, seconds: float) -> dict[str, Any]:
    """Events by 16 writers while somebody seals, and while nobody does."""
    figures: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "event")
        path.write_text(EVENT)
        for _ in range(rounds):
            for is_sealing in (True, False):
                with sealing(server.admin_dsn) if is_sealing else nullcontext():
                    figures[is_sealing].append(pgbench(server, path, WRITERS, seconds))
                seal(admin)
    on, off = (statistics.median(figures[is_sealing]) for is_sealing in (True, False))
    return compared(f"events of {WRITERS} writers, with and without sealing", on, off)


def compared(what: str, on: float, off: float) -> dict[str, Any]:
    """A row of the first table."""
    return {"what": what, "with": round(on), "without": round(off), "cost": round(1 - on / off, 3)}


def seal(connection: psycopg.Connection[Any]) -> tuple[int, float]:
    """Seal all that can be sealed: how many rows, in how many seconds."""
    rows, started = 0, time.perf_counter()
    while found := connection.execute("select (admin.seal_audit() ->> 'rows')::integer").fetchone():
        if not found[0]:
            break
        rows += found[0]
    return rows, time.perf_counter() - started


def of_rows(admin: psycopg.Connection[Any], sealed: int, rows: int) -> list[dict[str, Any]]:
    """Sealing and verifying so many rows, and one person's newest page among more."""
    done = fill(admin, 0, sealed)
    count, seconds = seal(admin)
    figures = [told(f"sealing {count:,} rows", count, seconds)]
    started = time.perf_counter()
    found = admin.execute("select is_intact, rows from admin.verify_audit()").fetchone()
    assert found and found[0], found
    figures.append(told(f"verifying {found[1]:,} rows", found[1], time.perf_counter() - started))
    fill(admin, done, rows)
    admin.execute("vacuum analyze audit.audit_logs")
    plans = [found[0][0] for _ in range(5) if (found := admin.execute(SEARCH, [PERSON]).fetchone())]
    took = statistics.median(plan["Planning Time"] + plan["Execution Time"] for plan in plans)
    is_indexed = re.search(r'"Rows Removed by Filter": [1-9]', json.dumps(plans)) is None
    used = "by index" if is_indexed else "not by index alone"
    return [*figures, {"what": f"newest page of one person of {rows:,} rows, {used}", "milliseconds": round(took, 2)}]


def fill(admin: psycopg.Connection[Any], done: int, rows: int) -> int:
    """Rows up to a number, past the triggers."""
    for first in range(done + 1, rows + 1, FILL_AT_ONCE):
        admin.execute(FILL, {"first": first, "last": min(first + FILL_AT_ONCE - 1, rows), "rows": rows})
    return rows


def told(what: str, rows: int, seconds: float) -> dict[str, Any]:
    """A row of the second table."""
    return {"what": what, "seconds": round(seconds, 1), "per_second": round(rows / seconds)}


def measure(rounds: int, seconds: float, sealed: int, rows: int) -> dict[str, Any]:
    """Everything, on a server of its own."""
    with throwaway(CONFIGURATION) as server:
        migrate(server.admin_dsn)
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            admin.execute("update app.jobs set is_enabled = false")
            version = str(admin.info.parameter_status("server_version")).split()[0]
            costs = of_operations(server, admin, rounds, seconds)
            costs.append(of_writers(server, admin, rounds, seconds))
            figures = of_rows(admin, sealed, rows)
    return {"machine": machine(version), "rounds": rounds, "seconds": seconds, "costs": costs, "figures": figures}


def show(result: dict[str, Any]) -> None:
    """Print both tables."""
    print(f"{result['machine']}\nMedian of {result['rounds']} interleaved rounds of {result['seconds']:g} s.\n")
    print(f"| {'a second':52} | with | without | cost |\n|{'-' * 54}|-----:|--------:|-----:|")
    for row in result["costs"]:
        print(f"| {row['what']:52} | {row['with']:4} | {row['without']:7} | {row['cost']:4.0%} |")
    print(f"\n| {'the log itself':62} | {'took':>9} | a second |\n|{'-' * 64}|{'-' * 10}:|---------:|")
    for row in result["figures"]:
        took = f"{row['seconds']} s" if "seconds" in row else f"{row['milliseconds']} ms"
        print(f"| {row['what']:62} | {took:>9} | {row.get('per_second', ''):>8} |")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="length of each measurement")
    parser.add_argument("--sealed", type=int, default=1_000_000, help="rows to seal and to verify")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows among which one person's are looked for")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result = measure(options.rounds, options.seconds, options.sealed, options.rows)
    print(json.dumps(result, indent=2)) if options.json else show(result)


if __name__ == "__main__":
    main()
