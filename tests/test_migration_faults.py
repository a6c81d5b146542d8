"""Migrations that are edited, interrupted, broken or started twice: one clear line, and nothing left half-way."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api import ROOT, migrate, yoyo_steps
from api.embedded import Server
from api.plan import read_plan
from api.sqlfile import MigrationError
from tests import sqitch
from tests.migrated import Empty, change, empty_database, forget_roles, sources
from tests.waiting import together

STEPS = [step.name for step in read_plan()]
PLANNED = "2026-12-01T00:00:00Z Ann <ann@example.org> # Notes"
KILLED_BEFORE_THE_MARK = """
import os, signal, sys
from api import migrate, yoyo_steps

mark_one = yoyo_steps.Backend.mark_one

def killed(self, migration, log=True):
    if migration.id == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    mark_one(self, migration, log)

yoyo_steps.Backend.mark_one = killed
migrate.migrate(sys.argv[1])
"""


@pytest.fixture
def database(server: Server) -> Iterator[Empty]:
    """A database without anything."""
    with empty_database(server) as empty:
        yield empty
    forget_roles(server)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Sources to edit."""
    return sources(tmp_path)


def add_step(files: Path, name: str, before: str, table: str) -> None:
    """Plan a further step that makes one table, right before another step."""
    (files / "schema" / f"500_{name}.sql").write_text(f"create table {table} (id integer primary key);\n")
    scripts = {
        "deploy": f"begin;\nset local role roster_owner;\n\\ir ../../schema/500_{name}.sql\n"
        f"insert into app.schema_migrations (step) values ('{name}');\ncommit;\n",
        "revert": f"begin;\nset local role roster_owner;\ndrop table {table};\n"
        f"delete from app.schema_migrations where step = '{name}';\ncommit;\n",
        "verify": f"begin;\nselect '{table}'::regclass;\nrollback;\n",
    }
    for kind, text in scripts.items():
        (files / "migrations" / kind / f"{name}.sql").write_text(f"-- {kind} {name}\n{text}")
    plan = files / "migrations" / "sqitch.plan"
    plan.write_text(re.sub(rf"^(?={before} )", f"{name} {PLANNED}\n", plan.read_text(), flags=re.MULTILINE))


def test_an_edited_step_that_is_deployed_is_refused_by_name(database: Empty, files: Path) -> None:
    migrate.migrate(database.dsn, database=files)
    schema = files / "schema" / "030_users.sql"
    schema.write_text(schema.read_text() + "\nalter table app.users add nickname text;\n")
    change(files / "functions" / "api" / "get_me.sql", "begin\n", "begin\n  -- also edited\n")
    before = database.fingerprint()
    with pytest.raises(MigrationError, match=r"step users was edited after .*030_users\.sql.* a new step") as refused:
        migrate.migrate(database.dsn, database=files)
    assert "\n" not in str(refused.value)
    assert database.fingerprint() == before
    assert [step.name for step in migrate.status(database.dsn, database=files).steps if step.edited] == ["users"]


def test_an_edited_function_that_a_step_includes_is_no_edited_step(database: Empty, files: Path) -> None:
    migrate.migrate(database.dsn, database=files)
    change(files / "functions" / "private" / "has_permission.sql", "begin\n", "begin\n  -- edited\n")
    assert migrate.migrate(database.dsn, database=files).functions == "changed private.has_permission(text)"


def test_a_new_step_is_deployed_on_top(database: Empty, files: Path) -> None:
    migrate.migrate(database.dsn, database=files)
    add_step(files, "notes", before="functions", table="app.notes")
    report = migrate.migrate(database.dsn, database=files)
    assert (report.deployed, report.functions) == (["notes"], None)
    assert migrate.rollback(database.dsn, steps=2, database=files) == ["functions", "notes"]
    assert migrate.migrate(database.dsn, database=files).deployed == ["notes", "functions"]


