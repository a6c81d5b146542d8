"""DATABASE_URL: a server that pgroster did not start, over TCP with passwords; the same behaviour, clear refusals."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from api import ROOT
from api import cluster as clusters
from api.account import server_binaries, unprivileged_account
from api.embedded import throwaway
from tests import debian
from tests.commands import Installation, interrupt, one_line
from tests.faults import kill_postmaster
from tests.server import free_port

SECRET = "the heron stands in the reeds"


@dataclass(frozen=True)
class External:
    """A server, and a superuser's connection to it."""

    port: int
    admin: psycopg.Connection[Any]

    def url(self, database: str, user: str = "postgres", password: str = SECRET) -> str:
        """What DATABASE_URL says."""
        return f"postgresql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, owner: str = "postgres", options: str = "") -> str:
        """Make a database; returns its address."""
        self.admin.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(database)))
        statement = "create database {} owner {} " + options
        self.admin.execute(sql.SQL(statement).format(sql.Identifier(database), sql.Identifier(owner)))
        return self.url(database, owner)


@pytest.fixture(scope="module")
def external() -> Iterator[External]:
    """Debian's PostgreSQL where it is installed, else the embedded one, with two logins that are no superusers."""
    port = free_port()
    options = {"listen_addresses": "'127.0.0.1'", "port": str(port), "fsync": "off"}
    with throwaway(options, debian.programs()) as server:
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            for role, rights in (("postgres", ""), ("keeper", "login createrole"), ("guest", "login")):
                verb = "alter" if role == "postgres" else "create"
                admin.execute(f"{verb} role {role} {rights} password '{SECRET}'")
            yield External(port, admin)


def command(tmp_path: Path, url: str) -> Installation:
    """pgroster with DATABASE_URL."""
    return Installation(tmp_path / "var", more={"DATABASE_URL": url})


@pytest.mark.parametrize("owner", ["keeper", "postgres"])
def test_an_external_server_serves_as_the_embedded_one_does(external: External, tmp_path: Path, owner: str) -> None:
    pgroster = command(tmp_path, external.create(f"serves_{owner}", owner))
    log = tmp_path / "service.log"
    with pgroster.serving(log, "--migrate", "--seed") as process:
        url = f"http://127.0.0.1:{pgroster.port}"
        assert httpx.get(f"{url}/health/ready", trust_env=False).status_code == 200
        password = log.read_text().partition("ada.admin")[2].split()[0]
        answer = httpx.post(
            f"{url}/v1/auth/login", json={"identifier": "ada.admin", "password": password}, trust_env=False
        )
        assert answer.status_code == 200, answer.text
        assert interrupt(process) == 0
    assert pgroster.value("select count(*) from users") == "6"
    assert not (tmp_path / "var" / "postgres").exists()
    secret = (tmp_path / "var" / "secrets" / "authenticator").read_text()
    assert secret not in log.read_text() and SECRET not in log.read_text()
    external.admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname like 'serves_%'")


def test_the_service_needs_no_login_but_its_own(external: External, tmp_path: Path) -> None:
    owner = command(tmp_path, external.create("separate"))
    assert owner.run("migrate").returncode == 0
    secret = (tmp_path / "var" / "secrets" / "authenticator").read_text().strip()
    log = tmp_path / "service.log"
    pgroster = command(tmp_path, external.url("separate", "roster_authenticator", secret))
    with pgroster.serving(log) as process:
        url = f"http://127.0.0.1:{pgroster.port}"
        assert httpx.get(f"{url}/health/ready", trust_env=False).status_code == 200
        answer = httpx.post(f"{url}/v1/auth/login", json={"identifier": "ann", "password": SECRET}, trust_env=False)
        assert answer.status_code == 401, answer.text
        assert interrupt(process) == 0
    external.admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'separate'")


def test_an_unreachable_server_is_refused(tmp_path: Path) -> None:
    port = free_port()
    line = one_line(command(tmp_path, f"postgresql://a:{SECRET}@127.0.0.1:{port}/b".replace(" ", "%20")).run("migrate"))
    assert f"port {port}" in line and "Connection refused" in line
    assert SECRET not in line


