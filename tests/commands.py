"""pgroster's command line as real processes, with an embedded server of their own in a temporary VAR."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api import ROOT
from api.account import Account, home_of
from api.settings import Settings
from tests.server import READY_SECONDS, clean_environment, free_port, told
from tests.waiting import until

COMMAND_SECONDS = 120
Finished = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Installation:
    """A VAR of its own: whoever runs pgroster with it, and from which clone with which Python."""

    var: Path
    port: int = field(default_factory=free_port)
    clone: Path = ROOT
    python: Path = Path(sys.executable)
    account: Account | None = None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Where its embedded server lives."""
        return home_of(Settings(var=self.var))

    def start(self, *arguments: str, log: Path | None = None, errors: int | None = None) -> "subprocess.Popen[str]":
        """Start pgroster in a process group of its own, as a shell does, its output in a file or to be read.

        `errors`: a descriptor that gets stderr.
        """
        settings = {"PGROSTER_VAR": str(self.var), "PGROSTER_PORT": str(self.port)}
        output = log.open("a") if log else subprocess.PIPE
        try:
            return subprocess.Popen(
                [self.python, "-m", "api.cli", *arguments],
                cwd=self.clone,
                env=clean_environment(**settings, **self.more),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors or (subprocess.STDOUT if log else subprocess.PIPE),
                text=True,
                start_new_session=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        finally:
            if log:
                output.close()  # type: ignore[union-attr]

    def run(self, *arguments: str) -> Finished:
        """Run a command to its end."""
        process = self.start(*arguments)
        try:
            output, errors = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Finished(arguments, process.returncode, output, errors)

    def value(self, query: str) -> str:
        """What psql answers to a query."""
        done = self.run("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", query)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def serving(self, log: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """`pgroster serve` until it is ready; killed at the end if it still runs."""
        process = self.start("serve", *arguments, log=log)
        try:
            with told(log):
                until(lambda: has_said(process, log, "is ready"), READY_SECONDS, "service ready")
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def server_processes(self) -> list[int]:
        """The processes of its PostgreSQL: those that work in its data directory."""
        return [pid for pid in processes() if working_directory(pid) == str(self.home / "data")]

    def remove(self) -> None:
        """End and delete everything."""
        for pid in self.server_processes():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not self.server_processes(), 10, "PostgreSQL gone")
        shutil.rmtree(self.home, ignore_errors=True)


def one_line(done: Finished) -> str:
    """The refusal of a command: exactly one line, no traceback."""
    assert done.returncode != 0, done.stdout
    assert done.stderr.startswith("pgroster: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def has_said(process: "subprocess.Popen[Any]", log: Path, words: str) -> bool:
    """Whether a process has written something; fails when it has ended instead."""
    assert process.poll() is None, f"ended with {process.returncode}"
    return words in log.read_text()


def processes() -> list[int]:
    """All processes of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def working_directory(pid: int) -> str | None:
    """Where a process works, None where it is gone or somebody else's."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


def interrupt(process: "subprocess.Popen[str]") -> int:
    """What Ctrl-C does: SIGINT to the whole process group; returns the exit code."""
    os.killpg(process.pid, signal.SIGINT)
    return process.wait(COMMAND_SECONDS)


def is_open_to_all(path: Path) -> bool:
    """Whether every account can reach a file or directory."""
    path = path.resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))
