"""Functions follow their files: what changes is replaced, what goes is gone, and what is broken changes nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from api.embedded import Server
from api.migrate import migrate, status
from api.sqlfile import MigrationError
from tests.migrated import Empty, change, empty_database, sources
from tests.waiting import until

HELLO = """\
create or replace function api.hello(name text) returns text
language sql
stable
as $$
  select 'hello ' || hello.name
$$;
comment on function api.hello(text) is 'Greets.';
revoke all on function api.hello(text) from public;
grant execute on function api.hello(text) to roster_anonymous;
"""


@pytest.fixture
def database(server: Server) -> Iterator[Empty]:
    """A database without anything."""
    with empty_database(server) as empty:
        yield empty


@pytest.fixture
def files(tmp_path: Path, database: Empty) -> Path:
    """Sources to edit, with one more function, already deployed in the database."""
    copy = sources(tmp_path)
    (copy / "functions" / "api" / "hello.sql").write_text(HELLO)
    migrate(database.dsn, database=copy)
    return copy


def hello(files: Path) -> Path:
    """The file of the extra function."""
    return files / "functions" / "api" / "hello.sql"


def signatures(database: Empty) -> list[str]:
    """The deployed functions of that name."""
    return database.rows(
        "select oid::regprocedure::text || ' ' || prorettype::regtype from pg_proc where proname = 'hello'"
    )


def everything(database: Empty) -> tuple[str, list[str]]:
    """All that a failed migration may not change."""
    return database.fingerprint(), database.rows("select functions_digest from http.deployed")


def test_one_new_file_is_one_new_function(database: Empty, files: Path) -> None:
    other = files / "functions" / "admin" / "hi.sql"
    other.write_text(HELLO.replace("api.hello", "admin.hi").replace("hello.name", "hi.name"))
    report = migrate(database.dsn, database=files)
    assert report.functions == "added admin.hi(text)"
    assert "\\ir admin/hi.sql\n" in (files / "functions" / "apply.sql").read_text()
    assert database.rows("select admin.hi('you')") == ["hello you"]
    assert status(database.dsn, database=files).is_current


def test_a_changed_body_is_replaced_where_it_is(database: Empty, files: Path) -> None:
    before = database.rows("select oid from pg_proc where pronamespace = 'api'::regnamespace order by oid")
    change(hello(files), "'hello '", "'good day '")
    assert migrate(database.dsn, database=files).functions == "changed api.hello(text)"
    assert database.rows("select api.hello('you')") == ["good day you"]
    assert database.rows("select oid from pg_proc where pronamespace = 'api'::regnamespace order by oid") == before


def test_a_call_in_flight_survives_the_replacement_of_its_function(database: Empty, files: Path) -> None:
    body = HELLO.replace("language sql", "language plpgsql").replace("select 'hello '", "begin return 'hello '")
    hello(files).write_text(body.replace("hello.name\n", "hello.name; end\n"))
    migrate(database.dsn, database=files)
    change(hello(files), "'hello '", "'good day '")
    # As in a request, tables are read between the start of the statement and the call.
    database.rows(
        """create function public.gate() returns bigint language plpgsql as $$
             begin perform pg_advisory_lock(1); return (select count(*) from app.roles); end $$"""
    )
    call = "select api.hello('you') from (select public.gate() offset 0) s"
    blocked = "select count(*)::int from pg_locks where locktype = 'advisory' and objid = 1 and not granted"
    with psycopg.connect(database.dsn, autocommit=True) as gate, ThreadPoolExecutor(1) as pool:
        gate.execute("select pg_advisory_lock(1)")
        answer = pool.submit(database.rows, call)
        until(lambda: database.rows(blocked) == [1])
        assert migrate(database.dsn, database=files).functions == "changed api.hello(text)"
        gate.execute("select pg_advisory_unlock(1)")
        assert answer.result(10) in (["hello you"], ["good day you"])
    assert database.rows("select api.hello('you')") == ["good day you"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name text)", "name text, often integer default 1)", "hello(text,integer) text"),
        ("name text) returns text", "name text) returns varchar", "hello(text) character varying"),
        ("name text) returns text", "who text) returns text", "hello(text) text"),
        ("name text)", "name text default 'you')", "hello(text) text"),
    ],
)
def test_a_changed_signature_leaves_no_overload(
    database: Empty, files: Path, old: str, new: str, expected: str
) -> None:
    text = HELLO.replace(old, new).replace("hello.name", "$1")
    text = text.replace("hello(text)", "hello(text, integer)") if "often" in new else text
    hello(files).write_text(text)
    migrate(database.dsn, database=files)
    assert signatures(database) == [expected]
    hello(files).write_text(HELLO)
    migrate(database.dsn, database=files)
    assert signatures(database) == ["hello(text) text"]


def test_a_removed_file_takes_its_function_along(database: Empty, files: Path) -> None:
    hello(files).unlink()
    assert migrate(database.dsn, database=files).functions == "removed api.hello(text)"
    assert signatures(database) == []


def test_privileges_and_a_comment_that_a_file_no_longer_gives_are_gone(database: Empty, files: Path) -> None:
    lines = [line for line in HELLO.splitlines(keepends=True) if not line.startswith(("grant", "comment"))]
    hello(files).write_text("".join(lines))
    migrate(database.dsn, database=files)
    assert database.rows("select obj_description('api.hello'::regproc)") == [None]
    assert database.rows(
        """select a.grantee::regrole::text from pg_proc p, aclexplode(p.proacl) a
           where p.oid = 'api.hello'::regproc order by 1"""
    ) == ["roster_authenticator", "roster_owner"]


def test_a_type_changes_with_the_functions_that_use_it(database: Empty, files: Path) -> None:
    before = database.rows("select oid from pg_proc where oid = 'api.hello'::regproc")
    types = files / "functions" / "types.sql"
    types.write_text(types.read_text() + "\ncreate type api.greeting as (words text);\n")
    migrate(database.dsn, database=files)
    change(types, "(words text)", "(words text, language text)")
    migrate(database.dsn, database=files)
    assert database.rows(
        """select attname::text from pg_attribute
           where attrelid = 'api.greeting'::regclass and attnum > 0 order by attnum"""
    ) == ["words", "language"]
    assert database.rows("select oid from pg_proc where oid = 'api.hello'::regproc") == before


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("select 'hello '", "selekt 'hello '", 'hello.sql:5: syntax error at or near "selekt"'),
        ("'hello ' || hello.name", "no_such(hello.name)", "hello.sql:5: function no_such(text) does not exist"),
        ("language sql", "language sqll", 'hello.sql: language "sqll" does not exist'),
        ("returns text", "returns api.nothing", 'hello.sql: type "api.nothing" does not exist'),
        ("stable\n", "stabel\n", 'hello.sql:3: syntax error at or near "stabel"'),
        ("to roster_anonymous", "to nobody_known", 'hello.sql: role "nobody_known" does not exist'),
    ],
)
def test_a_broken_file_is_named_and_changes_nothing(
    database: Empty, files: Path, old: str, new: str, complaint: str
) -> None:
    before = everything(database)
    change(hello(files), old, new)
    change(files / "functions" / "api" / "get_me.sql", "begin\n", "begin\n  -- and this file is sound\n")
    with pytest.raises(MigrationError) as refused:
        migrate(database.dsn, database=files)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)
    assert everything(database) == before
    assert not status(database.dsn, database=files).is_current


def test_what_depends_on_a_type_of_the_api_is_named_instead_of_dropped(database: Empty, files: Path) -> None:
    database.rows("create view public.foreign_view as select null::api.session as something")
    before = everything(database)
    head = "create type api.session as ("
    change(files / "functions" / "types.sql", head, f"{head}\n  extra text,")
    with pytest.raises(MigrationError, match=r"view public\.foreign_view depends on type"):
        migrate(database.dsn, database=files)
    assert everything(database) == before
    database.rows("drop view public.foreign_view")
    migrate(database.dsn, database=files)


def test_a_function_that_a_policy_uses_is_replaced_and_never_dropped(database: Empty, files: Path) -> None:
    find = "select oid from pg_proc where oid = 'private.has_permission'::regproc"
    before = database.rows(find)
    helper = files / "functions" / "private" / "has_permission.sql"
    change(helper, "begin\n", "begin\n  -- edited\n")
    assert migrate(database.dsn, database=files).functions == "changed private.has_permission(text)"
    assert database.rows(find) == before
    helper.unlink()
    for path in (files / "schema").glob("*.sql"):
        path.write_text(path.read_text().replace("\\ir ../functions/private/has_permission.sql\n", ""))
    database.rows("update app.schema_migrations set digest = null")
    with pytest.raises(MigrationError, match=r"function private\.has_permission\(text\)"):
        migrate(database.dsn, database=files)
    assert database.rows(find) == before
