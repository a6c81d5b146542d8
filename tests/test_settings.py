"""The environment: what is not set has a safe default, what is wrong is named in one line."""

import os
import resource
import stat
from ipaddress import ip_network
from pathlib import Path

import pytest

from api import ROOT
from api.settings import CONNECTIONS, OTHER_FILES, OperatorError, authenticator_password, load
from tests.commands import Installation, one_line


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test sets is set."""
    for name in [name for name in os.environ if name.startswith(("PGROSTER_", "DATABASE_"))]:
        monkeypatch.delenv(name)


def test_without_any_variable_it_serves_this_machine_only() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.workers, settings.database_url) == ("127.0.0.1", 8000, 1, None)
    assert settings.origin == "http://127.0.0.1:8000"
    assert settings.var == ROOT / "var"
    assert settings.trusted_proxies == ()


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PGROSTER_PORT", "")
    assert (load().database_url, load().port) == (None, 8000)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PGROSTER_PORT", "eighty", "valid integer"),
        ("PGROSTER_PORT", "70000", "less than or equal to 65535"),
        ("PGROSTER_PROT", "8000", "did you mean PGROSTER_PORT?"),
        ("PGROSTER_WORKERS", "0", "greater than or equal to 1"),
        ("PGROSTER_ORIGIN", "accounts.example.com", "no origin"),
        ("PGROSTER_ORIGIN", "https://example.com/accounts", "no path"),
        ("PGROSTER_TRUSTED_PROXIES", "10.0.0.1/8", "host bits"),
        ("PGROSTER_CORS_ORIGINS", "*", "origins as browsers write them"),
        ("PGROSTER_CORS_ORIGINS", "https://app.example.org/", "origins as browsers write them"),
        ("PGROSTER_CORS_ORIGINS", "https://app.example.org,null", "origins as browsers write them"),
        ("PGROSTER_CORS_ORIGINS", "https://*.example.org", "origins as browsers write them"),
        ("PGROSTER_REQUEST_TIMEOUT", "0", "greater than or equal to 0.5"),
        ("PGROSTER_CLIENT_CONNECTIONS", "0", "greater than or equal to 1"),
        ("PGROSTER_LOG_FORMAT", "xml", "'json' or 'console'"),
        ("PGROSTER_ARGON2_MEMORY_KIB", "1024", "greater than or equal to 19456"),
        ("PGROSTER_AUTHENTICATOR_PASSWORD", "short", "at least 8"),
        ("DATABASE_URL", "mysql://root:hunter2hunter2@localhost/x", "no PostgreSQL address"),
    ],
)
def test_a_wrong_value_is_named_but_never_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(OperatorError) as caught:
        load()
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(name) and reason in str(caught.value)
    assert "hunter2" not in str(caught.value) and "short" not in str(caught.value).replace("should", "")


def test_a_command_refuses_wrong_settings_in_one_line(tmp_path: Path) -> None:
    done = Installation(tmp_path / "var", more={"PGROSTER_WORKERS": "many"}).run("serve")
    assert done.returncode == 2
    assert "PGROSTER_WORKERS" in one_line(done)


@pytest.mark.parametrize(
    ("host", "origin"),
    [("0.0.0.0", "http://127.0.0.1:9000"), ("::", "http://[::1]:9000"), ("example.com", "http://example.com:9000")],  # noqa: S104
)
def test_the_default_origin_is_an_address_that_can_be_opened(
    monkeypatch: pytest.MonkeyPatch, host: str, origin: str
) -> None:
    monkeypatch.setenv("PGROSTER_HOST", host)
    monkeypatch.setenv("PGROSTER_PORT", "9000")
    assert load().origin == origin


def test_an_origin_loses_its_last_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGROSTER_ORIGIN", "https://accounts.example.com/")
    assert load().origin == "https://accounts.example.com"


@pytest.mark.parametrize(
    ("limit", "connections"), [(1024, 1024 - 8 - OTHER_FILES), (resource.RLIM_INFINITY, CONNECTIONS), (64, 1)]
)
def test_there_are_no_more_connections_than_files_may_be_opened(
    monkeypatch: pytest.MonkeyPatch, limit: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, limit))
    assert load().client_connections == connections


def test_trusted_proxies_are_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGROSTER_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert load().trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def test_secrets_are_not_part_of_what_settings_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:hunter2hunter2@localhost/x")
    monkeypatch.setenv("PGROSTER_AUTHENTICATOR_PASSWORD", "hunter2hunter2")
    assert "hunter2" not in repr(load())


def test_the_service_login_has_a_password_of_its_own_that_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGROSTER_VAR", str(tmp_path / "var"))
    password = authenticator_password(load())
    assert len(password) >= 32
    assert authenticator_password(load()) == password
    file = tmp_path / "var" / "secrets" / "authenticator"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    monkeypatch.setenv("PGROSTER_AUTHENTICATOR_PASSWORD", "another one")
    assert authenticator_password(load()) == "another one"
