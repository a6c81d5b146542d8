"""One PostgreSQL cluster on this machine: made by initdb, configured, started and stopped, never as root."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import make_conninfo

from api.account import Account, acting_as
from api.settings import OperatorError

SUPERUSER = "postgres"
PORT = 5432
START_SECONDS = 300  # a long crash recovery counts as starting
ORPHAN_SECONDS = 15  # how long the children of a killed server may take to notice
DEAD_PID = 2**22 - 1  # the last pid that Linux can give, so nearly never in use

CONFIGURATION = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "password_encryption": "'scram-sha-256'",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",  # of an SSD; with that of a disk the planner would read whole tables instead
    "shared_preload_libraries": "'pg_stat_statements'",
    "pg_stat_statements.track_utility": "off",  # CALL, DO and SET would keep literals
    "log_parameter_max_length": "0",  # bound parameters carry tokens and addresses
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "'%m [%p] %q%u@%d '",
    "logging_collector": "on",
    "log_filename": "'server-%a.log'",  # a week of logs, each file starting anew after seven days
    "log_truncate_on_rotation": "on",
    "log_rotation_size": "0",
    "log_timezone": "'UTC'",
    "timezone": "'UTC'",
    "lc_messages": "'C'",
}


@dataclass(frozen=True)
class Cluster:
    """Where one cluster lives. `account` is None where the server runs as whoever started it."""

    data: Path
    sockets: Path
    logs: Path
    bin_dir: Path
    account: Account | None
    port: int = PORT

    def dsn(self, user: str, database: str) -> str:
        """A libpq connection string over the cluster's Unix socket."""
        return make_conninfo(host=str(self.sockets), port=self.port, user=user, dbname=database)


