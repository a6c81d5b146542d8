"""Functions of schema api that tests make in a transaction, and the routes that come of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from api.catalog import read_now
from api.operations import CatalogError, Operation, OperationSet, compose
from api.service import RESERVED
from tests.databases import TestDatabase

Connection = psycopg.Connection[Any]
STABLE = "language plpgsql stable"
GET = "@http GET /v1/probes/{id}"


@dataclass(frozen=True)
class Probe:
    """A function of schema api called probe, declared by its parts; `more` and `after` are SQL around it."""

    arguments: str = "id uuid"
    returns: str = "void"
    attributes: str = "language plpgsql volatile"
    body: str = "begin end"
    tags: str = "@http POST /v1/probes/{id}"
    text: str = "\n\nA summary.\n\nAnd more."
    callers: str = "roster_user"
    more: str = ""
    after: str = ""

    def sql(self) -> str:
        """The statements that make it."""
        types = "(select oid::regprocedure from pg_proc where proname = 'probe' order by oid desc limit 1)"
        grant = f"execute format('grant execute on function %s to {self.callers}', {types});" if self.callers else ""
        return f"""
            {self.more};
            create function api.probe({self.arguments}) returns {self.returns} {self.attributes} as $f$ {self.body} $f$;
            do $do$ begin
              execute format('comment on function %s is %L', {types}, $c$\n{self.tags}{self.text}\n$c$);
              execute format('revoke execute on function %s from public', {types});
              {grant}
            end $do$;
            {self.after};
        """


@pytest.fixture
def connection(module_database: TestDatabase) -> Iterator[Connection]:
    """A transaction on a migrated database, as the owner of its functions; rolled back."""
    with psycopg.connect(module_database.admin_dsn) as connection:
        connection.execute("set local role roster_owner")
        yield connection
        connection.rollback()


def composed(connection: Connection, *statements: str) -> OperationSet:
    """The routes after some SQL."""
    for statement in statements:
        connection.execute(statement.encode())
    return compose(read_now(connection), RESERVED)


def reasons(connection: Connection, *statements: str) -> list[str]:
    """Why the routes are refused after some SQL; none if they are not."""
    try:
        composed(connection, *statements)
    except CatalogError as error:
        return error.reasons
    return []


def route_of(connection: Connection, probe: Probe) -> Operation:
    """The route that a probe makes."""
    return next(o for o in composed(connection, probe.sql()).operations if o.name == "probe")
