"""Starting and stopping, with real processes and an embedded server: whatever happens in between, the data stays."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api import ROOT
from api.account import Account, unprivileged_account
from tests.commands import Installation, interrupt, is_open_to_all, one_line
from tests.waiting import until

COUNT_USERS = "select count(*) from app.users"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A place for an embedded server, nothing in it yet."""
    place = Installation(tmp_path / "var")
    yield place
    place.remove()


def test_running_again_keeps_the_data_and_ctrl_c_stops_everything(installation: Installation, tmp_path: Path) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    with installation.serving(first, "--migrate", "--seed") as process:
        assert installation.server_processes()
        assert httpx.get(f"http://127.0.0.1:{installation.port}/health/ready", trust_env=False).status_code == 200
        assert interrupt(process) == 0
    assert not installation.server_processes()
    assert "ada.admin" in first.read_text()
    with installation.serving(second, "--migrate", "--seed", "--workers", "2") as process:
        assert installation.value(COUNT_USERS) == "6"
        assert installation.server_processes(), "psql must not stop the server of the service"
        assert interrupt(process) == 0
    assert not installation.server_processes()
    assert "has users already" in second.read_text()
    assert "ada.admin" not in second.read_text()
    assert "Traceback" not in first.read_text() + second.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_after_a_kill_the_next_start_takes_over(installation: Installation, tmp_path: Path, workers: str) -> None:
    log = tmp_path / "service.log"
    with installation.serving(log, "--migrate", "--seed", "--workers", workers) as process:
        process.kill()
        process.wait()
        assert installation.server_processes(), "nobody has stopped the server"
        until(lambda: is_free(installation.port), 20, "the killed service's workers gone")
    again = tmp_path / "again.log"
    with installation.serving(again, "--migrate", "--seed", "--workers", workers) as process:
        assert installation.value(COUNT_USERS) == "6"
        assert interrupt(process) == 0
    assert not installation.server_processes()


def is_free(port: int) -> bool:
    """Whether nobody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_killed_server_starts_again_though_its_pid_belongs_to_another_program(installation: Installation) -> None:
    account = unprivileged_account()
    log = installation.var.with_name("service.log")
    with installation.serving(log, "--migrate", "--seed") as process:
        process.kill()
        process.wait()
        for pid in installation.server_processes():
            os.kill(pid, signal.SIGKILL)
    until(lambda: not installation.server_processes(), 10, "PostgreSQL gone")
    stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd="/", user=account.uid if account else None)
    try:
        record = installation.home / "data" / "postmaster.pid"
        record.write_text(f"{stranger.pid}\n" + record.read_text().partition("\n")[2])
        assert installation.value(COUNT_USERS) == "6"
    finally:
        stranger.kill()
        stranger.communicate()


def test_commands_that_start_at_once_share_one_server(installation: Installation) -> None:
    query = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", "select pg_postmaster_start_time()")
    several = [installation.start(*query) for _ in range(4)]
    answers = [process.communicate(timeout=60) for process in several]
    assert [process.returncode for process in several] == [0] * 4, answers
    until(lambda: not installation.server_processes(), 10, "PostgreSQL gone after its last user")


def test_an_interrupted_initdb_is_no_obstacle(installation: Installation) -> None:
    installation.value("select 1")
    (installation.home / "data").rename(installation.home / "data.new")
    (installation.home / "data.new" / "global" / "pg_control").unlink()
    assert installation.value("select 1") == "1"
    assert not (installation.home / "data.new").exists()


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An embedded server that has run once; tests leave it as it was."""
    place = Installation(tmp_path_factory.mktemp("initialised") / "var")
    assert place.value("select 1") == "1"
    yield place
    place.remove()