def run(cluster: Cluster, tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the server's programs as its account, apart from the terminal's signals. Raises OperatorError."""
    account = cluster.account
    try:
        return subprocess.run(  # noqa: S603
            [cluster.bin_dir / tool, *arguments],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        who = f" as {account.name}" if account else ""
        raise OperatorError(f"can't run {cluster.bin_dir / tool}{who}: {error.strerror}") from None


def prepare(cluster: Cluster, configuration: Mapping[str, str]) -> None:
    """Make the data directory if there is none, refuse one that this server can't use, write the configuration."""
    if not cluster.data.exists() or not any(cluster.data.iterdir()):
        create(cluster)
    found, needed = recorded_major(cluster.data), major(cluster)
    if found is None or not (cluster.data / "global" / "pg_control").exists():
        raise OperatorError(f"{cluster.data} is no complete PostgreSQL data directory; restore it or move it away")
    if found != needed:
        raise OperatorError(
            f"{cluster.data} was made by PostgreSQL {found}, but this server is {needed}; "
            f"move it away, or dump it with version {found} and restore the dump"
        )
    text = "# Written at every start; own settings go into local.conf beside this file.\n"
    text += "".join(f"{name} = {value}\n" for name, value in configuration.items())
    with acting_as(cluster.account):
        draft = cluster.data / "postgresql.conf.new"
        draft.write_text(text + "include_if_exists = 'local.conf'\n")
        draft.rename(cluster.data / "postgresql.conf")


def create(cluster: Cluster) -> None:
    """Run initdb beside the final place and move the result there, so that an interrupted one does no harm."""
    draft = cluster.data.with_name(f"{cluster.data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    locale = ["--locale-provider=builtin"] if int(major(cluster)) >= 17 else []
    done = run(
        cluster, "initdb", "--pgdata", draft, "--username", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", *locale,
        "--auth-local=trust", "--auth-host=scram-sha-256", "--data-checksums", "--no-instructions",
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise OperatorError(f"initdb failed: {last_line(done.stdout)}")
    with acting_as(cluster.account):
        if cluster.data.exists():
            cluster.data.rmdir()
        draft.rename(cluster.data)


def recorded_major(data: Path) -> str | None:
    """The PostgreSQL version that made a data directory, None where the file that says so is missing or empty."""
    try:
        return (data / "PG_VERSION").read_text().strip() or None
    except FileNotFoundError:
        return None


def major(cluster: Cluster) -> str:
    """The major version of the cluster's programs, like "17"."""
    version = run(cluster, "postgres", "--version").stdout
    match = re.search(r"\(PostgreSQL\) (\d+)", version)
    if not match:
        raise OperatorError(f"{cluster.bin_dir / 'postgres'} does not run: {last_line(version)}")
    return match[1]


def is_running(cluster: Cluster) -> bool:
    """Whether the server answers on its socket; waits while it says that it is just starting or stopping."""
    deadline = time.monotonic() + START_SECONDS
    while (answer := pq.PGconn.ping(cluster.dsn(SUPERUSER, "postgres").encode())) == pq.Ping.REJECT:
        if time.monotonic() > deadline:
            raise OperatorError(f"PostgreSQL in {cluster.data} neither starts nor stops; see {cluster.logs}")
        time.sleep(0.1)
    return answer == pq.Ping.OK


def start(cluster: Cluster) -> None:
    """Start the server and wait until it answers. Raises OperatorError with PostgreSQL's own reason."""
    with acting_as(cluster.account):
        forget_dead_server(cluster)
    deadline = time.monotonic() + ORPHAN_SECONDS
    while True:
        begun = time.time()
        start_log = cluster.logs / "start.log"
        with acting_as(cluster.account):
            start_log.unlink(missing_ok=True)
        done = run(
            cluster, "pg_ctl", "start", "--silent", "--wait", f"--timeout={START_SECONDS}", "--pgdata", cluster.data,
            "--log", start_log,
        )  # fmt: skip
        if done.returncode == 0:
            return
        reason = complaint(cluster, begun) or last_line(done.stdout)
        if "shared memory block" not in reason or time.monotonic() > deadline:
            raise OperatorError(f"PostgreSQL in {cluster.data} did not start: {reason} (see {cluster.logs})")
        time.sleep(0.2)


def stop(cluster: Cluster, mode: str = "fast") -> None:
    """Stop the server and wait until it is gone; one that is gone already, or was killed, is fine."""
    done = run(cluster, "pg_ctl", "stop", "--silent", "--wait", f"--mode={mode}", "--pgdata", cluster.data)
    if done.returncode != 0 and is_alive(cluster):
        raise OperatorError(f"PostgreSQL in {cluster.data} did not stop: {last_line(done.stdout)}")


def forget_dead_server(cluster: Cluster) -> None:
    """Mend what a killed server left behind; call it only when no server answers.

    Its pid may belong to another program by now (always so after a container's restart), which PostgreSQL would take
    for a running server. Only the pid is replaced: the other lines let PostgreSQL find the dead server's children.
    """
    for leftover in cluster.sockets.glob(".s.PGSQL.*"):
        leftover.unlink()
    record = cluster.data / "postmaster.pid"
    if not record.exists():
        return
    pid, _, rest = record.read_text().partition("\n")
    if not pid.isdigit():
        record.unlink()
    elif not is_alive(cluster):
        record.write_text(f"{DEAD_PID}\n{rest}")


def is_alive(cluster: Cluster) -> bool:
    """Whether the process that the data directory names as its server exists and works in that directory."""
    try:
        pid = (cluster.data / "postmaster.pid").read_text().partition("\n")[0]
        return os.readlink(f"/proc/{int(pid)}/cwd") == str(cluster.data)
    except (OSError, ValueError):
        return False


def complaint(cluster: Cluster, begun: float) -> str | None:
    """The last fatal message that the server logged since a time (seconds of the epoch)."""
    found = None
    for path in sorted(cluster.logs.glob("*.log"), key=lambda path: path.stat().st_mtime):
        if path.stat().st_mtime >= begun - 1:
            for match in re.finditer(r"(?:FATAL|PANIC):\s+(.*)", path.read_text(errors="replace")[-20000:]):
                found = match[1]
    return found


def last_line(output: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
