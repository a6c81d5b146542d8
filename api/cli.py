"""The command line: `pgroster serve`, `migrate`, `rollback`, `seed`, `import`, `reseal`, `routes`, `keys`, `audit`,
`psql`, `doctor`.

A failure that the operator can mend is one line on stderr and a non-zero exit code, never a traceback.
"""

import os
import signal
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api import audit, doctor, loading, migrate, resealing, rotation, screens, seeds, serve, settings, strangers
from api.embedded import Server, running
from api.servers import check_migratable, connected, exposure
from api.settings import OperatorError, Settings


class Commands(click.Group):
    """Turns expected failures into one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OperatorError as error:
            click.echo(f"pgroster: {error}", err=True)
            ctx.exit(error.exit_code)
        except PermissionError as error:
            click.echo(f"pgroster: no permission for {error.filename}; run as the account that made it", err=True)
            ctx.exit(1)
        except psycopg.errors.InsufficientPrivilege as error:
            click.echo(f"pgroster: {error.diag.message_primary}; set DATABASE_URL to a login that may", err=True)
            ctx.exit(1)
        except psycopg.OperationalError as error:
            click.echo(f"pgroster: lost the database: {' '.join(str(error).split())}", err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pgroster")
def main() -> None:
    """User management that lives in PostgreSQL, served as a REST API.

    Without DATABASE_URL the embedded PostgreSQL in ./var is used.
    """


@main.command("serve", epilog=f"\b\nEnvironment variables:\n{settings.listing()}")
@click.option("--migrate", "with_migration", is_flag=True, help="Bring the database up to date first.")
@click.option("--seed", "with_seeds", is_flag=True, help="Load the sample users into a database without users.")
@click.option("--workers", type=int, help="Processes that answer requests.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
def serve_command(
    with_migration: bool, with_seeds: bool, workers: int | None, host: str | None, port: int | None
) -> None:
    """Serve the API until Ctrl-C."""
    for name, value in (("WORKERS", workers), ("HOST", host), ("PORT", port)):
        if value is not None:
            os.environ[settings.PREFIX + name] = str(value)  # worker processes read it too
    chosen = settings.load()
    serve.allow_files(chosen)
    serve.stop_on_signals()
    listener = serve.open_socket(chosen)
    with running(chosen) as server:
        if with_migration:
            bring_up_to_date(server, chosen)
        else:
            require_migrated(server)
        users = seeds.load(server.admin_dsn, chosen) if with_seeds else []
        if with_seeds:
            screens.show_sample_users(users)
        with connected(server.admin_dsn) as connection:
            danger = exposure(connection)
        serve.run(chosen, listener, danger, lambda: screens.show_next_steps(server, chosen, users))


def bring_up_to_date(server: Server, chosen: Settings) -> migrate.Report:
    """Migrate; an external server's service login gets its password, the embedded one needs none."""
    check_migratable(server.admin_dsn)
    password = settings.authenticator_password(chosen) if server.cluster is None else None
    return migrate.migrate(server.admin_dsn, authenticator_password=password, progress=say)


def require_migrated(server: Server) -> None:
    """Refuse a database that lacks steps of the plan."""
    if not all(step.applied_at for step in migrate.status(server.admin_dsn).steps):
        raise OperatorError("the database is not migrated; run: pgroster migrate")


def say(line: str) -> None:
    """Tell about progress, on stderr so that answers can be piped."""
    click.echo(line, err=True)


@main.command("migrate")
@click.option(
    "--status", "only_status", is_flag=True, help="Only say what is deployed; exit code 1 if anything is not."
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def migrate_command(only_status: bool, as_json: bool) -> None:
    """Bring the database up to date.

    First the steps that it lacks, then the functions that have changed.
    """
    chosen = settings.load()
    with running(chosen) as server:
        if only_status:
            status = migrate.status(server.admin_dsn)
            screens.show_json(asdict(status)) if as_json else screens.show_status(status)
            raise SystemExit(0 if status.is_current else 1)
        report = bring_up_to_date(server, chosen)
        if as_json:
            screens.show_json(asdict(report))
        elif not (report.deployed or report.functions):
            say("the database is up to date")


@main.command("rollback")
@click.option("--to", "step", help="Take back every step after this one.")
@click.option("--steps", type=click.IntRange(min=1), default=1, show_default=True, help="How many to take back.")
@click.option("--all", "everything", is_flag=True, help="Take back every step: pgroster leaves the database.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rollback_command(step: str | None, steps: int, everything: bool, yes: bool) -> None:
    """Take back the last steps.

    Their tables go with everything in them.
    """
    if everything and step:
        raise click.UsageError("use --to or --all, not both")
    with running(settings.load()) as server:
        what = "every step" if everything else f"every step after {step}" if step else f"the last {steps} step(s)"
        if not yes:
            click.confirm(f"Take back {what}? The data in their tables is lost.", abort=True, err=True)
        taken = migrate.rollback(server.admin_dsn, to=step, steps=None if everything else steps, progress=say)
        click.echo(f"took back {', '.join(taken)}" if taken else "nothing to take back")


@main.command("seed")
@click.option("--users", type=click.IntRange(1, strangers.COUNT_MAX), help="Make so many made-up people instead.")
@click.option("--seed", "key", default="1", show_default=True, help="The same seed makes the same people.")
@click.option("--password", help="One password for all of them; without it none of them can sign in.")
@click.option("--yes", "is_sure", is_flag=True, help="Also beside accounts that are not made up.")
def seed_command(users: int | None, key: str, password: str | None, is_sure: bool) -> None:
    """Make sample users, or as many people as you like.

    Without --users six of them, one for each state, in a database without users. docs/seeds.md explains.
    """
    chosen = settings.load()
    with running(chosen) as server:
        require_migrated(server)
        if users is None:
            screens.show_sample_users(seeds.load(server.admin_dsn, chosen))
        else:
            loading.seed(server.admin_dsn, chosen, users, key, password, is_sure)


@main.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--dry-run", "is_rehearsal", is_flag=True, help="Judge every row and keep nothing.")
@click.option("--report", type=click.Path(path_type=Path), help="CSV or JSON file that gets what came of each row.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def import_command(path: Path, is_rehearsal: bool, report: Path | None, as_json: bool) -> None:
    """Make accounts of the rows of a file.

    FILE is CSV under a header, or JSON lines. Hashes (bcrypt, Argon2id) come along; exit code 1 if any row was refused.
    docs/import.md describes the fields.
    """
    with running(settings.load()) as server:
        raise SystemExit(0 if loading.load(server.admin_dsn, path, report, is_rehearsal, as_json) else 1)


@main.command("reseal")
def reseal_command() -> None:
    """Encrypt the secrets of second factors with a new key.

    Names the keys that only older backups of the database need from then on.
    """
    chosen = settings.load()
    with running(chosen) as server:
        require_migrated(server)
        count, unneeded = resealing.reseal(server.admin_dsn, chosen.sealing_keys)
    click.echo(f"sealed {count} secret(s) anew")
    for path in unneeded:
        click.echo(f"no longer needed but for older backups: {path}")


@main.command("routes")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def routes_command(as_json: bool) -> None:
    """List the routes that the database's functions make."""
    with running(settings.load()) as server:
        require_migrated(server)
        screens.show_routes(screens.load_operations(server), as_json)


main.add_command(rotation.keys_commands)


@main.command("psql", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql_command(arguments: tuple[str, ...]) -> None:
    """Open psql as the database's administrator; ARGUMENTS go to psql."""
    with running(settings.load()) as server:
        address: dict[str, Any] = conninfo_to_dict(server.admin_dsn)
        password = address.pop("password", None)  # other people can read a command line
        environment = os.environ | ({"PGPASSWORD": password} if password else {})
        command = [str(server.bin_dir / "psql"), "--dbname", make_conninfo(**address), *arguments]
        signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is psql's: it cancels a query
        raise SystemExit(subprocess.run(command, env=environment).returncode)  # noqa: S603


@main.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def doctor_command(as_json: bool) -> None:
    """Check the whole set-up and say what to do."""
    checks = doctor.examine()
    screens.show_json([asdict(check) for check in checks]) if as_json else screens.show_checks(checks)
    raise SystemExit(1 if any(check.state == "fail" for check in checks) else 0)


main.add_command(audit.group)


if __name__ == "__main__":
    main()
