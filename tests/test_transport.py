"""The way to PostgreSQL: a server with a certificate, as one on another machine has it."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import trustme

from api.account import acting_as, unprivileged_account
from api.embedded import quoted, throwaway
from api.servers import exposure
from tests import debian
from tests.commands import Installation, interrupt, one_line
from tests.server import free_port

SECRET = "the-heron-stands-in-the-reeds"
NAME = "database.example"
ROLES = "select bool_and(ssl), count(*) from pg_stat_ssl join pg_stat_activity using (pid) where usename = %s"


@dataclass(frozen=True)
class Secure:
    """A server whose certificate says that it is database.example, its superuser, and who signed the certificate."""

    port: int
    admin: psycopg.Connection[Any]
    authority: Path

    def installation(self, directory: Path, mode: str, host: str = NAME, authority: Path | None = None) -> Installation:
        """pgroster with a DATABASE_URL that leads there, under any name."""
        url = f"postgresql://postgres:{SECRET}@{host}:{self.port}/postgres?hostaddr=127.0.0.1&sslmode={mode}"
        url += f"&sslrootcert={authority or self.authority}" if mode.startswith("verify") else ""
        return Installation(directory / "var", more={"DATABASE_URL": url})


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """One server for all of these tests."""
    signer, port = trustme.CA(), free_port()
    authority = tmp_path_factory.mktemp("authority") / "authority.pem"
    signer.cert_pem.write_to_path(authority)
    account = unprivileged_account()
    with acting_as(account):
        files = Path(tempfile.mkdtemp(prefix="pgroster-tls-", dir="/tmp"))
        issued = signer.issue_cert(NAME)
        issued.private_key_pem.write_to_path(files / "key")
        issued.cert_chain_pems[0].write_to_path(files / "certificate")
        (files / "key").chmod(0o600)
    tls = {"ssl": "on", "ssl_cert_file": quoted(files / "certificate"), "ssl_key_file": quoted(files / "key")}
    options = {"listen_addresses": "'127.0.0.1'", "port": str(port), "fsync": "off"}
    try:
        with throwaway(options | tls, debian.programs()) as server:
            with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
                admin.execute(f"alter role postgres password '{SECRET}'")
                yield Secure(port, admin, authority)
    finally:
        shutil.rmtree(files)


def warnings(log: Path) -> int:
    """How often a service has warned of its way to the database."""
    return log.read_text().count("the way to the database is not safe")


def test_with_a_certificate_that_is_verified_everything_works_and_nothing_is_warned_of(
    secure: Secure, tmp_path: Path
) -> None:
    log, pgroster = tmp_path / "service.log", secure.installation(tmp_path, "verify-full")
    with pgroster.serving(log, "--migrate") as process:
        url = f"http://127.0.0.1:{pgroster.port}"
        assert httpx.get(f"{url}/health/ready", trust_env=False).status_code == 200
        body = {"identifier": "ann", "password": SECRET}
        assert httpx.post(f"{url}/v1/auth/login", json=body, trust_env=False).status_code == 401
        is_encrypted, connections = secure.admin.execute(ROLES, ["roster_authenticator"]).fetchall()[0]
        assert is_encrypted and connections > 1, "the pool's as well"
        assert interrupt(process) == 0
    assert warnings(log) == 0
    assert "encrypted, sslmode=verify-full" in pgroster.run("doctor").stdout


@pytest.mark.parametrize("mode", ["prefer", "require"])
def test_a_server_elsewhere_that_is_not_verified_is_warned_of(secure: Secure, tmp_path: Path, mode: str) -> None:
    log, pgroster = tmp_path / "service.log", secure.installation(tmp_path, mode)
    with pgroster.serving(log, "--migrate") as process:
        assert interrupt(process) == 0
    assert warnings(log) == 1 and f"sslmode={mode} to {NAME}" in log.read_text()
    assert SECRET not in log.read_text()
    said = " ".join(pgroster.run("doctor").stdout.split())
    assert f"sslmode={mode} to {NAME}" in said and "sslmode=verify-full" in said


def test_a_certificate_of_somebody_else_is_refused(secure: Secure, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    refused = one_line(secure.installation(tmp_path, "verify-full", authority=other).run("serve", "--migrate"))
    assert "certificate verify failed" in refused and "sslrootcert" in refused and SECRET not in refused
    refused = one_line(secure.installation(tmp_path, "verify-full", authority=tmp_path / "none").run("migrate"))
    assert "does not exist" in refused and "sslrootcert" in refused


def test_a_certificate_for_another_name_is_refused(secure: Secure, tmp_path: Path) -> None:
    refused = one_line(secure.installation(tmp_path, "verify-full", host="other.example").run("migrate"))
    assert "does not match host name" in refused and "as its certificate does" in refused
    assert secure.installation(tmp_path, "verify-ca", host="other.example").run("migrate").returncode == 0


def test_a_server_without_a_certificate_is_refused(secure: Secure, tmp_path: Path) -> None:
    secure.admin.execute("alter system set ssl = off")
    try:
        secure.admin.execute("select pg_reload_conf()")
        refused = one_line(secure.installation(tmp_path, "verify-full").run("migrate"))
        assert "does not support SSL" in refused and "ssl = on" in refused
    finally:
        secure.admin.execute("alter system reset ssl")
        secure.admin.execute("select pg_reload_conf()")


@pytest.mark.parametrize(
    ("address", "is_exposed"),
    [
        ("host=127.0.0.1", False),
        ("host=localhost", False),
        (f"host={NAME} hostaddr=127.0.0.1", True),
        (f"host={NAME} hostaddr=127.0.0.1 sslmode=disable", True),
        (f"host={NAME} hostaddr=127.0.0.1 sslmode=require", True),
    ],
)
def test_what_leaves_this_machine_is_exposed_unless_the_server_is_verified(
    secure: Secure, address: str, is_exposed: bool
) -> None:
    with psycopg.connect(f"{address} port={secure.port} user=postgres password={SECRET} dbname=postgres") as connection:
        assert (exposure(connection) is not None) is is_exposed
    with psycopg.connect(host=secure.admin.info.host, port=secure.port, user="postgres") as connection:
        assert exposure(connection) is None, "a socket stays here"


def test_what_the_environment_says_counts_as_well(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(secure.authority))
    address = f"host={NAME} hostaddr=127.0.0.1 port={secure.port} user=postgres password={SECRET} dbname=postgres"
    with psycopg.connect(address) as connection:
        assert exposure(connection) is None
