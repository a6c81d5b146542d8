"""Logins and refreshes with the audit log on and off, for `bench/audit.py`.

Each as what the service asks the database for one request, and as the operation in it alone. Off means that the
triggers are disabled and that audit.append() does nothing. On and off take turns, in pairs, so that what else goes on
on the machine hits both.
"""

import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from api.catalog import read_now
from api.embedded import Server
from api.operations import compose
from api.statements import Statement
from api.statements import compose as compose_statements

HASH = "$2b$12$" + "a" * 53
PEOPLE = 2_000
CLIENTS = 8

MAKE_PEOPLE: LiteralString = """
    select private.create_account('u' || n || '@example.com', 'user' || n, %s, null, null, null, 'en')
    from generate_series(1, %s) n"""
ACTIVATE: LiteralString = "update app.users set is_email_verified = true, status = 'active'"
NO_LIMITS: LiteralString = "update app.rate_limit_policies set quota = 10000000"
TOKENS: LiteralString = """
    create unlogged table bench_tokens as
    select n - 1 as client, (api.login('user' || n, %s)).refresh_token as token from generate_series(1, %s) n"""
READABLE: LiteralString = "grant select on bench_tokens to roster_authenticator"
TRIGGERS: LiteralString = """
    select format('alter table %%s %%s trigger _900_record_change', t.tgrelid::regclass, %s::text)
    from pg_trigger t where t.tgname = '_900_record_change'"""
SILENT: LiteralString = """
    create or replace function audit.append(
      action text, entity text, entity_id text, user_id uuid, changed_fields text[], old_values jsonb, new_values jsonb,
      details jsonb)
    returns boolean language plpgsql set search_path = pg_catalog, pg_temp as 'begin return true; end'"""

# Requests of one address wait for each other, so each connection gets one of its own, as clients have.
CONTEXT = """jsonb_build_object(
    'address', '192.0.2.' || :client_id, 'user_agent', 'pgbench', 'request_id', 'bench', 'stage', '{stage}')"""
WHO = "\\set n random(1, {people})\n"
LOGIN = """\
select set_config('request.context', {context}::text, true), 1 / count(r)
from api.login('user' || :n, '{hash}') r where r.refresh_token is not null;
"""
FIRST_TOKEN = """\
\\if :begun
\\else
select token from bench_tokens where client = :client_id \\gset
\\set begun 1
\\endif
"""
REFRESH = """\
select set_config('request.context', {context}::text, true), (api.refresh(:token)).refresh_token as token \\gset
"""
# What is refused ends the measurement.
CHECKED = "select 1 / count(r.body) as one, min(r.body)::json ->> 'refresh_token' as token from ({statement}) r"


def scripts(admin: psycopg.Connection[Any]) -> dict[str, tuple[str, str]]:
    """For pgbench: whose login runs it, and what."""
    known = {operation.name: compose_statements(operation) for operation in compose(read_now(admin), ()).operations}
    login, refresh = known["login"], known["refresh"]
    assert login.prepare
    who, alone = WHO.format(people=PEOPLE), CONTEXT.format(stage="call")
    person = {"identifier": "('user' || :n)", "verified_hash": f"'{HASH}'"}
    asked = checked(login.prepare, "prepare", person) + ";\n" + checked(login.call, "call", person) + ";\n"
    return {
        "login, as the service asks for it": ("roster_authenticator", who + asked),
        "login, the operation alone": ("postgres", who + LOGIN.format(context=alone, hash=HASH)),
        "refresh, as the service asks for it": (
            "roster_authenticator", FIRST_TOKEN + checked(refresh.call, "", {"refresh_token": ":token"}) + " \\gset\n"
        ),
        "refresh, the operation alone": ("postgres", FIRST_TOKEN + REFRESH.format(context=alone)),
    }  # fmt: skip


def checked(statement: Statement, stage: str, values: dict[str, str]) -> str:
    """A statement of the service with values in it, that fails where the request is refused."""
    text = statement.query.decode().replace("$1::text::jsonb", CONTEXT.format(stage=stage))
    for number, name in enumerate(statement.names, 2):
        text = text.replace(f"${number}::", f"{values.get(name, 'null')}::")
    return CHECKED.format(statement=text)


def pgbench(server: Server, script: Path, clients: int, seconds: float, user: str = "postgres") -> float:
    """Transactions per second of a script by so many clients."""
    assert server.bin_dir and server.cluster
    address = {"PGHOST": str(server.cluster.sockets), "PGUSER": user, "PGDATABASE": "user_management"}
    options = {
        "client": clients, "jobs": 2, "time": max(1, round(seconds)), "protocol": "prepared", "define": "begun=0",
        "file": script,
    }  # fmt: skip
    command = [str(server.bin_dir / "pgbench"), "--no-vacuum", *(f"--{key}={value}" for key, value in options.items())]
    done = subprocess.run(command, env=os.environ | address, capture_output=True, text=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or found is None or "failed transactions: 0 " not in done.stdout:
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
    admin.execute(NO_LIMITS)
    admin.execute("vacuum analyze")
    row = admin.execute("select pg_get_functiondef('audit.append'::regproc)").fetchone()
    assert row
    figures: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "script")
        for number in range(rounds):
            for name, (user, script) in scripts(admin).items():
                path.write_text(script)
                found = {}
                for is_on in (number % 2 == 0, number % 2 != 0):
                    admin.execute("drop table if exists bench_tokens")
                    admin.execute(TOKENS, [HASH, CLIENTS])
                    admin.execute(READABLE)
                    switch(admin, is_on, row[0])
                    found[is_on] = pgbench(server, path, CLIENTS, seconds, user)
                figures.setdefault(name, []).append((found[True], found[False]))
    switch(admin, True, row[0])
    return [compared(name, pairs) for name, pairs in figures.items()]


def compared(what: str, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """A row of the table: the medians, and the median of what it cost in each pair."""
    costs = sorted(1 - on / off for on, off in pairs)
    return {
        "what": what,
        "with": round(statistics.median(on for on, _ in pairs)),
        "without": round(statistics.median(off for _, off in pairs)),
        "cost": round(statistics.median(costs), 3),
        "lowest": round(costs[0], 3),
        "highest": round(costs[-1], 3),
    }
