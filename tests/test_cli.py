"""The commands, as real processes against a migrated database: what they answer and how they fail."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_postgresql.executors import NoopExecutor

from tests.commands import Installation, one_line
from tests.databases import TestDatabase, fresh_database
from tests.server import Service

PASSPHRASE = r"\b(?:[a-z]{5}-){3}[a-z]{5}\b"


@pytest.fixture
def pgroster(database: TestDatabase, tmp_path: Path) -> Installation:
    """The command line for this test's own database."""
    return Installation(tmp_path / "var", more={"DATABASE_URL": database.admin_dsn})


def test_help_lists_every_command(pgroster: Installation) -> None:
    done = pgroster.run("--help")
    assert done.returncode == 0
    for command in ("serve", "migrate", "rollback", "seed", "import", "reseal", "routes", "keys", "psql",
                    "doctor", "audit"):  # fmt: skip
        assert re.search(rf"^  {command} ", done.stdout, re.MULTILINE), command


def test_an_unknown_command_is_refused(pgroster: Installation) -> None:
    done = pgroster.run("migrat")
    assert done.returncode == 2
    assert "No such command 'migrat'" in done.stderr


def test_routes_tells_what_each_route_is_and_who_may_call_it(pgroster: Installation) -> None:
    done = pgroster.run("routes", "--json")
    assert done.returncode == 0, done.stderr
    routes = {(route["method"], route["path"]): route for route in json.loads(done.stdout)}
    listing = routes["GET", "/v1/users"]
    assert listing["function"].startswith("api.list_users(")
    assert (listing["permission"], listing["read_only"], listing["callers"]) == ("users:read", True, ["roster_user"])
    register = routes["POST", "/v1/auth/register"]
    assert (register["permission"], register["read_only"]) == (None, False)
    assert register["callers"] == ["roster_anonymous"]
    table = pgroster.run("routes").stdout
    assert re.search(r"^GET +/v1/users +api\.list_users +user +users:read +yes *$", table, re.MULTILINE)


def test_routes_says_which_function_makes_no_route_and_why(database: TestDatabase, pgroster: Installation) -> None:
    database.admin.execute("create function api.nameless() returns void language sql begin atomic end")
    assert "api.nameless()" in one_line(pgroster.run("routes"))


def test_migrate_says_when_there_is_nothing_to_do_and_what_there_is(pgroster: Installation) -> None:
    idle = pgroster.run("migrate")
    assert (idle.returncode, idle.stderr) == (0, "the database is up to date\n")
    status = pgroster.run("migrate", "--status")
    assert status.returncode == 0
    assert re.search(r"^users +deployed +\d{4}-", status.stdout, re.MULTILINE)
    steps = json.loads(pgroster.run("migrate", "--status", "--json").stdout)["steps"]
    assert steps[0]["name"] == "roles" and all(step["applied_at"] for step in steps)


def test_rollback_asks_first_and_migrate_brings_it_back(pgroster: Installation) -> None:
    unanswered = pgroster.run("rollback")
    assert unanswered.returncode != 0
    assert "is lost" in unanswered.stderr
    assert pgroster.run("migrate", "--status").returncode == 0
    taken = pgroster.run("rollback", "--steps", "2", "--yes")
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.startswith("took back functions, ")
    assert pgroster.run("migrate", "--status").returncode == 1
    assert "pgroster migrate" in one_line(pgroster.run("serve"))
    assert pgroster.run("migrate").returncode == 0
    assert pgroster.run("migrate", "--status").returncode == 0


def test_rollback_of_everything_takes_back_every_step(pgroster: Installation) -> None:
    assert "not both" in pgroster.run("rollback", "--all", "--to", "users", "--yes").stderr
    taken = pgroster.run("rollback", "--all", "--yes")
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.strip().endswith("foundations, roles")
    assert pgroster.run("migrate").returncode == 0


def test_rollback_to_an_unknown_step_is_refused(pgroster: Installation) -> None:
    assert "no deployed step nowhere" in one_line(pgroster.run("rollback", "--to", "nowhere", "--yes"))


def test_reseal_makes_a_key_and_tells_which_is_no_longer_needed(pgroster: Installation) -> None:
    keys = pgroster.var / "secrets" / "sealing"
    first, second = pgroster.run("reseal"), pgroster.run("reseal")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout.startswith("sealed 0 secret(s) anew\nno longer needed but for older backups: ")
    assert len(list(keys.glob("*.key"))) == 3, "the one from the start, and one each time"


