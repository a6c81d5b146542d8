"""Sqitch for the test run: the machine's, else Debian's packages unpacked below the cache, never installed."""

import os
import re
import shutil
import subprocess
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from api import ROOT

CACHE = ROOT / ".cache" / "sqitch"
PROJECT = ROOT / "db" / "migrations"
MISSING = (
    "NOT TESTED: Sqitch is neither on this machine nor could it be downloaded, so nothing says here that it deploys "
    "what pgroster does; install it (Debian and Ubuntu: apt install sqitch libdbd-pg-perl; elsewhere: https://sqitch.org)"
)
_DEPENDENCIES = ("--recurse", *(f"--no-{kind}" for kind in (
    "recommends", "suggests", "conflicts", "breaks", "replaces", "enhances",
)))  # fmt: skip


@dataclass(frozen=True)
class Sqitch:
    """A way to run Sqitch: the command and what its environment needs."""

    command: tuple[str, ...]
    environment: dict[str, str]

    def __call__(self, dsn: str, bin_dir: Path, *arguments: str, project: Path = PROJECT) -> str:
        """Run it on a database in a project's directory; returns what it printed. Fails with that when it fails."""
        address = conninfo_to_dict(dsn)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "SQITCH_"))}
        environment |= {
            "PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": str(address["host"]),
            "PGPORT": str(address.get("port") or 5432),
            "PGUSER": str(address["user"]),
            "SQITCH_FULLNAME": "A Tester",
            "SQITCH_EMAIL": "tester@pgroster.invalid",
            "SQITCH_SYSTEM_CONFIG": os.devnull,
            "SQITCH_USER_CONFIG": os.devnull,
        }
        action, *rest = arguments
        done = subprocess.run(
            [*self.command, action, "--target", f"db:pg:{address['dbname']}", *rest],
            cwd=project,
            env=environment | self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def find() -> Sqitch | None:
    """Sqitch with its driver for PostgreSQL, downloaded if need be; None where that is impossible."""
    if shutil.which("sqitch") and _works(Sqitch(("sqitch",), {})):
        return Sqitch(("sqitch",), {})
    try:
        if not (CACHE / "usr" / "bin" / "sqitch").exists():
            _download()
        unpacked = _unpacked()
    except (OSError, subprocess.CalledProcessError):
        return None
    return unpacked if _works(unpacked) else None


def _works(sqitch: Sqitch) -> bool:
    environment = os.environ | sqitch.environment
    driver = subprocess.run(["perl", "-MDBD::Pg", "-e1"], env=environment, capture_output=True, check=False)
    version = subprocess.run([*sqitch.command, "--version"], env=environment, capture_output=True, check=False)
    return driver.returncode == version.returncode == 0


def _unpacked() -> Sqitch:
    usr = CACHE / "usr"
    libraries = [usr / "share" / "perl5", *(usr / "lib").glob("*/perl5/*")]
    environment = {"PERL5LIB": os.pathsep.join(map(str, libraries))}
    if find_library("pq") is None:
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(str(path.parent) for path in usr.rglob("libpq.so.5"))
    # Perl wants the options of the script's first line again when the script is its argument.
    return Sqitch(("perl", "-CAS", str(usr / "bin" / "sqitch")), environment)


def _download() -> None:
    """Fetch Sqitch's packages and the Perl packages that they need; with own lists where the machine has none."""
    shutil.rmtree(CACHE, ignore_errors=True)
    lists = CACHE / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (lists / part).mkdir(parents=True)
    private = ["-o", f"Dir::State::Lists={lists / 'lists'}", "-o", f"Dir::Cache={lists / 'cache'}"]
    unlocked = ["-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1"]
    try:
        _fetch([])
    except subprocess.CalledProcessError:
        _run("apt-get", "update", *private, *unlocked)
        _fetch([*private, *unlocked])
    for package in sorted(CACHE.glob("*.deb")):
        _run("dpkg-deb", "--extract", package, CACHE)
        package.unlink()
    shutil.rmtree(lists)


def _fetch(options: list[str]) -> None:
    names = _run("apt-cache", "depends", *options, *_DEPENDENCIES, "sqitch", "libdbd-pg-perl")
    wanted = sorted(set(re.findall(r"^(sqitch|lib\S+-perl|libpq5)$", names, re.MULTILINE)))
    _run("apt-get", "download", *options, *wanted)


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=CACHE, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout
