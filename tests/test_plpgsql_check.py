"""plpgsql_check reads every PL/pgSQL body with all its warnings on; it finds nothing but what is excepted here.

Needs a server of Debian or Ubuntu, for which the extension is packaged: its library has to fit the server's build.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from api import ROOT
from api.embedded import Server, throwaway
from api.migrate import migrate
from tests import debian

CACHE = ROOT / ".cache" / "plpgsql_check"
Connection = psycopg.Connection[Any]

# Trigger functions are read once for each table that they watch, whose columns they use.
FINDINGS = """
select p.oid::regprocedure::text, coalesce(t.tgrelid::regclass::text, ''), concat_ws(' ', f.message, f.detail), f.lineno
from pg_proc p
join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
join pg_namespace n on n.oid = p.pronamespace
  and n.nspname in ('app', 'api', 'admin', 'private', 'reporting', 'http', 'audit')
left join (select distinct tgfoid, tgrelid from pg_trigger where tgparentid = 0) t on t.tgfoid = p.oid
cross join lateral public.plpgsql_check_function_tb(
  p.oid, coalesce(t.tgrelid, 0), fatal_errors => false, other_warnings => true, extra_warnings => true,
  performance_warnings => true, security_warnings => true, compatibility_warnings => true) f
order by 1, 2, 4
"""
# What `cast "app.email" value to "text" type` names: a domain and the type that it is of, which costs nothing.
IS_RELABELLED = """
select exists (
  select from pg_type d where d.oid = to_regtype(%s) and d.typtype = 'd' and d.typbasetype = to_regtype(%s))
"""
FAILS_AT_ITS_END = """
select p.prosrc ~ 'perform private\\.fail\\([^;]*\\);\\s*end\\s*$' from pg_proc p where p.oid = %s::regprocedure
"""
CAST = re.compile(r'target type is different type than source type cast "(\S+)" value to "(.+)" type')
UNSANITIZED = "text type variable is not sanitized"
EXCEPTED = {
    ("admin.use_pg_cron", 'schema "cron" does not exist'): "few servers have pg_cron",
    ("private.personal_data", UNSANITIZED): "private.personal_tables() quotes the names",
    ("private.remove_personal_rows", UNSANITIZED): "the same",
    ("private.estimate_users", UNSANITIZED): "private.user_filter() composes fixed pieces",
    ("private.few_users", UNSANITIZED): "they are fixed pieces",
}
KINDS = {
    r"attention: cannot to determine volatility of used dynamic SQL": "it cannot see what composed SQL does",
    r'name of parameter "(from|to|limit)" is reserved keyword': "arguments are called like the keys of a query string",
}


@dataclass(frozen=True)
class Finding:
    """What plpgsql_check says of a function, on a table if it is a trigger's."""

    function: str
    table: str
    message: str
    line: int | None

    @property
    def name(self) -> str:
        """The function without its arguments; none is overloaded."""
        return self.function.partition("(")[0]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A migrated server of Debian's with plpgsql_check in schema public."""
    programs = debian.programs()
    if programs is None:
        pytest.skip("plpgsql_check needs a PostgreSQL of Debian or Ubuntu, such as: apt install postgresql-15")
    with throwaway({"fsync": "off"}, programs) as server:
        migrate(server.admin_dsn)
        with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
            install(admin, server)
        yield server