def test_seed_makes_a_user_of_every_kind_once(pgroster: Installation) -> None:
    done = pgroster.run("seed")
    assert done.returncode == 0, done.stderr
    passwords = re.findall(PASSPHRASE, done.stdout)
    assert len(set(passwords)) == 6
    query = "select string_agg(status, ' ' order by username) from users"
    assert pgroster.value(query) == "active active deleted active suspended inactive"
    assert pgroster.value("select count(distinct user_id) from consents") == "6"
    assert pgroster.value("select count(*) from user_profiles where first_name <> ''") == "6"
    again = pgroster.run("seed")
    assert again.returncode == 0
    assert "it was left as it is" in again.stdout and not re.search(PASSPHRASE, again.stdout)
    assert pgroster.value("select count(*) from users") == "6"


def test_psql_is_the_administrators_and_passes_on_what_it_gets(pgroster: Installation) -> None:
    assert pgroster.value("select private.is_dba()") == "t"
    assert pgroster.value("table app.settings limit 0") == ""
    failed = pgroster.run("psql", "--command", "select nonsense")
    assert failed.returncode == 1
    assert 'column "nonsense" does not exist' in failed.stderr


def test_doctor_finds_a_sound_installation_sound(pgroster: Installation) -> None:
    done = pgroster.run("doctor", "--json")
    assert "stays on this machine" in done.stdout
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert {name for name, check in checks.items() if check["state"] != "ok"} == set(), done.stdout
    assert done.returncode == 0


def test_doctor_names_what_is_wrong_and_what_to_do(database: TestDatabase, pgroster: Installation) -> None:
    keys = pgroster.var / "keys"
    keys.mkdir(parents=True, mode=0o700)
    (keys / "signing.pem").touch(mode=0o644)
    database.admin.execute("update http.deployed set functions_digest = 'another'")
    database.admin.execute("update private.clock set shift = '1 hour'")
    month = database.admin.execute("select to_char(now() at time zone 'UTC', 'YYYY_MM')").fetchone()
    assert month
    database.admin.execute(f"drop table audit.audit_logs_{month[0]}".encode())
    database.admin.execute(f"alter database {database.name} set log_parameter_max_length = 100".encode())
    done = pgroster.run("doctor")
    assert done.returncode == 1
    assert re.search(r"^fail +key files", done.stdout, re.MULTILINE)
    assert re.search(r"^fail +clock +moved by 3600 seconds", done.stdout, re.MULTILINE)
    assert re.search(r"^warn +functions", done.stdout, re.MULTILINE)
    assert re.search(r"^warn +audit partitions", done.stdout, re.MULTILINE)
    assert re.search(r"^warn +server log .*log_parameter_max_length", done.stdout, re.MULTILINE)
    assert f"alter database {database.name} set log_parameter_max_length = '0'" in done.stdout
    assert "chmod -R go=" in done.stdout and "make migrate" in done.stdout and "create_audit_partitions" in done.stdout


def test_doctor_knows_that_the_service_itself_has_the_port(service: Service) -> None:
    place = Installation(
        service.var, int(service.base_url.rpartition(":")[2]), more={"DATABASE_URL": service.admin_dsn}
    )
    checks = {check["name"]: check for check in json.loads(place.run("doctor", "--json").stdout)}
    assert checks["port"]["state"] == "ok" and "answers" in checks["port"]["found"]
    assert checks["key files"]["state"] == "ok", "what a start makes is closed to others"


@pytest.fixture
def unmigrated(template: NoopExecutor, tmp_path: Path) -> Iterator[Installation]:
    """The command line for a database without anything."""
    with fresh_database(template, "template1") as empty:
        yield Installation(tmp_path / "var", more={"DATABASE_URL": empty.admin_dsn})


def test_commands_for_a_database_without_pgroster_say_what_to_run(unmigrated: Installation) -> None:
    for command in (("serve",), ("seed",), ("routes",)):
        assert "pgroster migrate" in one_line(unmigrated.run(*command)), command
    done = unmigrated.run("doctor")
    assert done.returncode == 1
    assert "make migrate" in done.stdout
