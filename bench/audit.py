"""What the audit log costs, and how fast it is sealed, verified and searched.

`make bench-audit` runs it on a throw-away server; ARGS="--rows 10000000" for a long log, `ARGS=--json` for a program.
Logins and refreshes are measured with the log on and off (`bench/audit_operations.py`), in pairs.
"""

import argparse
import json
import re
import statistics
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
from bench.audit_operations import compared, of_operations, pgbench
from bench.one_request import machine

WRITERS = 16
FILL_AT_ONCE = 250_000
CONFIGURATION = {"shared_buffers": "512MB", "max_wal_size": "1GB", "checkpoint_timeout": "30min"}

EVENT = "select audit.record_event('login.failed', null, '{\"reason\": \"unknown\"}');\n"
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
    pairs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "event")
        path.write_text(EVENT)
        for number in range(rounds):
            found = {}
            for is_sealing in (number % 2 == 0, number % 2 != 0):
                with sealing(server.admin_dsn) if is_sealing else nullcontext():
                    found[is_sealing] = pgbench(server, path, WRITERS, seconds)
                seal(admin)
            pairs.append((found[True], found[False]))
    return compared(f"events of {WRITERS} writers, while it is sealed", pairs)


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
    print(f"{result['machine']}\nMedian of {result['rounds']} pairs of {result['seconds']:g} s.\n")
    print(f"| {'a second':48} | with | without | cost | {'lowest to highest':>17} |")
    print(f"|{'-' * 50}|-----:|--------:|-----:|{'-' * 18}:|")
    for row in result["costs"]:
        spread = f"{row['lowest']:.0%} to {row['highest']:.0%}"
        print(f"| {row['what']:48} | {row['with']:4} | {row['without']:7} | {row['cost']:4.0%} | {spread:>17} |")
    print(f"\n| {'the log itself':62} | {'took':>9} | a second |\n|{'-' * 64}|{'-' * 10}:|---------:|")
    for row in result["figures"]:
        took = f"{row['seconds']} s" if "seconds" in row else f"{row['milliseconds']} ms"
        print(f"| {row['what']:62} | {took:>9} | {row.get('per_second', ''):>8} |")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3, help="length of each measurement")
    parser.add_argument("--sealed", type=int, default=1_000_000, help="rows to seal and to verify")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows among which one person's are looked for")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result = measure(options.rounds, options.seconds, options.sealed, options.rows)
    print(json.dumps(result, indent=2)) if options.json else show(result)


if __name__ == "__main__":
    main()