def install(admin: Connection, server: Server) -> None:
    """Load the extension: the server's own, else the package's, whose script is run by hand. Skips where neither is."""
    query = "select from pg_available_extensions where name = 'plpgsql_check'"
    if admin.execute(query).fetchone() is not None:
        admin.execute("create extension plpgsql_check schema public")
        return
    major = admin.info.server_version // 10000
    package = f"postgresql-{major}-plpgsql-check"
    home = CACHE / str(major)
    if not any(home.rglob("plpgsql_check.so")):
        try:
            debian.unpack([package], home)
        except debian.DOWNLOAD_ERRORS as error:
            pytest.skip(f"{package} is neither installed nor could it be downloaded: {error}")
    assert server.cluster
    library = server.cluster.data.parent / "plpgsql_check.so"  # the cache may be closed to the server's account
    shutil.copy(next(home.rglob("plpgsql_check.so")), library)
    library.chmod(0o644)
    script = max(home.rglob("plpgsql_check--*.sql")).read_text(encoding="utf-8")
    script = script.replace("\\echo", "--").replace("@extschema@", "public").replace("MODULE_PATHNAME", str(library))
    with admin.transaction():
        admin.execute("load 'plpgsql'")
        admin.execute("set local search_path to public")
        admin.execute(script.encode())


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    """A transaction on it, as superuser; rolled back."""
    with psycopg.connect(server.admin_dsn) as connection:
        connection.execute("set local search_path = pg_catalog")
        yield connection
        connection.rollback()


def findings(connection: Connection) -> list[Finding]:
    """Everything that plpgsql_check says."""
    return [Finding(*row) for row in connection.execute(FINDINGS.encode()).fetchall()]


def reason(connection: Connection, finding: Finding) -> str | None:
    """Why a finding is none; null if it is one."""
    for (function, message), why in EXCEPTED.items():
        if finding.name == function and message in finding.message:
            return why
    cast = CAST.match(finding.message)
    if cast and value(connection, IS_RELABELLED, *cast.groups()):
        return "a value of a domain is one of its type"
    if "control reached end of function without RETURN" in finding.message:
        return "private.fail() always raises" if value(connection, FAILS_AT_ITS_END, finding.function) else None
    return next((why for kind, why in KINDS.items() if re.search(kind, finding.message)), None)


def value(connection: Connection, query: str, *values: str) -> Any:
    """The one value that a query returns."""
    row = connection.execute(query.encode(), values).fetchone()
    assert row
    return row[0]


def test_no_function_has_a_finding_that_is_not_excepted(connection: Connection) -> None:
    assert [finding for finding in findings(connection) if reason(connection, finding) is None] == []


def test_each_exception_is_needed(connection: Connection) -> None:
    found = findings(connection)
    unused = {e for e in EXCEPTED if not any(f.name == e[0] and e[1] in f.message for f in found)}
    assert unused == set()
    assert [kind for kind in KINDS if not any(re.search(kind, f.message) for f in found)] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("begin perform 1 from app.users where nobody; end", 'column "nobody" does not exist'),
        ("declare v_unused integer; begin end", 'unused variable "v_unused"'),
        ("declare v_n integer; begin v_n := extract(epoch from now()); perform v_n; end", "target type is different"),
        ("declare v_n integer; begin v_n := 'x' || now(); perform v_n; end", "target type is different"),
        ("begin execute 'select ' || t; end", "not sanitized"),
        ("begin return; perform 1; end", "unreachable code"),
        ("begin perform private.find_user('x') from app.no_such_table; end", '"app.no_such_table" does not exist'),
    ],
)
def test_what_is_wrong_in_a_body_is_found(connection: Connection, body: str, message: str) -> None:
    connection.execute(
        f"""create function private.bad(t text) returns void language plpgsql set search_path = pg_catalog, pg_temp
            as $bad$ {body} $bad$""".encode()
    )
    found = [f for f in findings(connection) if f.function == "private.bad(text)" and reason(connection, f) is None]
    assert any(message in finding.message for finding in found), found


def test_a_trigger_function_is_read_with_each_table_that_it_watches(connection: Connection) -> None:
    connection.execute(
        "create trigger _999_bad before update on app.jobs for each row execute function private.tg__unverify_phone()"
    )
    found = [f for f in findings(connection) if f.table == "app.jobs" and reason(connection, f) is None]
    assert any('record "new" has no field "user_id"' in finding.message for finding in found), found


def test_a_function_that_may_end_without_an_answer_is_found(connection: Connection) -> None:
    connection.execute(
        """create function private.bad(n integer) returns integer language plpgsql set search_path = pg_catalog, pg_temp
           as $$ begin if n > 0 then return n; end if; end $$"""
    )
    assert [f for f in findings(connection) if f.function == "private.bad(integer)" and reason(connection, f) is None]