def test_a_step_planned_before_a_deployed_one_is_refused(database: Empty, files: Path) -> None:
    migrate.migrate(database.dsn, database=files)
    add_step(files, "notes", before="users", table="app.notes")
    with pytest.raises(MigrationError, match="notes is planned before users, which is deployed; plan new steps after"):
        migrate.migrate(database.dsn, database=files)


def test_a_database_from_a_later_version_is_refused(database: Empty, files: Path) -> None:
    add_step(files, "notes", before="functions", table="app.notes")
    migrate.migrate(database.dsn, database=files)
    with pytest.raises(MigrationError, match="steps that this plan does not know: notes; use the version"):
        migrate.migrate(database.dsn)


def test_a_broken_step_leaves_nothing_of_itself_and_is_mended_by_the_next_run(database: Empty, files: Path) -> None:
    schema = files / "schema" / "050_sessions.sql"
    sound = schema.read_text()
    schema.write_text(f"{sound}\nselect 1;\nselect nothing from nowhere;\n")
    line = len(sound.splitlines()) + 3
    with pytest.raises(MigrationError, match=rf'050_sessions\.sql:{line}: relation "nowhere" does not exist$'):
        migrate.migrate(database.dsn, database=files)
    steps = migrate.status(database.dsn, database=files).steps
    assert [step.name for step in steps if step.applied_at] == STEPS[: STEPS.index("sessions")]
    assert database.rows("select to_regclass('app.sessions')::text") == [None]
    schema.write_text(sound)
    assert migrate.migrate(database.dsn, database=files).deployed == STEPS[STEPS.index("sessions") :]


def test_a_step_that_does_not_verify_is_not_deployed(database: Empty, files: Path) -> None:
    change(files / "migrations" / "verify" / "mail.sql", "begin;\n", "begin;\nselect 1 / 0;\n")
    with pytest.raises(MigrationError, match=r"verify/mail\.sql: division by zero"):
        migrate.migrate(database.dsn, database=files)
    assert database.rows("select to_regclass('app.outbox')::text") == [None]


def test_a_step_that_does_not_record_itself_is_not_deployed(database: Empty, files: Path) -> None:
    deploy = files / "migrations" / "deploy" / "mail.sql"
    deploy.write_text(re.sub(r"^insert.*\n", "", deploy.read_text(), flags=re.MULTILINE))
    with pytest.raises(MigrationError, match=r"mail\.sql: the deploy script does not record the step"):
        migrate.migrate(database.dsn, database=files)
    assert database.rows("select to_regclass('app.outbox')::text") == [None]


def test_a_script_that_is_missing_stops_everything_before_the_first_step(database: Empty, files: Path) -> None:
    (files / "migrations" / "revert" / "mail.sql").unlink()
    with pytest.raises(MigrationError, match="the plan has a step mail, but there is no file"):
        migrate.migrate(database.dsn, database=files)
    assert database.left_overs() == []


@pytest.mark.parametrize("step", ["roles", "users", "functions"])
def test_a_process_killed_between_a_step_and_its_mark_is_made_up_for(database: Empty, step: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_MARK, database.dsn, step], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(database.rows("select pid from yoyo.yoyo_lock")) == 1  # the dead process's lock is still there
    report = migrate.migrate(database.dsn)
    assert report.adopted == [step]
    assert report.deployed == STEPS[STEPS.index(step) + 1 :]
    assert migrate.status(database.dsn).is_current
    assert migrate.rollback(database.dsn, steps=None) == STEPS[::-1]


def test_a_mark_without_its_step_is_taken_back(database: Empty) -> None:
    migrate.migrate(database.dsn)
    migrate.rollback(database.dsn)
    database.rows("insert into yoyo._yoyo_migration select migration_hash, migration_id from yoyo._yoyo_log"
                  " where migration_id = 'functions' and operation = 'apply'")  # fmt: skip
    assert migrate.migrate(database.dsn).deployed == ["functions"]