def test_a_wrong_password_is_refused(external: External, tmp_path: Path) -> None:
    line = one_line(command(tmp_path, external.url("postgres", password="wrong")).run("migrate"))
    assert "password authentication failed" in line and "wrong" not in line


def test_a_missing_database_is_refused_with_what_to_do(external: External, tmp_path: Path) -> None:
    line = one_line(command(tmp_path, external.url("nowhere")).run("serve", "--migrate"))
    assert '"nowhere" does not exist' in line and "createdb" in line


def test_a_database_in_another_encoding_is_refused(external: External, tmp_path: Path) -> None:
    options = "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0"
    assert "not in UTF8" in one_line(command(tmp_path, external.create("latin", options=options)).run("migrate"))


def test_a_login_that_may_not_migrate_is_refused(external: External, tmp_path: Path) -> None:
    external.create("of_somebody")
    line = one_line(command(tmp_path, external.url("of_somebody", "guest")).run("migrate"))
    assert "CREATEROLE" in line


def test_pgcrypto_in_another_schema_is_refused(external: External, tmp_path: Path) -> None:
    url = external.create("elsewhere")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema tools")
        connection.execute("create extension pgcrypto schema tools")
    assert "alter extension pgcrypto set schema public" in one_line(command(tmp_path, url).run("migrate"))


def test_a_database_that_is_not_migrated_is_not_served(external: External, tmp_path: Path) -> None:
    assert "pgroster migrate" in one_line(command(tmp_path, external.create("bare")).run("serve"))


def test_a_server_without_pgcrypto_is_refused(tmp_path: Path) -> None:
    account = unprivileged_account()
    copy = Path(tempfile.mkdtemp(prefix="pgroster-without-", dir="/tmp"))
    try:
        copy.chmod(0o755)
        shutil.copytree(server_binaries(account).parent, copy / "server")
        (copy / "server" / "share" / "extension" / "pgcrypto.control").unlink()
        with throwaway({"fsync": "off"}, copy / "server" / "bin") as server:
            assert "contrib" in one_line(command(tmp_path, server.admin_dsn).run("migrate"))
    finally:
        shutil.rmtree(copy)


@pytest.mark.parametrize("locale", ["locale 'C'", "locale 'C.UTF-8' locale_provider icu icu_locale 'tr-TR'"])
def test_a_database_that_folds_letters_in_its_own_way_is_refused(
    external: External, tmp_path: Path, locale: str
) -> None:
    if "icu" in locale and not has_icu(external):
        pytest.skip("this PostgreSQL has no ICU, so a Turkish database was NOT tried")
    url = external.create("folds", options=f"{locale} template template0")
    assert "É@ and é@" in one_line(command(tmp_path, url).run("migrate"))


def has_icu(external: External) -> bool:
    """Whether the server knows the locales of ICU."""
    return bool(external.admin.execute("select from pg_collation where collprovider = 'i'").fetchall())


def test_a_standby_is_refused(tmp_path: Path) -> None:
    with throwaway({"fsync": "off"}) as server:
        assert server.cluster
        clusters.stop(server.cluster)
        (server.cluster.data / "standby.signal").touch()
        clusters.start(server.cluster)
        assert "standby" in one_line(command(tmp_path, server.admin_dsn).run("migrate"))


@pytest.mark.parametrize("and_its_server", [False, True])
def test_a_throw_away_server_is_gone_afterwards_also_when_its_process_was_killed(and_its_server: bool) -> None:
    script = (
        "from api.embedded import throwaway\nwith throwaway() as server:\n print(server.cluster.data, flush=True)\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script + " input()"], cwd=ROOT, stdin=pipe, stdout=pipe) as killed:
        assert killed.stdout
        left_behind = Path(killed.stdout.readline().decode().strip())
        killed.kill()
    if and_its_server:
        kill_postmaster(left_behind)
    assert left_behind.is_dir()
    with throwaway({"fsync": "off"}) as server:
        assert server.cluster
        assert not left_behind.parent.exists()
    assert not server.cluster.data.parent.exists()
