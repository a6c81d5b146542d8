"""`pgroster seed`: the six sample users with their history, and made-up people by the thousand."""

import os
import re
import signal
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api import strangers
from api.strangers import BATCH
from tests.commands import Finished, one_line
from tests.databases import TestDatabase
from tests.people import Person
from tests.server import StartService
from tests.test_import import installation
from tests.waiting import until

PASSWORD = "herons, all of them the same"
TODAY = 1_800_057_600  # a midnight

Seed = Callable[..., Finished]


@pytest.fixture
def seed(database: TestDatabase, tmp_path: Path) -> Seed:
    """Runs `pgroster seed` on this test's database."""
    return lambda *options: installation(tmp_path, database.admin_dsn).run("seed", *options)


def value(database: TestDatabase, query: LiteralString) -> Any:
    """The one value that a query gives."""
    row = database.admin.execute(query).fetchone()
    return row[0] if row else None


def people_of(key: str, total: int = BATCH, start: int = 0) -> list[list[str]]:
    """One batch of made-up people, as the columns of the staging table."""
    return [row.rstrip("\n").split("\t") for row in strangers.rows(key, start, total, TODAY)]


def test_the_sample_users_have_sessions_consents_and_a_history(database: TestDatabase, seed: Seed) -> None:
    assert seed().returncode == 0
    states = database.admin.execute("select username::text, status::text, is_email_verified from users order by id")
    assert states.fetchall() == [
        ("ada.admin", "active", True),
        ("sam.support", "active", True),
        ("aude.auditor", "active", True),
        ("uma.unverified", "inactive", False),
        ("sol.suspended", "suspended", True),
        ("dov.deleted", "deleted", True),
    ]
    ended = database.admin.execute(
        """select u.username::text, count(*), array_remove(array_agg(s.revoked_reason), null)
           from sessions s join users u on u.id = s.user_id group by u.username order by u.username"""
    )
    assert ended.fetchall() == [
        ("ada.admin", 2, []),
        ("aude.auditor", 2, ["logout"]),
        ("dov.deleted", 1, ["deleted"]),
        ("sam.support", 2, []),
        ("sol.suspended", 1, ["suspended"]),
        ("uma.unverified", 1, []),
    ]
    assert value(database, "select count(*) from consents where purpose = 'data_processing' and is_granted") == 6
    assert value(database, "select count(*) from consents where not is_granted") == 3
    assert value(database, "select username::text from users where gdpr_consent_at is null") == "dov.deleted"
    told = {action for (action,) in database.admin.execute("select distinct action from audit_logs").fetchall()}
    assert {"account.registered", "email.verified", "login.failed", "login.succeeded", "users.updated"} <= told
    suspender = """select a.username::text from audit_logs l join users a on a.id = l.actor_user_id
                   where l.action = 'users.updated' and l.new_values ->> 'status' = 'suspended'"""
    assert value(database, suspender) == "ada.admin"
    assert value(database, "select array_agg(recipient::text) from outbox where sent_at is null") == [
        "uma.unverified@example.com"
    ]


def test_made_up_people_are_as_many_and_as_various_as_real_ones(database: TestDatabase, seed: Seed) -> None:
    done = seed("--users", "3000")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"Made 3,000 users in [\d.]+ s, [\d,]+ a second; 0 were there already\.\n", done.stdout)
    counts = dict(database.admin.execute("select status::text, count(*) from users group by status").fetchall())
    assert sum(counts.values()) == 3000
    assert counts["active"] > counts["inactive"] > counts["deleted"] > counts["suspended"] / 2 > 10
    assert value(database, "select count(*) from user_profiles where first_name is not null") == 3000
    assert value(database, "select count(distinct locale) from user_profiles") == len(strangers.LOCALES)
    assert (
        value(database, "select count(*) from user_roles ur join roles r on r.id = ur.role_id and r.name = 'user'")
        == 3000
    )
    assert (
        value(database, "select count(*) from user_roles ur join roles r on r.id = ur.role_id and r.name = 'admin'")
        == 0
    )
    assert value(database, "select count(distinct user_id) from consents where purpose = 'data_processing'") == 3000
    assert value(database, "select count(*) from users where password_hash is not null") == 0
    assert (
        value(database, "select count(*) from users where last_login_at < created_at or deleted_at < created_at") == 0
    )
    assert (
        value(database, "select count(*) from users where greatest(created_at, last_login_at, deleted_at) > now()") == 0
    )
    assert value(database, "select count(*) from users where email_key not like '%.example'") == 0
    assert value(database, "select count(*) from user_profiles where phone not like '+999%'") == 0
    assert value(database, "select count(*) from outbox") == 0
    assert value(database, "select users > 2800 from v_active_users_summary")
    assert value(database, "select reltuples::int from pg_class where oid = 'app.users'::regclass") == 3000
    names = database.admin.execute("select first_name::text from user_profiles").fetchall()
    scripts = {unicodedata.name(name[0]).split()[0] for (name,) in names}
    assert {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "CJK", "HANGUL", "THAI"} <= scripts


def test_the_log_has_one_event_a_batch(database: TestDatabase, seed: Seed) -> None:
    seed("--users", str(BATCH + 500), "--seed", "herons")
    rows = database.admin.execute(
        "select action, details from audit_logs where entity is null order by details -> 'count'"
    ).fetchall()
    assert rows == [
        ("users.seeded", {"seed": "herons", "count": 500}),
        ("users.seeded", {"seed": "herons", "count": BATCH}),
    ]


