"""db/checks/invariants.sql: nothing is broken after ordinary use, and each of its sentences notices when it is."""

import subprocess
from collections.abc import Iterator
from string import Template
from typing import Any

import psycopg
import pytest

from api import seeds
from api.account import server_binaries
from api.settings import Settings
from tests.databases import TestDatabase
from tests.invariants import FILE, broken, sentences
from tests.sealing import until_sealed

NAMES = {
    "ada": "(select id from app.users where username = 'ada.admin')",
    "uma": "(select id from app.users where username = 'uma.unverified')",
    "sol": "(select id from app.users where username = 'sol.suspended')",
    "open": "(select id from app.sessions where user_id = $ada and revoked_at is null order by id limit 1)",
    "live": "(select id from app.refresh_tokens where session_id = $open and used_at is null)",
    "add_token": """
        insert into app.refresh_tokens
          (session_id, user_id, token_hash, sealed_secret, expires_at, used_at, revoked_at)
        values ($open, $ada,""",
    "add_reset": "insert into app.password_reset_tokens (user_id, token_hash, expires_at) values",
    "end": "private.now() + interval '1 hour'",
}

BREAKS = {
    "a session has at most one live refresh token": """
        drop index app.refresh_tokens_one_live; $add_token sha256('x'), sha256('y'), $end, null, null)""",
    "a refresh token has at most one predecessor": """
        alter table app.refresh_tokens drop constraint refresh_tokens_replaced_by_key;
        $add_token sha256('x'), sha256('y'), $end, private.now(), null);
        $add_token sha256('z'), sha256('y'), $end, private.now(), null);
        update app.refresh_tokens set replaced_by = $live where token_hash in (sha256('x'), sha256('z'))""",
    "the refresh tokens of a session are one chain": """
        $add_token sha256('x'), sha256('y'), $end, null, private.now())""",
    "a used refresh token has its successor": "update app.refresh_tokens set used_at = private.now() where id = $live",
    "an ended session has no live refresh token": """
        update app.sessions set revoked_at = private.now(), revoked_reason = 'logout' where id = $open""",
    "an open session of a person has a live refresh token": "delete from app.refresh_tokens where id = $live",
    "a refresh token belongs to the user of its session and ends with it": """
        update app.refresh_tokens set user_id = $uma where id = $live""",
    "a refresh token is used before its end, and once it is used it is not revoked": """
        update app.refresh_tokens set used_at = expires_at + interval '1 second' where id = $live""",
    "a salt that leads to a successor is gone ten minutes after its window": """
        $add_token sha256('x'), sha256('y'), $end, private.now() - interval '11 minutes', null);
        update app.refresh_tokens set replaced_by = $live, successor_salt = sha256('z')
        where token_hash = sha256('x')""",
    "a suspended or deleted user has no open session": """
        update app.users set status = 'suspended', suspended_at = private.now() where id = $ada""",
    "a sign-in opens one session": "select audit.record_event('login.succeeded', $ada)",
    "a user has at most one live mailed token of a kind": """
        drop index app.password_reset_tokens_one_live;
        $add_reset ($ada, sha256('x'), $end), ($ada, sha256('y'), private.now())""",
    "a suspended or deleted user has no live mailed token": """
        $add_reset ($sol, sha256('x'), $end)""",
    "a mailed token or code is used before its end, and once it is used it is not revoked": """
        $add_reset ($ada, sha256('x'), $end);
        update app.password_reset_tokens set used_at = private.now(), revoked_at = private.now()
        where user_id = $ada""",
    "an address belongs to at most one living account": """
        drop index app.users_email_key_live;
        update app.users set email = 'ada.admin@example.com' where id = $uma""",
    "a username belongs to at most one living account": """
        drop index app.users_username_key_live; update app.users set username = 'ADA.admin' where id = $uma""",
    "an account that is not erased has a profile, an erased one has nothing": """
        delete from app.user_profiles where user_id = $ada""",
    "a deleted account has the time of its deletion, a living one has none": """
        alter table app.users drop constraint users_deleted_at_fits_status;
        update app.users set status = 'deleted' where id = $ada""",
    "where somebody is an administrator, one of them can sign in": """
        update app.users set status = 'suspended', suspended_at = private.now() where id = $ada""",
    "an id of the log is given once": """
        insert into audit.audit_logs (id, occurred_at, action, database_role)
        select max(id), private.now(), 'login.failed', 'x' from audit.audit_logs""",
    "a change in the log begins where the one before it ended": """
        update audit.audit_logs set old_values = '{"status": "suspended"}'
        where action = 'users.updated' and 'status' = any (changed_fields) and user_id = $ada""",
    "a row is what the log says last": "update app.user_profiles set first_name = 'Eve' where user_id = $ada",
    "a row that is there was inserted once more often than deleted": """
        insert into app.consents (user_id, purpose, is_granted) values ($ada, 'unlogged', true)""",
    "a row that is not there was deleted as often as inserted": "delete from app.consents where user_id = $ada",
    "the log has room for this month and the next": """
        update private.clock set shift = interval '1 year'""",
    "the log is what its seals say": """
        update audit.audit_logs set details = '{}' where action = 'login.succeeded'""",
    "a message has its cause, and a cause its message": "delete from app.outbox where user_id = $uma",
    "a message that is done says nothing any more, another waits for its turn": """
        update app.outbox set next_attempt_at = null where user_id = $uma""",
    "a counter stays within its quota": """
        insert into app.rate_limits (policy, subject, window_started_at, hits, previous_hits)
        values ('login', 'somebody', private.now(), 11, 0)""",
}  # fmt: skip


def spelled_out(text: str) -> bytes:
    """SQL with the names in it replaced, those within the replacements too."""
    while "$" in text:
        text = Template(text).substitute(NAMES)
    return text.encode()


@pytest.fixture(scope="module")
def sampled(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> TestDatabase:
    """A database with the sample users, who have been through every state, and its log sealed."""
    assert seeds.load(module_database.admin_dsn, Settings(var=tmp_path_factory.mktemp("var")))
    until_sealed(module_database.admin)
    return module_database


@pytest.fixture
def unguarded(sampled: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A transaction in which no trigger and no foreign key fires; rolled back."""
    with psycopg.connect(sampled.admin_dsn) as connection:
        connection.execute("set local session_replication_role = replica")
        yield connection
        connection.rollback()


def test_an_operator_finds_nothing_broken_with_psql(sampled: TestDatabase) -> None:
    psql = str(server_binaries(None) / "psql")
    command = [psql, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-f", str(FILE), sampled.admin_dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("(0 rows)"), done.stdout


@pytest.mark.parametrize("sentence", sentences())
def test_whatever_is_broken_is_found(unguarded: psycopg.Connection[Any], sentence: str) -> None:
    unguarded.execute(spelled_out(BREAKS[sentence]))
    assert sentence in {found for found, _, _ in broken(unguarded)}


def test_nothing_is_found_after_ordinary_use_and_every_sentence_has_a_test(sampled: TestDatabase) -> None:
    assert set(BREAKS) == set(sentences()), "each sentence has a break, and the other way round"
    assert len(sentences()) == len(set(sentences()))
    assert broken(sampled.admin) == []
