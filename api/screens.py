"""What the commands show: tables and progress for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, TimeRemainingColumn
from rich.table import Table

from api import catalog, operations
from api.doctor_database import Check
from api.embedded import Server
from api.migrate import Status
from api.operations import CatalogError, Operation
from api.seeds import SampleUser
from api.servers import connected
from api.settings import OperatorError, Settings, local_url

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
PIPED_WIDTH = 240


def show_json(answer: Any) -> None:
    """Print JSON for another program."""
    print(json.dumps(answer, indent=2, default=str))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; nothing is cut off."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False).print(table)


def load_operations(server: Server) -> tuple[Operation, ...]:
    """The routes that the database's functions make. Raises OperatorError where they are missing or refused."""
    from api.service import RESERVED  # loads all of the web framework, which other commands do without

    with connected(server.admin_dsn) as connection:
        try:
            return operations.compose(catalog.read_now(connection), RESERVED).operations
        except CatalogError as error:
            raise OperatorError("; ".join(error.reasons)) from None


def show_routes(routes: Sequence[Operation], as_json: bool) -> None:
    """Print the routes: who may call each, and whether it only reads."""
    routes = sorted(routes, key=lambda route: (route.tags.path, route.tags.method))
    if as_json:
        names = ("method", "path", "function", "callers", "permission", "read_only")
        show_json([dict(zip(names, row_of(route), strict=True)) for route in routes])
        return
    rows = []
    for method, path, function, callers, permission, read_only in map(row_of, routes):
        name = function.partition("(")[0]
        who = ", ".join(role.removeprefix("roster_") for role in callers)
        rows.append((method, path, name, who, permission or "", "yes" if read_only else "no"))
    show_table(("method", "path", "function", "who may call", "permission", "read-only"), rows)


def row_of(route: Operation) -> tuple[str, str, str, tuple[str, ...], str | None, bool]:
    """What both forms of the list say of a route."""
    return (
        route.tags.method, route.tags.path, route.function, route.callers, route.tags.permission, route.is_read,
    )  # fmt: skip


def show_status(status: Status) -> None:
    """Print the steps of the plan, and whether the functions are the ones of the sources."""
    rows = []
    for step in status.steps:
        state = "missing" if step.applied_at is None else "edited since" if step.edited else "deployed"
        when = step.applied_at.isoformat(timespec="seconds") if step.applied_at else ""
        rows.append((step.name, state, when, step.applied_by or "", step.note))
    show_table(("step", "state", "deployed at", "by", "what it is"), rows)
    same = status.deployed_functions == status.source_functions
    print("The functions are up to date." if same else "The functions differ from their sources; run: pgroster migrate")


def show_checks(checks: Sequence[Check]) -> None:
    """Print what the doctor found, and below it what to do."""
    show_table(
        ("", "check", "found"),
        [(f"[{COLOURS[check.state]}]{check.state}[/]", check.name, escape(check.found)) for check in checks],
    )
    for check in checks:
        if check.advice:
            print(f"{check.name}: {check.advice}")


def show_sample_users(users: Sequence[SampleUser]) -> None:
    """Print the sample users with their passwords, which are stored nowhere."""
    if not users:
        print("The database has users already; it was left as it is.")
        return
    print("Sample users, one for each state. Their passwords are shown this once:")
    show_table(
        ("username", "password", "status", "roles"),
        [(user.username, user.password, user.status, user.roles) for user in users],
    )


def show_next_steps(server: Server, settings: Settings, users: Sequence[SampleUser]) -> None:
    """Print where the service is and what to try."""
    url = local_url(settings.host, settings.port)
    steps = [("in a browser", f"{url}/docs"), ("its state", f"curl {url}/health/ready")]
    if not settings.smtp_host:
        steps.append(("its mails", f"ls -t {settings.var / 'mail'}  (no PGROSTER_SMTP_HOST is set, so they stay here)"))
    if users:
        steps.append(("sign in", sign_in_command(url, load_operations(server), users[0])))
    lines = [f"  {name:<14}{step}" for name, step in steps]
    print("\n".join(["", f"pgroster is ready on {url}; Ctrl-C stops it. Try:", *lines]), flush=True)


def sign_in_command(url: str, routes: Sequence[Operation], user: SampleUser) -> str:
    """The curl command that signs a user in, made from the route that checks a password and opens a session."""
    route = next(route for route in routes if route.is_session and route.tags.verify)
    who = next(argument.name for argument in route.at("body") if argument.required)
    body = json.dumps({who: user.username, route.tags.verify.key if route.tags.verify else "": user.password})
    return f"curl {url}{route.tags.path} -H 'Content-Type: application/json' -d '{body}'"


@contextmanager
def bar(total: int, amount: ProgressColumn) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields what is told of more that is done, from any thread."""
    columns = (BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("", total=total)
        yield lambda more: shown.advance(task, more)
