"""`pgroster doctor`: looks at every part of the set-up and says what to do about those that are not right."""

import asyncio
import stat
import sys
from importlib import metadata

from api import outlets, serve, settings
from api.doctor_database import Check, database
from api.embedded import running
from api.mail import DeliveryError
from api.settings import OperatorError, Settings

PYTHON = (3, 11)


def examine() -> list[Check]:
    """All checks, in the order in which one depends on another. Starts the embedded server for the while if it must."""
    checks = [python(), packages()]
    try:
        chosen = settings.load()
    except OperatorError as error:
        return [*checks, Check("settings", "fail", str(error), "mend that environment variable")]
    checks += [Check("settings", "ok", "all readable"), port(chosen), key_files(chosen), mail_server(chosen)]
    try:
        with running(chosen) as server:
            checks += database(server)
    except OperatorError as error:
        checks.append(Check("server", "fail", str(error), "nothing else works before this does"))
    return checks


def python() -> Check:
    """Whether this Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON:
        return Check("python", "ok", found)
    return Check("python", "fail", found, "use Python 3.11 or newer: make clean, then make PYTHON=python3.12 run")


def packages() -> Check:
    """Whether everything that pgroster needs is installed."""
    needed = [line for line in metadata.requires("pgroster") or [] if "extra ==" not in line]
    names = [name_of(line) for line in needed]
    missing = [name for name in names if not is_installed(name)]
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", "run: make clean, then make run")
    return Check("packages", "ok", f"{len(names)} installed")


def name_of(requirement: str) -> str:
    """The project's name in a requirement such as psycopg[binary]<4,>=3.2."""
    for position, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "-_."):
            return requirement[:position]
    return requirement


def is_installed(name: str) -> bool:
    """Whether a project is installed."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def port(chosen: Settings) -> Check:
    """Whether the service can have its port; that it runs already is a fine reason why not."""
    try:
        serve.open_socket(chosen).close()
    except OperatorError as error:
        if serve.answers(chosen):
            return Check("port", "ok", f"pgroster answers on port {chosen.port}")
        return Check("port", "fail", str(error), "stop what uses it, or set PGROSTER_PORT")
    return Check("port", "ok", f"{chosen.host}:{chosen.port} is free")


def mail_server(chosen: Settings) -> Check:
    """Whether the mail server lets the service in; no mail is sent."""
    if chosen.smtp_host is None:
        return Check("mail server", "ok", f"none; mails are written to {chosen.var / 'mail'}")
    where = f"{chosen.smtp_host}:{chosen.smtp_port}"
    try:
        asyncio.run(outlets.knock(chosen))
    except DeliveryError as error:
        return Check("mail server", "fail", f"{where}: {error}", "mend the PGROSTER_SMTP_ settings or the server")
    return Check("mail server", "ok", f"{where} lets the service in")


def key_files(chosen: Settings) -> Check:
    """Whether the files with secrets are closed to everybody else."""
    files = [path for part in ("keys", "secrets") for path in sorted((chosen.var / part).rglob("*"))]
    directories = [path for part in ("keys", "secrets") if (path := chosen.var / part).is_dir()]
    try:
        loose = [path for path in [*directories, *files] if stat.S_IMODE(path.stat().st_mode) & 0o077]
    except OSError as error:
        return Check("key files", "fail", f"{error.filename}: {error.strerror}", "run as the owner of these files")
    if loose:
        remedy = f"run: chmod -R go= {' '.join(map(str, directories))}"
        return Check("key files", "fail", f"open to others: {loose[0]}", remedy)
    return Check("key files", "ok", "private" if directories else "made at the first start")
