"""The jobs run by pg_cron, with the real extension where Debian's PostgreSQL has it."""

from collections.abc import Iterator

import psycopg
import pytest

from api.embedded import Server, throwaway
from api.migrate import migrate
from tests import debian
from tests.waiting import until

PROGRAMS = debian.programs()
HAS_CRON = PROGRAMS is not None and debian.extension(PROGRAMS, "pg_cron").exists()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A migrated server that loads pg_cron where there is one, reached by its socket alone."""
    cron = {
        "shared_preload_libraries": "'pg_cron'",
        "cron.database_name": "'user_management'",
        "cron.use_background_workers": "on",
    }
    with throwaway({"fsync": "off", **(cron if HAS_CRON else {})}, PROGRAMS if HAS_CRON else None) as running:
        migrate(running.admin_dsn)
        yield running


def test_without_the_extension_the_function_says_what_to_do(server: Server) -> None:
    with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
        with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
            admin.execute("select admin.use_pg_cron()")
        assert "shared_preload_libraries" in str(refused.value.diag.message_hint)


@pytest.mark.slow
@pytest.mark.skipif(
    not HAS_CRON, reason="needs Debian's packages of PostgreSQL and pg_cron, such as postgresql-15-cron"
)
def test_pg_cron_runs_what_is_due(server: Server) -> None:
    with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
        admin.execute("create extension pg_cron")
        first = admin.execute("select admin.use_pg_cron('* * * * *')").fetchone()
        again = admin.execute("select admin.use_pg_cron('*/5 * * * *')").fetchone()
        assert first == again, "one job, whose schedule changes"
        jobs = admin.execute("select schedule, command, database from cron.job").fetchall()
        assert jobs == [("*/5 * * * *", "select admin.run_due_jobs()", "user_management")]
        admin.execute("select admin.use_pg_cron('* * * * *')")
        admin.execute("update app.jobs set next_run_at = private.now() - interval '1 day', last_run_at = null")
        due = "select count(*) from app.jobs where is_enabled and last_run_at is null"
        until(lambda: admin.execute(due).fetchone() == (0,), 90, "pg_cron's next minute")
