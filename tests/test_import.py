"""`pgroster import`: accounts from elsewhere as a real command makes them, and their passwords at the real service."""

import asyncio
import csv
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bcrypt
import psycopg
import pytest
from argon2 import PasswordHasher, extract_parameters
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.embedded import Server
from api.importing import BATCH
from api.passwords import Hasher
from tests.commands import Finished, Installation, one_line
from tests.databases import TestDatabase
from tests.people import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD, Person, events, one, problem
from tests.server import Service
from tests.waiting import until

HASH = "$2b$12$" + "h" * 53
COLUMNS = "email,username,password_hash,first_name,last_name,phone,locale,is_email_verified,metadata"

Import = Callable[..., Finished]


def installation(directory: Path, dsn: str) -> Installation:
    """pgroster with a database that is there already."""
    return Installation(
        directory / "var", more={"DATABASE_URL": dsn, "PGROSTER_AUTHENTICATOR_PASSWORD": "not used here"}
    )


@pytest.fixture
def load(database: TestDatabase, tmp_path: Path) -> Import:
    """Runs `pgroster import` on this test's database; no hash is ever in what it says."""

    def run(path: Path, *options: str) -> Finished:
        done = installation(tmp_path, database.admin_dsn).run("import", str(path), *options)
        assert "$2b$" not in done.stdout + done.stderr
        return done

    return run


def lines(path: Path, *rows: str) -> Path:
    """A file of these lines."""
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def people(count: int, first: int = 1) -> list[str]:
    """Rows of CSV."""
    return [f"p{n}@example.org,person{n},{HASH},Ann,Lee,,de,true," for n in range(first, first + count)]


