"""Secrets are nowhere that somebody looks who may not know them: no log, no statistics of the server, no list of what
runs, no row of the audit log; with everything logged that can be, over everything that a person does."""

import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import bcrypt
import jwt
import psycopg
import pytest

from api.embedded import Server
from api.errors import describe
from tests.commands import Installation
from tests.databases import TestDatabase
from tests.faults import connected, own_server
from tests.outbox import occurrences
from tests.people import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD, Person, member, problem
from tests.server import Service, serving
from tests.waiting import until

# Somebody else's server, which says all that it can; what the migration set for the database has to be enough.
TALKATIVE = {
    "log_statement": "'all'",
    "log_min_duration_statement": "0",
    "log_min_error_statement": "'debug5'",
    "log_min_messages": "'info'",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_error_verbosity": "'verbose'",
    "pg_stat_statements.track": "'all'",
}
IMPORTED_PASSWORD = "five storks on one chimney"
ENTER = '"http"."enter"('
RUNNING = "select a.query from pg_stat_activity a where a.pid <> pg_backend_pid()"


@dataclass
class Secrets:
    """What must not be found, by what it is."""

    known: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def add(self, kind: str, value: str) -> str:
        """Remember one; returns it."""
        self.known[f"{kind} {next(self._numbers)}"] = value
        return value

    def add_session(self, person: Person) -> None:
        """The tokens of a sign-in, and what is in them."""
        self.add("access token", person.token)
        self.add("signature", person.token.rpartition(".")[2])
        self.add("refresh token", person.session["refresh_token"])
        self.add("session's secret", jwt.decode(person.token, options={"verify_signature": False})["sid"])

    def add_stored(self, service: Service) -> None:
        """Hashes of passwords, and the database's own keys."""
        for (stored,) in service.database.execute(
            "select password_hash from app.users where password_hash is not null"
        ):
            self.add("hash", stored)
        for keys in service.database.execute("select cursor_key::text, digest_key::text from private.secrets"):
            for key in keys:
                self.add("key", key.removeprefix("\\x"))
        for path in (service.var / "keys").rglob("*.pem"):
            for line in path.read_text().splitlines()[1:-1]:
                self.add("signing key", line)

    def found_in(self, text: str) -> list[str]:
        """What is there of them, by kind."""
        return [kind for kind, value in self.known.items() if value in text]


class Watch:
    """Every statement that pg_stat_activity showed while the block ran."""

    def __init__(self) -> None:
        self.queries: set[str] = set()


