"""A log that is restored into another cluster, where transaction ids begin anew."""

import subprocess
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from api.embedded import Server, throwaway
from tests.faults import own_server
from tests.sealing import chain, seal, value, verify, write


@pytest.mark.parametrize("is_far_ahead", [False, True], ids=["with lower ids", "whose ids have passed by already"])
def test_a_log_that_moves_to_another_cluster_is_sealed_on(is_far_ahead: bool) -> None:
    """BR-213: transaction ids begin anew there; what was sealed still holds, and what was not gets its seal."""
    with throwaway({"fsync": "off"}) as new, own_server({"fsync": "off"}) as old:
        with psycopg.connect(old.admin_dsn, autocommit=True) as admin:
            burn(admin, 20000)
            write(admin, 10)
            with psycopg.connect(old.admin_dsn) as slow:
                write(slow)
                slow.rollback()
                write(slow)
                write(admin, 5)
                seal(admin)
                slow.commit()
            write(admin, 3)
            before = verify(admin)
            assert before.is_intact and (before.unsealed or 0) > 8
        move(old, new)
        with psycopg.connect(new.admin_dsn, autocommit=True) as admin:
            moved = verify(admin)
            assert (moved.is_intact, moved.rows) == (True, before.rows)
            write(admin, 4)
            if is_far_ahead:
                burn(admin, 30000)
            assert verify(admin).is_intact
            seal(admin)
            write(admin, 4)
            seal(admin)
            after = verify(admin)
            assert (after.is_intact, after.unsealed) == (True, 0), (after, chain(admin))
            assert after.rows == value(admin, "select count(*) from audit.audit_logs")
            assert value(admin, "select array_agg(distinct epoch order by epoch) from audit.seals") == [1, 2]
            with admin.transaction(force_rollback=True):
                admin.execute("set local session_replication_role = replica")
                admin.execute("delete from audit.audit_logs where id = (select min(id) + 3 from audit.audit_logs)")
                assert verify(admin).problem == "row_missing"
            with admin.transaction(force_rollback=True):
                admin.execute("set local session_replication_role = replica")
                admin.execute(
                    "insert into audit.audit_logs (id, occurred_at, transaction_id, action, database_role)"
                    " select min(id) - 1, now(), '18446744073709551614', 'login.failed', 'x' from audit.audit_logs"
                    " where id > 1 and id - 1 not in (select id from audit.audit_logs)"
                )
                assert verify(admin).problem == "row_added", "behind the end of the old epoch"


def burn(connection: psycopg.Connection[Any], transactions: int) -> None:
    """Use up transaction ids."""
    loop = "do $$ begin for n in 1..{} loop perform pg_current_xact_id(); commit; end loop; end $$"
    connection.execute(sql.SQL(loop).format(transactions))


def move(old: Server, new: Server) -> None:
    """Take a database to another cluster as operators do: with pg_dumpall's roles, and pg_dump."""
    name = str(conninfo_to_dict(old.admin_dsn)["dbname"])
    for program, options in (("pg_dumpall", ["--roles-only"]), ("pg_dump", ["--dbname", name])):
        dump = run(old, program, options, b"")
        run(new, "psql", ["--quiet", "--dbname", name], dump)


def run(server: Server, program: str, options: list[str], given: bytes) -> bytes:
    """What a client program prints."""
    host = str(conninfo_to_dict(server.admin_dsn)["host"])
    command = [str(server.bin_dir / program), "--host", host, "--username", "postgres", *options]
    return subprocess.run(command, input=given, check=True, capture_output=True).stdout
