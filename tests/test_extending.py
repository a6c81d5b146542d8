"""README.md and docs/extending.md are tried as they stand: what they show is pasted, or written into files."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api import ROOT
from api.embedded import Server
from api.migrate import migrate, rollback
from tests import pgtap
from tests.databases import TestDatabase
from tests.migrated import Empty, change, empty_database, sources
from tests.people import client_of, member
from tests.server import Service, serving
from tests.sources import Sources
from tests.waiting import until

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLANNED_BEFORE = "functions ["


def shown(introduction: str) -> str:
    """The block of the page that follows these words."""
    found = re.findall(rf"^{re.escape(introduction)}[^\n]*:\n\n```(?:sql)?\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 1, introduction
    return str(found[0])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of db/ with all that the page adds, and where it says."""
    directory = tmp_path_factory.mktemp("extended")
    db = sources(directory)
    shutil.copytree(ROOT / "db" / "tests", db / "tests")
    for path in re.findall(r"^`(db/[^`]+\.sql)`:$", PAGE, re.MULTILINE):
        (directory / path).write_text(shown(f"`{path}`"), encoding="utf-8")
    plan = db / "migrations" / "sqitch.plan"
    change(plan, PLANNED_BEFORE, shown("A line of `db/migrations/sqitch.plan`") + PLANNED_BEFORE + "notes ")
    with (db / "functions" / "types.sql").open("a", encoding="utf-8") as types:
        types.write("\n" + shown("At the end of `db/functions/types.sql`"))
    lists = re.split(r"^-- (\w+)\n", shown("Rows of the lists in `db/tests/privileges.sql`"), flags=re.MULTILINE)
    for name, rows in zip(lists[1::2], lists[2::2], strict=True):
        privileges = db / "tests" / "privileges.sql"
        text = privileges.read_text(encoding="utf-8")
        privileges.write_text(re.sub(rf"(create temp table {name} .*\n)", rf"\1{rows}", text), encoding="utf-8")
    return db


@pytest.fixture(scope="module")
def extended(server: Server, files: Path) -> Iterator[Empty]:
    """A database of it, with pgTAP."""
    with empty_database(server) as database:
        migrate(database.dsn, database=files)
        with psycopg.connect(database.dsn, autocommit=True) as admin:
            pgtap.install(admin)
        yield database


@pytest.mark.parametrize("name", ["add_note", "conventions", "lints", "privileges"])
def test_what_the_page_adds_keeps_every_rule_of_the_house(extended: Empty, files: Path, name: str) -> None:
    script = str(files / "tests" / f"{name}.sql")
    command = [str(extended.bin_dir / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", extended.dsn, "-f", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^(not ok|# )", done.stdout, re.MULTILINE), done.stdout
    assert len(re.findall(r"^ok ", done.stdout, re.MULTILINE)) > 3


def test_what_the_page_adds_is_served_without_a_change_of_python(extended: Empty, tmp_path: Path) -> None:
    with psycopg.connect(extended.dsn, autocommit=True) as admin:
        api_dsn = make_conninfo(extended.dsn, user="roster_authenticator")
        with serving(TestDatabase("extended", extended.dsn, api_dsn, admin), tmp_path) as service:
            ann = member(service, "ann")
            written = ann.post("/v1/me/notes", {"content": "buy milk"})
            assert (written.status_code, written.json()["content"]) == (201, "buy milk")
            assert ann.post("/v1/me/notes", {"content": ""}).status_code == 422
            recorded = "select new_values ->> 'content' from audit.audit_logs where action = 'notes.inserted'"
            assert admin.execute(recorded).fetchall() == [("buy milk",)]


def test_the_step_of_the_page_is_taken_back(server: Server, files: Path) -> None:
    with empty_database(server) as database:
        migrate(database.dsn, database=files)
        assert rollback(database.dsn, steps=2, database=files) == ["functions", "notes"]
        assert database.rows("select relname from pg_class where relname = 'notes'") == []


def test_the_example_of_the_readme_is_a_route(service: Service, tmp_path: Path) -> None:
    example = re.search(r"```sql\n(-- [^\n]+\ncreate or replace function api\.hello.*?)```", README, re.DOTALL)
    assert example
    with_hello = Sources(tmp_path)
    with_hello.write(example[1])
    with_hello.deploy(service.admin_dsn)
    client = client_of(service)
    until(lambda: client.get("/v1/hello/ada").status_code == 200, 60, "the route appears")
    assert client.get("/v1/hello/ada").json() == "Hello, ada!"
    assert client.get("/v1/hello/a").status_code == 422


def test_the_session_of_the_readme_can_be_pasted(service: Service) -> None:
    session = re.search(r"```sh\n(api=.*?)```", README, re.DOTALL)
    assert session
    if "--json" not in subprocess.run(["curl", "--help", "all"], capture_output=True, text=True).stdout:
        pytest.skip("NOT TESTED: this curl is older than 7.82")
    pasted = session[1].replace("http://127.0.0.1:8000", service.base_url)
    done = subprocess.run(["bash", "-eu", "-c", pasted], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    registered, me, refreshed = (json.loads(line) for line in done.stdout.splitlines())
    assert registered["email"] == me["email"] == "ada@example.com"
    assert refreshed["refresh_token"]
