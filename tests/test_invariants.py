"""db/checks/invariants.sql: nothing is broken after ordinary use, and each of its sentences notices when it is."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api import seeds
from api.account import server_binaries
from api.settings import Settings
from tests.databases import TestDatabase
from tests.invariants import FILE, broken, sentences

ADA = "(select id from app.users where username = 'ada.admin')"
UMA = "(select id from app.users where username = 'uma.unverified')"
SOL = "(select id from app.users where username = 'sol.suspended')"
OPEN = f"(select id from app.sessions where user_id = {ADA} and revoked_at is null order by id limit 1)"
LIVE = f"(select id from app.refresh_tokens where session_id = {OPEN} and used_at is null)"
TOKEN = "insert into app.refresh_tokens (session_id, user_id, token_hash, sealed_secret, expires_at, used_at, revoked_at)"
VALUES = "sha256('x'), sha256('y'), private.now() + interval '1 hour'"
WHOLE = f"values ({OPEN}, {ADA}, {VALUES}"
RESET = "insert into app.password_reset_tokens (user_id, token_hash, expires_at) values"

BREAKS = {
    "a session has at most one live refresh token": f"drop index app.refresh_tokens_one_live; {TOKEN} {WHOLE}, null, null)",
    "a refresh token has at most one predecessor": f"""
        alter table app.refresh_tokens drop constraint refresh_tokens_replaced_by_key;
        {TOKEN} {WHOLE}, private.now(), null);
        {TOKEN} values ({OPEN}, {ADA}, sha256('z'), sha256('y'), private.now() + interval '1 hour', private.now(), null);
        update app.refresh_tokens set replaced_by = {LIVE} where token_hash in (sha256('x'), sha256('z'))""",
    "the refresh tokens of a session are one chain": f"{TOKEN} {WHOLE}, null, private.now())",
    "a used refresh token has its successor": f"update app.refresh_tokens set used_at = private.now() where id = {LIVE}",
    "an ended session has no live refresh token": f"""
        update app.sessions set revoked_at = private.now(), revoked_reason = 'logout' where id = {OPEN}""",
    "an open session of a person has a live refresh token": f"delete from app.refresh_tokens where id = {LIVE}",
    "a refresh token belongs to the user of its session and ends with it": f"""
        update app.refresh_tokens set user_id = {UMA} where id = {LIVE}""",
    "a refresh token is used before its end, and once it is used it is not revoked": f"""
        update app.refresh_tokens set used_at = expires_at + interval '1 second' where id = {LIVE}""",
    "a salt that leads to a successor is gone ten minutes after its window": f"""
        {TOKEN} {WHOLE}, private.now() - interval '11 minutes', null);
        update app.refresh_tokens set replaced_by = {LIVE}, successor_salt = sha256('z') where token_hash = sha256('x')""",
    "a suspended or deleted user has no open session": f"""
        update app.users set status = 'suspended', suspended_at = private.now() where id = {ADA}""",
    "a sign-in opens one session": f"select audit.record_event('login.succeeded', {ADA})",
    "a user has at most one live mailed token of a kind": f"""
        drop index app.password_reset_tokens_one_live;
        {RESET} ({ADA}, sha256('x'), private.now() + interval '1 hour'), ({ADA}, sha256('y'), private.now())""",
    "a suspended or deleted user has no live mailed token": f"""
        {RESET} ({SOL}, sha256('x'), private.now() + interval '1 hour')""",
    "a mailed token or code is used before its end, and once it is used it is not revoked": f"""
        {RESET} ({ADA}, sha256('x'), private.now() + interval '1 hour');
        update app.password_reset_tokens set used_at = private.now(), revoked_at = private.now() where user_id = {ADA}""",
    "an address belongs to at most one living account": f"""
        drop index app.users_email_key_live;
        update app.users set email = 'ada.admin@example.com' where id = {UMA}""",
    "a username belongs to at most one living account": f"""
        drop index app.users_username_key_live; update app.users set username = 'ADA.admin' where id = {UMA}""",
    "an account that is not erased has a profile, an erased one has nothing": f"""
        delete from app.user_profiles where user_id = {ADA}""",
    "a deleted account has the time of its deletion, a living one has none": f"""
        alter table app.users drop constraint users_deleted_at_fits_status;
        update app.users set status = 'deleted' where id = {ADA}""",
    "where somebody is an administrator, one of them can sign in": f"""
        update app.users set status = 'suspended', suspended_at = private.now() where id = {ADA}""",
    "an id of the log is given once": """
        insert into audit.audit_logs select * from audit.audit_logs order by id limit 0;
        insert into audit.audit_logs (id, occurred_at, action, database_role)
        select max(id), private.now(), 'login.failed', 'x' from audit.audit_logs""",
    "a change in the log begins where the one before it ended": f"""
        update audit.audit_logs set old_values = '{{"status": "suspended"}}'
        where action = 'users.updated' and 'status' = any (changed_fields) and user_id = {ADA}""",
    "a row is what the log says last": f"update app.user_profiles set first_name = 'Eve' where user_id = {ADA}",
    "a row that is there was inserted once more often than deleted": f"""
        insert into app.consents (user_id, purpose, is_granted) values ({ADA}, 'unlogged', true)""",
    "a row that is not there was deleted as often as inserted": f"delete from app.consents where user_id = {ADA}",
    "the log has room for this month and the next": """
        update private.clock set shift = interval '1 year'""",
    "a message has its cause, and a cause its message": f"delete from app.outbox where user_id = {UMA}",
    "a message that is done says nothing any more, another waits for its turn": f"""
        update app.outbox set next_attempt_at = null where user_id = {UMA}""",
    "a counter stays within its quota": """
        insert into app.rate_limits (policy, subject, window_started_at, hits, previous_hits)
        values ('login', 'somebody', private.now(), 11, 0)""",
}  # fmt: skip


@pytest.fixture(scope="module")
def sampled(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> TestDatabase:
    """A database with the sample users, who have been through every state."""
    assert seeds.load(module_database.admin_dsn, Settings(var=tmp_path_factory.mktemp("var")))
    return module_database


@pytest.fixture
def unguarded(sampled: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A transaction in which no trigger and no foreign key fires; rolled back."""
    with psycopg.connect(sampled.admin_dsn) as connection:
        connection.execute("set local session_replication_role = replica")
        yield connection
        connection.rollback()


def test_an_operator_finds_nothing_broken_with_psql(sampled: TestDatabase) -> None:
    command = [server_binaries(None) / "psql", "--no-psqlrc", "-d", sampled.admin_dsn, "-v", "ON_ERROR_STOP=1", "-f", FILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("(0 rows)"), done.stdout


@pytest.mark.parametrize("sentence", sentences())
def test_whatever_is_broken_is_found(unguarded: psycopg.Connection[Any], sentence: str) -> None:
    unguarded.execute(BREAKS[sentence].encode())
    assert sentence in {found for found, _, _ in broken(unguarded)}


def test_nothing_is_found_but_what_the_page_says(sampled: TestDatabase, tmp_path: Path) -> None:
    assert set(BREAKS) == set(sentences()), "each sentence has a break, and the other way round"
    assert len(sentences()) == len(set(sentences()))
    assert broken(sampled.admin) == []