def test_of_two_migrations_at_once_one_does_the_work_and_both_succeed(database: Empty) -> None:
    lines: list[str] = []
    first, second = together(
        lambda: migrate.migrate(database.dsn, progress=lines.append),
        lambda: migrate.migrate(database.dsn, progress=lines.append),
    )
    assert sorted([first.deployed, second.deployed]) == [[], STEPS]
    assert lines.count("another migration of this database is running; waiting for it") == 1


def test_waiting_for_another_migration_ends(database: Empty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "LOCK_WAIT_SECONDS", 1)
    with psycopg.connect(database.dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(hashtextextended('pgroster migrate', 0))")
        with pytest.raises(MigrationError, match=r"waited in vain for a lock .*; try again later"):
            migrate.migrate(database.dsn)


def test_a_step_that_waits_for_a_lock_gives_up_and_holds_nobody_up(
    database: Empty, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.migrate(database.dsn, database=files)
    add_step(files, "notes", before="functions", table="app.notes")
    schema = files / "schema" / "500_notes.sql"
    schema.write_text(schema.read_text() + "alter table app.users add note text;\n")
    monkeypatch.setattr(yoyo_steps, "LOCK_TIMEOUT", "100ms")
    with psycopg.connect(database.dsn) as reader:
        reader.execute("select from app.users")
        with pytest.raises(MigrationError, match=r"500_notes\.sql: canceling statement due to lock timeout"):
            migrate.migrate(database.dsn, database=files)
    assert migrate.migrate(database.dsn, database=files).deployed == ["notes"]


def test_the_status_says_in_one_line_that_a_login_may_not_see_it(database: Empty) -> None:
    migrate.migrate(database.dsn)
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute("create role stranger login")
        try:
            with pytest.raises(MigrationError, match=r"permission denied for schema app$"):
                migrate.status(make_conninfo(database.dsn, user="stranger"))
        finally:
            admin.execute("drop role stranger")


def test_an_unreachable_server_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No such file") as refused:
        migrate.migrate(f"host={tmp_path} user=nobody dbname=nothing")
    assert "\n" not in str(refused.value)


def test_sqitch_deploys_a_step_that_came_after_a_release(database: Empty, files: Path, server: Server) -> None:
    """As docs/migrations.md says: the functions are planned again after the new step, and the old place is empty."""
    run_sqitch = sqitch.find()
    if run_sqitch is None:
        pytest.skip(sqitch.MISSING)
    project = files / "migrations"
    run_sqitch(database.dsn, database.bin_dir, "deploy", project=project)
    plan = project / "sqitch.plan"
    add_step(files, "notes", before="functions", table="app.notes")
    lines = plan.read_text().splitlines(keepends=True)
    notes = lines.pop(next(i for i, line in enumerate(lines) if line.startswith("notes ")))
    again = f"functions [functions@v1 notes] {PLANNED}\n"
    plan.write_text("".join([*lines, f"@v1 {PLANNED}\n", "\n", notes, again]))
    for kind, end in (("deploy", "commit"), ("revert", "commit"), ("verify", "rollback")):
        (project / kind / "functions@v1.sql").write_text(f"-- {kind} functions@v1\nbegin;\n{end};\n")
    change(project / "deploy" / "functions.sql", "functions to pg\n", "functions to pg after functions@v1\n")
    run_sqitch(database.dsn, database.bin_dir, "deploy", "--verify", project=project)
    found = database.fingerprint()
    assert migrate.migrate(database.dsn, database=files).deployed == []
    run_sqitch(database.dsn, database.bin_dir, "revert", "-y", project=project)
    assert database.left_overs() == []
    run_sqitch(database.dsn, database.bin_dir, "deploy", "--verify", project=project)
    assert database.fingerprint() == found
    with empty_database(server) as other:
        migrate.migrate(other.dsn, database=files)
        assert other.fingerprint() == found