def report_of(path: Path) -> list[dict[str, str]]:
    """A CSV report's rows."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def users(database: TestDatabase) -> int:
    """How many accounts there are."""
    row = database.admin.execute("select count(*) from app.users").fetchone()
    return int(row[0]) if row else 0


def test_a_table_and_json_lines_become_accounts_with_all_their_fields(
    database: TestDatabase, load: Import, tmp_path: Path
) -> None:
    row = f'ann@example.org,ann,{HASH},"Ann ""A""","Łê, 李",+41791234567,de-CH,true,"{{""old"": 7}}"'
    done = load(lines(tmp_path / "people.csv", "\ufeff" + COLUMNS, row, "", "bob@example.org,bob,,,,,,,"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 imported (")
    person = {"email": "eve@example.org", "username": "eve", "is_email_verified": True, "metadata": {"old": 8}}
    assert load(lines(tmp_path / "more.jsonl", json.dumps(person), "")).returncode == 0
    found = database.admin.execute(
        """select u.username::text, u.status::text, u.password_hash::text, p.first_name::text, p.last_name::text,
                  p.phone::text, p.locale::text, p.metadata::jsonb
           from app.users u join app.user_profiles p on p.user_id = u.id order by u.username"""
    ).fetchall()
    assert found == [
        ("ann", "active", HASH, 'Ann "A"', "Łê, 李", "+41791234567", "de-CH", {"old": 7}),
        ("bob", "inactive", None, None, None, None, "en", {}),
        ("eve", "active", None, None, None, None, "en", {"old": 8}),
    ]


def test_every_row_is_reported_with_its_line_and_a_bad_one_keeps_no_other_out(
    database: TestDatabase, load: Import, tmp_path: Path
) -> None:
    path = lines(
        tmp_path / "people.csv",
        COLUMNS,
        *people(2),
        'p3@example.org,person3,,"two',
        'lines",,,,,',
        "p1@example.org,PERSON1,,,,,,,",
        "p1@example.org,somebody,,,,,,,",
        "p4@example.org",
        "p5@example.org,person5,secret,,,,,,",
        *people(1, 6),
    )
    report = tmp_path / "report.csv"
    done = load(path, "--report", str(report))
    assert done.returncode == 1
    assert [(row["line"], row["code"]) for row in report_of(report)] == [
        ("2", "imported"), ("3", "imported"), ("4", "invalid"), ("6", "exists"), ("7", "email_taken"), ("8", "invalid"),
        ("9", "invalid"), ("10", "imported"),
    ]  # fmt: skip
    said = {row["line"]: row["message"] for row in report_of(report)}
    assert said["4"].startswith("first_name: ")
    assert said["8"] == "This has 1 cells, the header 9."
    assert said["9"].startswith("password_hash: ") and "secret" not in report.read_text()
    assert users(database) == 3
    ids = {row["user_id"] for row in report_of(report)} - {""}
    assert ids == {str(id) for (id,) in database.admin.execute("select id from app.users").fetchall()}
    again = tmp_path / "report.json"
    done = load(path, "--report", str(again), "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["codes"] == {"exists": 4, "invalid": 3, "email_taken": 1}
    assert (answer["rows"], answer["failed"], answer["dry_run"]) == (8, 4, False)
    assert [row["line"] for row in json.loads(again.read_text())] == [2, 3, 4, 6, 7, 8, 9, 10]
    assert users(database) == 3


def test_without_a_report_the_first_mistakes_are_said(load: Import, tmp_path: Path) -> None:
    done = load(lines(tmp_path / "people.jsonl", *["nonsense"] * 12))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "line 1: invalid: row: A JSON object."
    assert done.stderr.splitlines()[10:] == ["and 2 more; --report FILE lists all"]


def test_a_dry_run_says_what_the_import_will_and_keeps_nothing(
    database: TestDatabase, load: Import, tmp_path: Path
) -> None:
    load(lines(tmp_path / "before.csv", COLUMNS, *people(1)))
    rows = [
        *people(BATCH + 1),
        "p7@example.org,person7,,,,,,,",
        "p7@example.org,somebody,,,,,,,",
        "somebody@example.org,Person7,,,,,,,",
        "p8@example.org,person9,,,,,,,",
        "nobody,nobody,,,,,,,",
    ]
    path = lines(tmp_path / "people.csv", COLUMNS, *rows)
    rehearsal, real = tmp_path / "rehearsal.csv", tmp_path / "real.csv"
    done = load(path, "--dry-run", "--report", str(rehearsal))
    assert done.returncode == 1 and "nothing was kept" in done.stdout
    assert users(database) == 1
    load(path, "--report", str(real))
    assert users(database) == BATCH + 1
    codes = [[(row["line"], row["code"]) for row in report_of(report)] for report in (rehearsal, real)]
    assert codes[0] == codes[1]
    assert [code for _, code in codes[0][-5:]] == ["exists", "email_taken", "username_taken", "email_taken", "invalid"]


def test_an_import_that_was_killed_is_completed_by_running_it_again(
    database: TestDatabase, load: Import, tmp_path: Path
) -> None:
    path = lines(tmp_path / "people.csv", COLUMNS, *people(2 * BATCH))
    with psycopg.connect(database.admin_dsn) as other:
        # The second batch waits for somebody who registers with one of its addresses.
        other.execute("insert into app.users (email, username) values (%s, 'early')", [f"p{BATCH + 5}@example.org"])
        process = installation(tmp_path, database.admin_dsn).start("import", str(path))
        until(lambda: database.is_waiting("import_users"), 60, "the import waits")
        assert users(database) == BATCH
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        other.rollback()
    until(lambda: not database.is_waiting("import_users"), 30, "the killed import's batch is undone")
    done = load(path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["codes"] == {"exists": BATCH, "imported": BATCH}
    assert users(database) == 2 * BATCH


def test_two_imports_of_one_file_at_a_time_make_each_account_once(
    database: TestDatabase, load: Import, tmp_path: Path
) -> None:
    path = lines(tmp_path / "people.csv", COLUMNS, *people(3 * BATCH))
    done: list[Finished] = []
    threads = [threading.Thread(target=lambda: done.append(load(path, "--json"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [json.loads(each.stdout)["codes"] for each in done]
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert sum(each.get("imported", 0) for each in codes) == users(database) == 3 * BATCH
    assert sum(each.get("exists", 0) for each in codes) == 3 * BATCH


def test_no_hash_reaches_the_servers_log(cluster: Server, database: TestDatabase, load: Import, tmp_path: Path) -> None:
    name = sql.Identifier(database.name)
    for setting in ("log_min_duration_statement = 0", "log_parameter_max_length = -1", "log_min_error_statement = log"):
        database.admin.execute(sql.SQL("alter database {} set " + setting).format(name))
    path = lines(tmp_path / "people.csv", COLUMNS, *people(3), f"p1@example.org,other,{HASH},,,,,{HASH},")
    assert load(path).returncode == 1
    assert cluster.cluster
    logged = "".join(log.read_text() for log in cluster.cluster.logs.glob("*.log"))
    assert "admin.import_users" in logged
    assert HASH not in logged


FILES: dict[str, tuple[str, bytes | None, str]] = {
    "no file": ("people.csv", None, "people.csv: No such file or directory"),
    "another kind": ("people.xlsx", b"", "it has to be .csv, .jsonl, .ndjson"),
    "empty": ("people.csv", b"", "line 1: the header lacks email and username"),
    "no header": ("people.csv", f"ann@example.org,ann,{HASH}\n".encode(), "line 1: column 1 has to be one of email, "),
    "a field too many": ("people.csv", b"email,username,admin\n", "line 1: column 3 has to be one of email, "),
    "a field twice": ("people.csv", b"email,username,email\n", "line 1: column 3 is email once more"),
    "a field missing": ("people.csv", b"email,phone\n", "line 1: the header lacks username"),
    "other separators": ("people.csv", b"email;username\n", "line 1: column 1 has to be one of email, "),
    "Latin-1": ("people.csv", b"email,username,first_name\na@example.org,ann,Zo\xeb\n", "line 2: this is not UTF-8"),
    "UTF-16": ("people.csv", "email,username\n".encode("utf-16"), "line 1: this is not UTF-8"),
    "UTF-16 without a mark": ("people.jsonl", "{}\n{}".encode("utf-16-le"), "line 1: this has a NUL character"),
    "an open quote": ("people.csv", b'email,username\n"a@example.org,ann\n', "line 2: unexpected end of data"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "refusal"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    load: Import, tmp_path: Path, name: str, content: bytes | None, refusal: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert refusal in one_line(load(tmp_path / name))


def test_a_report_that_cannot_be_written_is_refused(load: Import, tmp_path: Path) -> None:
    path = lines(tmp_path / "people.csv", COLUMNS, *people(1))
    assert "No such file or directory" in one_line(load(path, "--report", str(tmp_path / "nowhere" / "report.csv")))
    assert "has to end with .csv or .json" in one_line(load(path, "--report", str(tmp_path / "report.txt")))
    assert "would overwrite the file" in one_line(load(path, "--report", str(path)))
    assert path.read_text().startswith("email")


@pytest.fixture
def login(database: TestDatabase) -> Iterator[str]:
    """A database login without any rights, and how to connect as it."""
    name = f"{database.name}_operator"
    database.admin.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
    yield name
    database.admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_an_operator_imports_and_nobody_else(database: TestDatabase, login: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "people.csv", COLUMNS, *people(1))
    pgroster = installation(tmp_path, make_conninfo(database.admin_dsn, user=login))
    assert users(database) == 0
    assert "grant it the role roster_dba" in one_line(pgroster.run("import", str(path)))
    assert users(database) == 0
    database.admin.execute(sql.SQL("grant roster_dba to {}").format(sql.Identifier(login)))
    done = pgroster.run("import", str(path))
    assert done.returncode == 0, done.stderr
    roles = database.admin.execute("select distinct database_role from audit.audit_logs where action like 'users.%'")
    assert roles.fetchall() == [(login,)]


def imported(service: Service, password_hash: str) -> Person:
    """Somebody who had an account elsewhere."""
    person = Person(service, "imported")
    person.id = one(
        service,
        "select admin.import_user(%s, %s, %s, is_email_verified => true)::text",
        person.email,
        person.username,
        password_hash,
    )
    return person


def stored(person: Person) -> str:
    """The hash that the database has now."""
    return str(one(person.service, "select password_hash::text from app.users where id = %s", person.id))


@pytest.mark.parametrize(
    "password_hash",
    [
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode(),
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode().replace("$2b$", "$2y$"),
        PasswordHasher(time_cost=1, memory_cost=10240, parallelism=4).hash(PASSWORD),
    ],
    ids=["bcrypt", "bcrypt of PHP", "cheap Argon2id"],
)
def test_the_first_sign_in_replaces_a_weaker_hash(shared_service: Service, password_hash: str) -> None:
    """BR-023."""
    person = imported(shared_service, password_hash)
    assert problem(person.login(password=WRONG_PASSWORD)) == (401, "invalid_credentials")
    assert stored(person) == password_hash
    assert person.login().status_code == 200
    fresh = stored(person)
    parameters = extract_parameters(fresh)
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost) == ("ID", 19456, 2)
    assert person.login().status_code == 200
    assert stored(person) == fresh
    assert problem(person.login(password=WRONG_PASSWORD)) == (401, "invalid_credentials")
    assert len(events(shared_service, "password.rehashed", person.id)) == 1
    changed = one(shared_service, "select password_changed_at = created_at from app.users where id = %s", person.id)
    assert changed is not None


def test_a_hash_as_strong_as_the_service_makes_them_stays(shared_service: Service) -> None:
    for password_hash in (PasswordHasher(2, 19456, 1).hash(PASSWORD), PasswordHasher(1, 65536, 1).hash(PASSWORD)):
        person = imported(shared_service, password_hash)
        assert person.login().status_code == 200
        assert stored(person) == password_hash
        assert events(shared_service, "password.rehashed", person.id) == []


def test_a_password_that_changes_during_a_sign_in_is_not_overwritten(shared_service: Service) -> None:
    """BR-023."""
    person = imported(shared_service, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode())
    new = PasswordHasher(2, 19456, 1).hash(NEW_PASSWORD)
    answers: list[Any] = []
    with psycopg.connect(shared_service.admin_dsn) as other:
        other.execute("update app.users set password_hash = %s where id = %s", [new, person.id])
        late = threading.Thread(target=lambda: answers.append(person.login()))
        late.start()
        query = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        until(lambda: shared_service.database.execute(query).fetchall(), 30, "the sign-in waits with the old hash")
        other.commit()
        late.join()
    assert problem(answers[0]) == (401, "invalid_credentials")
    assert stored(person) == new
    assert problem(person.login()) == (401, "invalid_credentials")
    assert person.login(password=NEW_PASSWORD).status_code == 200
    assert stored(person) == new


def test_many_first_sign_ins_at_once_leave_one_good_hash(shared_service: Service) -> None:
    person = imported(shared_service, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode())
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(person.elsewhere().login())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Who verified the hash that another one replaced meanwhile has to come again.
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert [answer.status_code for answer in answers].count(200) >= 1
    assert len(events(shared_service, "password.rehashed", person.id)) == 1
    assert person.login().status_code == 200


def test_a_request_cannot_send_a_hash(shared_service: Service) -> None:
    person = imported(shared_service, PasswordHasher(2, 19456, 1).hash(PASSWORD))
    answer = person.login(upgraded_hash=HASH)
    assert problem(answer) == (422, "invalid_request")
    document = shared_service.client.get("/openapi.json").text
    assert "upgraded_hash" not in document


def test_only_a_cheaper_hash_is_outdated() -> None:
    hasher = Hasher(1, 0, memory=19456, passes=2, lanes=1)
    try:
        for stored_hash, is_outdated in (
            (HASH, True),
            (PasswordHasher(1, 19456, 1).hash(PASSWORD), True),
            (PasswordHasher(2, 19455, 4).hash(PASSWORD), True),
            (PasswordHasher(2, 19456, 4).hash(PASSWORD), False),
            (PasswordHasher(1, 47104, 1).hash(PASSWORD), False),
            (PasswordHasher(5, 10240, 1).hash(PASSWORD), False),
            (None, False),
        ):
            fresh = asyncio.run(hasher.upgrade(PASSWORD, stored_hash))
            assert (fresh is not None) == is_outdated, stored_hash
    finally:
        hasher.close()