def test_to_seed_again_adds_only_who_is_missing(database: TestDatabase, seed: Seed) -> None:
    seed("--users", "200")
    before = database.admin.execute("select id, email, created_at from users order by id").fetchall()
    assert "Made 0 users; 200 were there already." in seed("--users", "200").stdout
    # Tomorrow the same people have other times and ids; who left meanwhile is still known.
    database.admin.execute(
        "update users set status = 'deleted', deleted_at = now() where id in (select id from users limit 50)"
    )
    assert seed("--users", "300").stdout.startswith("Made 100 users")
    assert value(database, "select count(*) from users") == 300
    kept = database.admin.execute("select id, email, created_at from users order by id").fetchall()
    assert set(before) < set(kept)
    assert seed("--users", "300", "--seed", "2").stdout.startswith("Made 300 users")
    assert value(database, "select count(*) from user_profiles") == 600


def test_an_interrupted_seeding_is_completed_by_running_it_again(
    database: TestDatabase, seed: Seed, tmp_path: Path
) -> None:
    with psycopg.connect(database.admin_dsn) as other:
        # The third batch waits for somebody with one of its usernames, one after the other two are kept.
        username = people_of("1", 3 * BATCH, 2 * BATCH)[7][2]
        other.execute("insert into app.users (email, username) values ('x@mail.example', %s)", [username])
        process = installation(tmp_path, database.admin_dsn).start("seed", "--users", str(3 * BATCH))
        until(lambda: value(database, "select count(*) from users") == 2 * BATCH, 120, "two batches")
        until(lambda: database.is_waiting("keep_staged_users"), 60, "the third waits")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        other.rollback()
    until(lambda: not database.is_waiting("keep_staged_users"), 30, "the killed batch is undone")
    done = seed("--users", str(3 * BATCH))
    assert done.stdout.startswith(f"Made {BATCH:,} users") and f"{2 * BATCH:,} were there already" in done.stdout
    assert value(database, "select count(*) from user_profiles") == 3 * BATCH


def test_made_up_people_do_not_mix_with_real_ones_unasked(database: TestDatabase, seed: Seed) -> None:
    assert seed().returncode == 0
    assert seed("--users", "10").returncode == 0, "sample users are not real"
    database.admin.execute("select admin.import_user('ann@real.org', 'ann')")
    line = one_line(seed("--users", "20"))
    assert "accounts that are not made up" in line and "--yes" in line
    assert value(database, "select count(*) from users") == 17
    assert seed("--users", "20", "--yes").stdout.startswith("Made 10 users")


def test_with_a_password_everybody_can_sign_in(database: TestDatabase, seed: Seed, start_service: StartService) -> None:
    assert "use at least 15 characters" in one_line(seed("--users", "10", "--password", "short"))
    assert seed("--users", "50", "--password", PASSWORD).returncode == 0
    assert value(database, "select count(distinct password_hash) from users") == 1
    names = database.admin.execute("select username::text, status::text from users").fetchall()
    service = start_service()
    for username, status in names[:10]:
        answer = Person(service).login(username, PASSWORD)
        assert answer.status_code == (200 if status in ("active", "inactive") else 401)


@pytest.fixture
def owner(database: TestDatabase) -> Iterator[str]:
    """A database login that may act as the tables' owner and is no superuser."""
    name = f"{database.name}_owner"
    role = sql.Identifier(name)
    database.admin.execute(sql.SQL("create role {} login; grant roster_owner to {}").format(role, role))
    yield name
    database.admin.execute(sql.SQL("drop role {}").format(role))


def test_without_a_superuser_every_row_is_in_the_log(database: TestDatabase, owner: str, tmp_path: Path) -> None:
    done = installation(tmp_path, make_conninfo(database.admin_dsn, user=owner)).run("seed", "--users", "100")
    assert (done.returncode, done.stderr) == (0, "")
    assert value(database, "select count(*) from user_profiles") == 100
    counts = dict(database.admin.execute("select action, count(*) from audit_logs group by action").fetchall())
    assert counts["users.inserted"] == counts["user_profiles.inserted"] == 100
    assert counts["users.seeded"] == 1


def test_a_login_that_may_not_is_told(database: TestDatabase, tmp_path: Path) -> None:
    pgroster = installation(tmp_path, make_conninfo(database.admin_dsn, user="roster_authenticator"))
    assert 'permission denied to set role "roster_owner"' in one_line(pgroster.run("seed", "--users", "100"))


def test_the_same_seed_makes_the_same_people() -> None:
    first = people_of("1")
    assert first == people_of("1")
    assert len(first) == BATCH
    names = [row[1:3] for row in first]
    assert names == [row[1:3] for row in people_of("1", 3 * BATCH)], "however many come after them"
    assert names[:100] == [row[1:3] for row in people_of("1", 100)]
    for others in (people_of("2"), people_of("1", 2 * BATCH, BATCH)):
        assert {row[0] for row in first}.isdisjoint(row[0] for row in others)
        assert {row[2] for row in first} != {row[2] for row in others}


def test_the_longest_names_and_numbers_fit_the_rules(database: TestDatabase) -> None:
    for start in (0, strangers.COUNT_MAX // BATCH * BATCH):
        people = people_of("1", strangers.COUNT_MAX, start)
        ids, emails, usernames = ({row[column] for row in people} for column in range(3))
        assert len(ids) == len(emails) == len(usernames) == len(people)
        for values, domain in ((emails, "app.email"), (usernames, "app.username"), (ids, "uuid")):
            query = sql.SQL("select count(v::{}) from unnest(%s::text[]) v").format(sql.SQL(domain))
            assert database.admin.execute(query, [list(values)]).fetchone() == (len(people),)
        assert {id[12] for id in ids} == {"7"} and {id[16] for id in ids} <= set("89ab")
