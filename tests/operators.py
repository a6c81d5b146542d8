"""People in psql: the program itself, logged in as an operator or as a stranger."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from api.embedded import Server
from tests.databases import TestDatabase
from tests.server import clean_environment

OPERATOR = "test_operator"
STRANGER = "test_stranger"


@dataclass(frozen=True)
class Psql:
    """The psql program, logged in as somebody."""

    program: Path
    dsn: str
    login: str

    def run(self, *commands: str) -> "subprocess.CompletedProcess[str]":
        """Run commands in one session."""
        address = {f"PG{k.upper()}": str(v) for k, v in conninfo_to_dict(self.dsn).items() if k in ("host", "port")}
        return subprocess.run(
            [str(self.program), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"]
            + [part for command in commands for part in ("-c", command)],
            env=clean_environment(
                **address,
                PGUSER=self.login,
                PGDATABASE=str(conninfo_to_dict(self.dsn)["dbname"]),
                PGAPPNAME="an operator's desk",
            ),
            capture_output=True,
            text=True,
        )

    def json(self, *commands: str) -> Any:
        """What the last command answered, which has to work."""
        done = self.run(*commands)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    def fails(self, *commands: str) -> str:
        """What psql says when the last command fails."""
        done = self.run(*commands)
        assert done.returncode == 3 or (done.returncode == 1 and commands), done.stdout
        return done.stderr


@contextmanager
def operators(database: TestDatabase, cluster: Server) -> Iterator[dict[str, Psql]]:
    """A member of roster_dba who is no superuser, and somebody without any role, by their logins."""
    for login in (OPERATOR, STRANGER):
        database.admin.execute(f"create role {login} login nosuperuser")
    database.admin.execute(f"grant roster_dba to {OPERATOR}")
    assert cluster.bin_dir
    try:
        yield {login: Psql(cluster.bin_dir / "psql", database.admin_dsn, login) for login in (OPERATOR, STRANGER)}
    finally:
        for login in (OPERATOR, STRANGER):
            database.admin.execute(f"drop role {login}")
