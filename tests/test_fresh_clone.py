"""The two commands of the README in a new clone with nothing installed, as this account and as an ordinary one."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api import ROOT
from api.account import Account, unprivileged_account
from tests.commands import Installation, has_said, is_open_to_all
from tests.server import clean_environment, free_port, told
from tests.waiting import until

INSTALL_SECONDS = 600
STOP_SECONDS = 60


@dataclass(frozen=True)
class Clone:
    """A clone of the last commit in a home that others may not enter."""

    home: Path
    account: Account | None
    port: int

    @property
    def directory(self) -> Path:
        """Where it is."""
        return self.home / "clone"

    def make(self, log: Path, *goals: str) -> "subprocess.Popen[bytes]":
        """Start make in it, as its account."""
        python = shutil.which("python3") if self.account is None else "/usr/bin/python3"
        settings = {"HOME": str(self.home), "PGROSTER_PORT": str(self.port), "PYTHON": str(python)}
        with log.open("ab") as output:
            return subprocess.Popen(
                ["make", *goals],
                cwd=self.directory,
                env=clean_environment(**settings),
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )


@pytest.fixture(params=["this account", "an ordinary account"])
def clone(request: pytest.FixtureRequest) -> Iterator[Clone]:
    """A new clone."""
    account = unprivileged_account() if request.param == "an ordinary account" else None
    if request.param == "an ordinary account" and account is None:
        pytest.skip("this account is an ordinary one")
    if account and not is_open_to_all(Path("/usr/bin/python3")):
        pytest.skip("NOT TESTED as an ordinary account: there is no /usr/bin/python3")
    if not (ROOT / ".git").exists():
        pytest.skip("NOT TESTED: this is no git clone")
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    trusted = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks"]
    subprocess.run([*trusted, ROOT, home / "clone"], check=True)
    if account:
        subprocess.run(["chown", "-R", f"{account.uid}:{account.gid}", home], check=True)
    place = Clone(home, account, free_port())
    yield place
    Installation(place.directory / "var", account=account).remove()
    shutil.rmtree(home)


@pytest.mark.slow
def test_make_run_works_in_a_new_clone_and_again(clone: Clone, tmp_path: Path) -> None:
    for attempt, expected in (("first", "ada.admin"), ("second", "has users already")):
        log = tmp_path / f"{attempt}.log"
        log.touch()
        process = clone.make(log, "run")
        try:
            with told(log):
                until(lambda p=process, t=log: has_said(p, t, "is ready"), INSTALL_SECONDS, "ready")  # type: ignore[misc]
            os.killpg(process.pid, signal.SIGINT)
            process.wait(STOP_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert expected in log.read_text()
        assert "Traceback" not in log.read_text()
        assert "rror" not in log.read_text()
    assert not Installation(clone.directory / "var", account=clone.account).server_processes()
