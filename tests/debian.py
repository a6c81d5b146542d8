"""What Debian and Ubuntu have and the embedded server lacks: other majors, and packages unpacked without any rights."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from api.servers import SUPPORTED

SERVERS = Path("/usr/lib/postgresql")
SHARED = Path("/usr/share/postgresql")
DOWNLOAD_ERRORS = (OSError, subprocess.CalledProcessError)


def programs() -> Path | None:
    """The programs of the newest supported server that Debian's packages installed here."""
    installed = (SERVERS / str(major) / "bin" for major in reversed(SUPPORTED))
    return next((path for path in installed if (path / "postgres").exists()), None)


def extension(programs: Path, name: str) -> Path:
    """Where the control file of an extension is that a package installed for these programs."""
    return SHARED / programs.parent.name / "extension" / f"{name}.control"


def unpack(packages: Sequence[str], cache: Path) -> None:
    """Download the first of these packages that there is and unpack it below `cache`; with own lists if there are none.

    Raises one of DOWNLOAD_ERRORS; that of a command has its output.
    """
    lists = cache / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (lists / part).mkdir(parents=True, exist_ok=True)
    private = ["-o", f"Dir::State::Lists={lists / 'lists'}", "-o", f"Dir::Cache={lists / 'cache'}"]
    unlocked = ["-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1"]
    try:
        fetch(packages, cache, [])
    except subprocess.CalledProcessError:
        run(cache, "apt-get", "update", *private, *unlocked)
        fetch(packages, cache, [*private, *unlocked])
    finally:
        shutil.rmtree(lists)
    for package in cache.glob("*.deb"):
        run(cache, "dpkg-deb", "--extract", package, cache)
        package.unlink()


def fetch(packages: Sequence[str], cache: Path, options: Iterable[str]) -> None:
    """Download the first package that the lists know. Raises subprocess.CalledProcessError of the last try."""
    for package in packages:
        try:
            run(cache, "apt-get", "download", *options, package)
            return
        except subprocess.CalledProcessError:
            if package == packages[-1]:
                raise


def run(cache: Path, *command: str | Path) -> None:
    """Run a command in the cache directory."""
    subprocess.run(command, cwd=cache, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
