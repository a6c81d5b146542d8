"""The PostgreSQL server that a command uses: the embedded one, an external one, or a throw-away one for tests.

Every command that uses the embedded server holds a shared lock while it does. Whoever needs it first starts it, and
whoever lets go last stops it; a killed process loses its lock, so the next one takes its server over.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from api import cluster as clusters
from api.account import (
    Account,
    acting_as,
    home_of,
    make_directory,
    make_home,
    server_binaries,
    socket_path,
    unprivileged_account,
)
from api.cluster import CONFIGURATION, PORT, SUPERUSER, Cluster
from api.servers import AUTHENTICATOR, authenticator_dsn, check_server, client_programs, connected
from api.settings import OperatorError, Settings

DATABASE = "user_management"
THROWAWAY = "pgroster-throwaway-"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server to work with.

    `admin_dsn` connects as a superuser or as the owner who migrates, `api_dsn` as the service's own login;
    `bin_dir` holds psql and its companions; `cluster` is set where the server is this machine's own.
    """

    admin_dsn: str
    api_dsn: str
    bin_dir: Path
    cluster: Cluster | None = None


def locate(settings: Settings) -> Server:
    """Where the configured server is, without starting or asking it: what a worker process needs."""
    if settings.database_url is not None:
        return Server(settings.database_url, authenticator_dsn(settings), client_programs())
    account = unprivileged_account()
    return as_server(lay_out(home_of(settings), account, server_binaries(account)))


@contextmanager
def running(settings: Settings) -> Iterator[Server]:
    """The configured server, started if it is the embedded one. Raises OperatorError with one line that says why."""
    if settings.database_url is not None:
        check_server(settings.database_url)
        yield locate(settings)
        return
    account = unprivileged_account()
    home = make_home(settings, account)
    cluster = lay_out(home, account, server_binaries(account))
    with started(cluster, home):
        yield as_server(cluster)


@contextmanager
def throwaway(configuration: Mapping[str, str] | None = None, bin_dir: Path | None = None) -> Iterator[Server]:
    """A temporary server of its own for tests, removed afterwards whatever happens.

    `configuration` adds to or replaces PostgreSQL settings (values quoted as in postgresql.conf); `bin_dir` takes the
    programs of another PostgreSQL. What an earlier process that was killed left behind is removed as well.
    """
    account = unprivileged_account()
    parent = Path("/tmp" if account else tempfile.gettempdir())  # noqa: S108 - TMPDIR may be closed to the account
    remove_abandoned(parent, account, bin_dir)
    draft = Path(tempfile.mkdtemp(dir=parent))
    with locked(draft):
        home = draft.rename(parent / f"{THROWAWAY}{draft.name}")
        if account:
            os.chown(home, account.uid, account.gid)
        configuration = configuration or {}
        cluster = lay_out(home, account, bin_dir or server_binaries(account), int(configuration.get("port", PORT)))
        try:
            start(cluster, configuration)
            yield as_server(cluster)
        finally:
            remove(cluster, home)


def remove_abandoned(parent: Path, account: Account | None, bin_dir: Path | None) -> None:
    """Remove throw-away servers whose process was killed: nobody holds their lock."""
    owner = account.uid if account else os.geteuid()
    for home in parent.glob(f"{THROWAWAY}*"):
        with suppress(OSError):
            if home.lstat().st_uid == owner:
                with locked(home, wait=False):
                    remove(lay_out(home, account, bin_dir or server_binaries(account)), home)


def remove(cluster: Cluster, home: Path) -> None:
    """Stop a throw-away server at once and delete all of it."""
    try:
        clusters.stop(cluster, "immediate")
    finally:
        shutil.rmtree(cluster.sockets, ignore_errors=True)
        shutil.rmtree(home)


def lay_out(home: Path, account: Account | None, bin_dir: Path, port: int = PORT) -> Cluster:
    """The parts of a server that lives in one directory."""
    return Cluster(home / "data", socket_path(home), home / "log", bin_dir, account, port)


def as_server(cluster: Cluster) -> Server:
    """How to connect to a cluster of this machine; its socket's directory is open to its account only."""
    return Server(cluster.dsn(SUPERUSER, DATABASE), cluster.dsn(AUTHENTICATOR, DATABASE), cluster.bin_dir, cluster)


def settings_of(cluster: Cluster, own: Mapping[str, str]) -> dict[str, str]:
    """PostgreSQL's settings for a cluster, with those that depend on the place."""
    return {
        "unix_socket_directories": quoted(cluster.sockets),
        "log_directory": quoted(cluster.logs),
        **CONFIGURATION,
        **own,
    }


def quoted(value: Path) -> str:
    """A value as postgresql.conf writes it."""
    return "'" + str(value).replace("'", "''") + "'"


@contextmanager
def started(cluster: Cluster, home: Path) -> Iterator[None]:
    """Keep the embedded server running; starts it for its first user, stops it after its last."""
    try:
        with acting_as(cluster.account):
            users = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OperatorError(f"{error.filename}: {error.strerror}") from None
    try:
        with locked(home):
            fcntl.flock(users, fcntl.LOCK_SH)
            start(cluster, {})
        yield
    finally:
        with locked(home), suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if clusters.is_running(cluster):
                clusters.stop(cluster)
        os.close(users)


def start(cluster: Cluster, configuration: Mapping[str, str]) -> None:
    """Start a server that does not run yet, made anew where there is none, and see that it has the database."""
    if not clusters.is_running(cluster):
        try:
            for directory in (cluster.sockets, cluster.logs):
                make_directory(directory, cluster.account, 0o700)
            clusters.prepare(cluster, settings_of(cluster, configuration))
            clusters.start(cluster)
        except OSError as error:
            raise OperatorError(f"{error.filename or cluster.data}: {error.strerror}") from None
    ensure_database(cluster)


@contextmanager
def locked(directory: Path, wait: bool = True) -> Iterator[None]:
    """Hold a directory's exclusive lock; without waiting, BlockingIOError where another process holds it."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def ensure_database(cluster: Cluster) -> None:
    """Create the one database if it is not there yet."""
    with connected(cluster.dsn(SUPERUSER, "postgres")) as connection:
        found = connection.execute("select from pg_catalog.pg_database where datname = %s", [DATABASE]).fetchone()
        if found is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
