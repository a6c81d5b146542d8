"""What a database with many people does not do: read all of them, or all that belongs to them, to find a few."""

from collections.abc import Iterator

import psycopg
import pytest

from api import bulk
from tests.databases import TestDatabase
from tests.plans import Plans, heaviest, nodes, touched

PEOPLE = 60_000
"""So many that to go through all of them costs more than any of the limits below."""
FEW = 6_000
ONE_BY_ONE = 10_000
"""Accounts that may be looked at one after the other before all that fit are fetched at once."""
NEWEST = """
with role as (insert into app.roles (name) values ('newest') returning id)
insert into app.user_roles (user_id, role_id)
select n.id, role.id from role, (select u.id from app.users u order by u.created_at desc limit 6000) n
"""
# Sessions, sources and messages of everybody that nobody cleans up yet, and a day's answers to repeated requests.
FILL = [
    """insert into app.sessions (id, user_id, secret_hash, expires_at)
       select u.id, u.id, sha256(u.id::text::bytea), now() + interval '9 days' from app.users u""",
    """insert into app.login_sources (user_id, source, last_login_at)
       select u.id, '192.0.2.7', now() - interval '9 days' from app.users u""",
    "update app.login_sources set updated_at = now() - interval '9 days'",
    """insert into app.outbox (user_id, channel, template, next_attempt_at, sent_at)
       select u.id, 'email', 'welcome', null, now() from app.users u""",
    """insert into app.idempotency_keys (key_hash, user_id, route, request_hash, status, answer, headers)
       select sha256(u.id::text::bytea), u.id, 'r', sha256('r'), 200, json_build_object('id', u.id), '{}'
       from app.users u""",
]
LISTS = [
    "", "sort => 'created_at'", "sort => 'email'", "sort => 'username'", "sort => 'last_login_at'",
    "status => 'suspended'", "status => 'deleted', sort => 'email'", "include_deleted => true", "count => 'estimated'",
    "role => 'auditor'", "role => 'auditor', sort => 'email'", "role => 'admin', sort => 'last_login_at'",
    "role => 'no_such_role'", "created_after => now() - interval '1 day', sort => 'email'",
    "created_before => now() - interval '1455 days', sort => 'last_login_at'",
    "created_after => now() + interval '1 day'",
    "q => 'nobody.is.called.this'", "q => 'zoe x'", "q => 'plans', role => 'admin', status => 'active'",
]  # fmt: skip
CROWDS = [
    "role => 'user'", "role => 'newest'", "role => 'newest', sort => 'created_at'", "role => 'newest', sort => 'email'",
    "q => 'a'", "q => 'ma'", "q => 'z', sort => 'email'", "q => 'e', role => 'auditor'", "q => 'e', role => 'newest'",
    "q => 'a', status => 'suspended', count => 'estimated'",
    "created_after => now() - interval '200 days', sort => 'last_login_at'",
]  # fmt: skip
SEARCH = """(u.email_key collate "C" like 'z%' or u.username_key collate "C" like 'z%'
  or private.account_words(u.email_key, u.username_key) @@ 'z:*'
  or u.id in (
    select p.user_id from app.user_profiles p where private.name_words(p.first_name, p.last_name) @@ 'z:*'))"""
NEW = "u.id in (select r.user_id from app.user_roles r join app.roles o on o.id = r.role_id where o.name = 'newest')"
PLAINLY = """
select u.username from app.users u where u.deleted_at is null and {condition} order by {order} limit 150
"""
PAGE = """
select p.next_cursor, (select array_agg(i.username::text) from unnest(p.items) i)
from api.list_users({arguments}, cursor => {cursor}, "limit" => {size}) p
"""
ORDERS = [
    ("role => 'newest', sort => 'created_at'", NEW, "u.created_at, u.id"),
    ("role => 'newest', sort => '-created_at'", NEW, "u.created_at desc, u.id desc"),
    ("role => 'newest', sort => 'last_login_at'", NEW, "coalesce(u.last_login_at, '-infinity'), u.id"),
    ("q => 'z', sort => 'email'", SEARCH, 'u.email_key collate "C", u.id'),
    ("q => 'z', sort => '-created_at'", SEARCH, "u.created_at desc, u.id desc"),
    ("q => 'z', role => 'newest', sort => 'username'", f"{SEARCH} and {NEW}", 'u.username_key collate "C", u.id'),
]
LOOKS = [
    ("roster_owner", "SELECT id, password_hash, status, failed_login_attempts, locked_until FROM users WHERE email ="
                     " 'a@b.example' AND deleted_at IS NULL AND status IN ('active', 'inactive') LIMIT 1"),
    ("roster_dba", "select id from users where username = 'plans'"),
    ("roster_dba", "select admin.act_as('plans')"),
    ("roster_reporting", "select * from reporting.v_users_complete where email = 'a@b.example'"),
    ("roster_reporting", "select * from reporting.v_users_complete where username = 'plans'"),
    ("roster_reporting", "select * from reporting.v_users_complete order by created_at desc limit 20"),
    ("roster_reporting", "select * from reporting.v_users_complete where data_retention_until < now()"),
    ("roster_reporting", "select * from reporting.v_users_complete where locked_until > now() + interval '3 days'"),
    ("roster_reporting", "select * from reporting.v_audit_events order by occurred_at desc limit 20"),
]  # fmt: skip
WORK = ["clean_expired_tokens()", "anonymize_expired_users(1)", "cleanup_expired_data(1)", "erase_expired_salts()"]
ERASE = """
select admin.anonymize_user(o.id)
from (select u.id from app.users u where u.status = 'active' order by u.created_at limit 1) o
"""
PASSWORD = "update app.users set password_hash = '$2b$12$' || repeat('a', 53) where username = 'plans'"
LEAVE = """
do $$ begin
  perform admin.soft_delete_user(u.id) from app.users u where u.username = 'plans';
  raise 'nobody is left to administer';
exception when sqlstate 'UM409' then null;
end $$
"""