@contextmanager
def watched(dsn: str) -> Iterator[Watch]:
    """Look at what the server runs, again and again."""
    watch, done = Watch(), threading.Event()

    def look() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not done.wait(0.002):
                watch.queries |= {query for (query,) in connection.execute(RUNNING)}

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that logs all it can."""
    with own_server(TALKATIVE) as server:
        yield server


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[TestDatabase]:
    """Its database, with the statistics of statements."""
    with connected(server) as database:
        database.admin.execute("create extension pg_stat_statements schema public")
        yield database


def server_log(server: Server) -> str:
    """All that the server has written."""
    assert server.cluster
    return "".join(path.read_text(errors="replace") for path in sorted(server.cluster.logs.glob("*.log")))


def statistics(database: TestDatabase) -> str:
    """All statements that the server remembers."""
    return "\n".join(query for (query,) in database.admin.execute("select query from public.pg_stat_statements"))


def text_of(service: Service, folder: str, pattern: str) -> str:
    """What the newest message in a folder says at a place."""
    files = service.var / folder

    def newest() -> re.Match[str] | None:
        found = sorted(files.glob("*.*"), key=lambda path: path.stat().st_mtime) if files.exists() else []
        return next((m for path in reversed(found) if (m := re.search(pattern, path.read_text()))), None)

    match = until(newest, 30, f"{pattern} in {files}")
    assert match
    return match[1]


def live(service: Service, secrets: Secrets, people_csv: Path) -> None:
    """Everything that people do with secrets, well and badly."""
    for word in (PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, IMPORTED_PASSWORD):
        secrets.add("password", word)
    ann = member(service)
    secrets.add_session(ann)
    secrets.add_stored(service)
    verification = secrets.add("verification token", text_of(service, "mail", r"verify\S*#(?:token=)?([\w-]{43})"))
    assert ann.post("/v1/auth/email/verify", {"token": verification}).status_code == 204
    assert problem(ann.elsewhere().login(password=WRONG_PASSWORD)) == (401, "invalid_credentials")
    assert problem(ann.register()) == (409, "email_taken")
    assert ann.client.post("/v1/auth/login", json={"identifier": 1, "password": PASSWORD}).status_code == 422
    assert ann.client.post("/v1/auth/login", content=f'{{"password": "{PASSWORD}"').status_code in (400, 415)
    used = ann.session["refresh_token"]
    assert ann.refresh().status_code == 200
    secrets.add_session(ann)
    assert ann.refresh().status_code == 200
    secrets.add_session(ann)
    assert problem(ann.elsewhere().refresh(used)) == (401, "token_reused")
    assert ann.login().status_code == 200
    secrets.add_session(ann)
    assert ann.post("/v1/me/phone", {"phone": "+41791234567"}).status_code == 202
    code = text_of(service, "sms", r"\b(\d{6})\b")
    assert ann.post("/v1/me/phone/verify", {"code": code}).status_code == 204
    secrets.add("code", f'"{code}"')
    secrets.add("code", f"'{code}'")
    assert ann.post("/v1/me/email", {"new_email": f"new-{ann.email}", "password": PASSWORD}).status_code == 202
    assert ann.get("/v1/me/export").status_code == 200
    assert ann.post("/v1/auth/password/forgot", {"email": ann.email}).status_code == 202
    reset = secrets.add("reset token", text_of(service, "mail", r"reset\S*#(?:token=)?([\w-]{43})"))
    assert ann.post("/v1/auth/password/reset", {"token": reset, "password": "a"}).status_code == 422
    assert ann.post("/v1/auth/password/reset", {"token": reset, "password": NEW_PASSWORD}).status_code == 204
    assert ann.login(password=NEW_PASSWORD).status_code == 200
    secrets.add_session(ann)
    change = {"current_password": NEW_PASSWORD, "new_password": PASSWORD}
    assert ann.post("/v1/me/password", change).status_code == 204
    secrets.add_stored(service)
    load_people(service, secrets, people_csv)
    secrets.add_stored(service)


def load_people(service: Service, secrets: Secrets, people_csv: Path) -> None:
    """An import, and the first sign-in of somebody who came with it, which replaces their hash."""
    stored = secrets.add("hash", bcrypt.hashpw(IMPORTED_PASSWORD.encode(), bcrypt.gensalt(12)).decode())
    people_csv.write_text(f"email,username,password_hash\nbo@example.org,boo,{stored}\nbo@example.org,bob,{stored}\n")
    place = Installation(service.var, more={"DATABASE_URL": service.admin_dsn})
    done = place.run("import", str(people_csv))
    assert secrets.found_in(done.stdout + done.stderr) == []
    boo = Person(service)
    assert boo.login("boo", IMPORTED_PASSWORD).status_code == 200
    secrets.add_session(boo)


def test_no_secret_is_in_a_log_in_statistics_or_among_what_runs(
    server: Server, database: TestDatabase, tmp_path: Path
) -> None:
    secrets = Secrets()
    with watched(server.admin_dsn) as watch, serving(database, tmp_path, PGROSTER_LOG_LEVEL="debug") as service:
        live(service, secrets, tmp_path / "people.csv")
        database.admin.execute("select 'a canary flies'")
        log, remembered, running = server_log(server), statistics(database), "\n".join(watch.queries)
        assert ENTER in log and "a canary flies" in log and "admin.import_users" in log, "the log says it all"
        assert ENTER in remembered and "insert into app.refresh_tokens" in remembered
        assert ENTER in running
        said = service.log.read_text()
        assert '"request_id":' in said
        found = {
            "the server's log": secrets.found_in(log),
            "pg_stat_statements": secrets.found_in(remembered),
            "pg_stat_activity": secrets.found_in(running),
            "the service's log": secrets.found_in(said),
        }
        assert found == {where: [] for where in found}
        in_audit = {
            kind: places
            for kind, value in secrets.known.items()
            if (places := {place for place in occurrences(database.admin, value) if place.startswith("audit.")})
        }
        assert in_audit == {}


def test_the_search_finds_what_a_server_logs_that_was_told_to(
    server: Server, database: TestDatabase, tmp_path: Path
) -> None:
    database.admin.execute("alter database user_management reset log_parameter_max_length")
    database.admin.execute("alter database user_management reset log_error_verbosity")
    secrets = Secrets()
    try:
        with serving(database, tmp_path) as service:
            ann = member(service)
            secrets.add_session(ann)
            assert ann.get("/v1/me").status_code == 200
            assert ann.refresh().status_code == 200
            kinds = {kind.rpartition(" ")[0] for kind in secrets.found_in(server_log(server))}
            assert kinds == {"refresh token", "session's secret"}
    finally:
        database.admin.execute("alter database user_management set log_parameter_max_length = 0")
        database.admin.execute("alter database user_management set log_error_verbosity = terse")


def test_an_error_does_not_quote_the_row_that_failed(server: Server, database: TestDatabase) -> None:
    stored = "$2b$12$" + "q" * 53
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        database.admin.execute(
            "insert into app.users (email, username, password_hash, failed_login_attempts) values (%s, %s, %s, -1)",
            ["q@example.org", "qqq", stored],
        )
    assert stored in str(refused.value), "who asked is told"
    log = server_log(server)
    assert "users_failed_login_attempts_range" in log and stored not in log


@pytest.mark.parametrize("statement", ["select %s::integer", "select %s::tsquery", "select %s::public.short"])
def test_the_service_log_does_not_quote_a_value_that_failed(database: TestDatabase, statement: LiteralString) -> None:
    with psycopg.connect(database.admin_dsn) as connection:
        connection.execute("create domain public.short as text check (length(value) < 9)")
        with pytest.raises(psycopg.DatabaseError) as caught:
            connection.execute(statement, [PASSWORD.replace(" ", "") * 100])
    assert "heron" in str(caught.value) or caught.value.sqlstate == "23514"
    assert "heron" not in str(describe(caught.value)) and describe(caught.value)["sqlstate"]


def test_the_database_itself_tells_its_server_to_keep_parameters_and_rows_out(database: TestDatabase) -> None:
    with psycopg.connect(database.api_dsn) as login:
        settings = login.execute(
            "select name, setting from pg_settings where name ~ '^log_(parameter_max|error_verb)' order by name"
        ).fetchall()
    assert settings == [
        ("log_error_verbosity", "terse"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
    ]