@contextmanager
def changed(path: Path, content: str | None) -> Iterator[None]:
    """A file with other content, or none, while the block runs."""
    kept = path.with_name("kept")
    path.rename(kept)
    if content is not None:
        path.write_text(content)
        os.chown(path, kept.stat().st_uid, kept.stat().st_gid)
    try:
        yield
    finally:
        kept.rename(path)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("PG_VERSION", "16\n", "was made by PostgreSQL 16"),
        ("PG_VERSION", None, "no complete"),
        ("PG_VERSION", "", "no complete"),
        ("global/pg_control", None, "no complete"),
        ("global/pg_control", "damaged", "did not start: "),
        ("pg_hba.conf", "nonsense\n", "did not start: could not load"),
    ],
)
def test_a_data_directory_that_can_not_be_used_is_refused_with_the_reason(
    initialised: Installation, file: str, content: str | None, complaint: str
) -> None:
    data = initialised.home / "data"
    with changed(data / file, content):
        assert complaint in one_line(initialised.run("serve", "--migrate"))
    assert initialised.value("select 1") == "1"


def test_who_moves_the_data_keeps_it_and_who_deletes_it_starts_anew(installation: Installation) -> None:
    installation.value("create table kept ()")
    moved = Installation(installation.var.with_name("moved"))
    installation.var.rename(moved.var)
    try:
        assert moved.value("select to_regclass('kept')") == "kept"
        assert installation.value("select to_regclass('kept')") == ""
    finally:
        moved.remove()


def test_a_taken_port_is_refused_before_anything_starts(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", installation.port)):
        assert f"127.0.0.1:{installation.port}" in one_line(installation.run("serve", "--migrate"))
    assert not installation.home.exists()


def test_a_place_of_another_account_is_refused(installation: Installation) -> None:
    if os.geteuid() == 0:
        (installation.var / "postgres").mkdir(parents=True)
    else:
        installation.var.mkdir()
        (installation.var / "postgres").symlink_to("/var/lib/pgroster/some")
    assert "run as" in one_line(installation.run("migrate"))


def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    assert str(blocked) in one_line(Installation(blocked / "var").run("migrate"))


def test_an_ordinary_account_runs_it_too() -> None:
    account = unprivileged_account()
    if account is None:
        pytest.skip("all other tests of this file run as an ordinary account already")
    python, packages = reachable_python()
    with_home = Path(tempfile.mkdtemp(prefix="pgroster-home-", dir="/tmp"))  # pytest's own directories are closed to it
    os.chown(with_home, account.uid, account.gid)
    clone = with_home / "clone"
    copy_clone(clone, account)
    place = Installation(
        clone / "var",
        clone=clone,
        python=python,
        account=account,
        more={"HOME": str(with_home), "PYTHONPATH": packages},
    )
    try:
        log = with_home / "service.log"
        with place.serving(log, "--migrate", "--seed") as process:
            assert place.value(COUNT_USERS) == "6"
            assert interrupt(process) == 0
        assert not place.server_processes()
        assert (clone / "var" / "postgres" / "data").is_dir()
    finally:
        place.remove()
        shutil.rmtree(with_home)


def reachable_python() -> tuple[Path, str]:
    """A Python that every account can run, and where it finds the packages; skips where there is none."""
    packages = Path(sysconfig.get_path("purelib"))
    for python in (Path(sys.executable), Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")):
        if python.exists() and is_open_to_all(python) and is_open_to_all(packages):
            return python, str(packages)
    pytest.skip(f"NOT TESTED as an ordinary account: others can't reach {sys.executable} or {packages}")


def copy_clone(target: Path, account: Account | None) -> None:
    """Copy what pgroster needs of this clone, for an account."""
    for part in ("api", "db"):
        shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    if account:
        for path in (target, *target.rglob("*")):
            os.chown(path, account.uid, account.gid)


def test_a_clone_in_a_private_home_works(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    copy_clone(private / "clone", None)
    place = Installation(private / "clone" / "var", clone=private / "clone")
    try:
        assert place.value("select 1") == "1"
        assert (private / "clone" / "var" / "postgres" / "data" / "PG_VERSION").exists()
    finally:
        place.remove()