@pytest.fixture(scope="module")
def plans(module_database: TestDatabase) -> Iterator[Plans]:
    """Many people, and an administrator's connection that tells how its statements were carried out."""
    bulk.seed(module_database.admin_dsn, PEOPLE, "1", None, False, lambda _: None)
    with psycopg.connect(module_database.admin_dsn, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in (NEWEST, *FILL):
            connection.execute(statement.encode())
        connection.execute("set session_replication_role = origin")
        connection.execute("vacuum analyze")
        yield Plans(connection, "admin")


@pytest.mark.parametrize("arguments", LISTS)
def test_a_page_of_accounts_reads_little_more_than_itself(plans: Plans, arguments: str) -> None:
    found = plans.of(f"select api.list_users({arguments})")
    assert touched(found) < FEW, heaviest(found)


@pytest.mark.parametrize("arguments", CROWDS)
def test_a_page_of_a_crowd_is_found_without_going_through_everybody(plans: Plans, arguments: str) -> None:
    """Also where those that fit come last in the order."""
    found = plans.of(f"select api.list_users({arguments})")
    assert max(n["Actual Loops"] for plan in found for n in nodes(plan["Plan"])) <= ONE_BY_ONE, heaviest(found)


@pytest.mark.parametrize(("arguments", "condition", "order"), ORDERS, ids=[arguments for arguments, _, _ in ORDERS])
def test_a_page_of_a_crowd_is_the_page(plans: Plans, arguments: str, condition: str, order: str) -> None:
    """Whichever way it was found, and the one after it."""
    wanted = plans.connection.execute(PLAINLY.format(condition=condition, order=order).encode()).fetchall()
    cursor = "null"
    found: list[str] = []
    for size in (100, 50):
        page = PAGE.format(arguments=arguments, cursor=cursor, size=size)
        (next_cursor, names) = plans.connection.execute(page.encode()).fetchall()[0]
        cursor, found = f"'{next_cursor}'", found + names
    assert found == [name for (name,) in wanted]


@pytest.mark.parametrize(("role", "query"), LOOKS)
def test_a_look_for_one_person_reads_one_person(plans: Plans, role: str, query: str) -> None:
    found = plans.of(query, role)
    assert touched(found) < FEW, heaviest(found)


def test_a_report_works_out_only_what_it_shows(plans: Plans) -> None:
    """Roles are a subquery for each account."""
    found = plans.of("select status, count(*) from reporting.v_users_complete group by 1", "roster_reporting")
    tables = {node.get("Relation Name") for plan in found for node in nodes(plan["Plan"])}
    assert "user_roles" not in tables, heaviest(found)


@pytest.mark.parametrize("call", WORK)
def test_cleaning_up_reads_only_what_is_past_its_time(plans: Plans, call: str) -> None:
    """BR-308: a batch does not get slower with what stays."""
    found = plans.of(f"select admin.{call}", "roster_dba")
    assert touched(found) < FEW, heaviest(found)


def test_an_erasure_reads_what_belongs_to_the_person(plans: Plans) -> None:
    found = plans.of(ERASE, "roster_dba")
    assert touched(found) < FEW, heaviest(found)


def test_whether_an_administrator_is_left_is_asked_of_administrators(plans: Plans) -> None:
    plans.connection.execute(PASSWORD.encode())
    found = plans.of(LEAVE, "roster_dba")
    assert touched(found) < FEW, heaviest(found)
