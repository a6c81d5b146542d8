"""Disks that are small enough to fill, and a quota for a running server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.account import unprivileged_account
from api.embedded import Server
from tests.faults import children, is_running

MEGABYTE = 2**20


@dataclass(frozen=True)
class Disk:
    """A file system of its own."""

    path: Path

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.path / "ballast").open("wb", buffering=0) as file:
            for size in (MEGABYTE, 4096, 1):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Give the room back."""
        (self.path / "ballast").unlink()


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """A file system in memory that the database's account may write; skips where mounting is not allowed."""
    account = unprivileged_account()
    path = Path(tempfile.mkdtemp(prefix="pgroster-disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(path)]
    try:
        if account is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("NOT TESTED on a full disk: this account may not mount a small one")
        try:
            os.chown(path, account.uid, account.gid)
            yield Disk(path)
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def file_size_limit(server: Server, size: int) -> Iterator[None]:
    """No process of the server can write beyond `size` bytes of any file while the block runs."""
    assert server.cluster
    postmaster = int((server.cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
    limit_files(postmaster, size)
    try:
        yield
    finally:
        limit_files(postmaster, "unlimited")


def limit_files(postmaster: int, size: int | str) -> None:
    """Set the soft limit of a server and what it has started; what it starts later inherits it."""
    account = unprivileged_account()
    who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    for pid in [postmaster, *children(postmaster)]:
        done = subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}:"], check=False, **who)  # type: ignore[call-overload]
        assert done.returncode == 0 or not is_running(pid)
