"""What the database says about itself: the facts that routes are made of, read in one go.

Nothing is decided here. `operations.py` turns the facts into routes or says why it can't.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, Connection, InternalError, ProgrammingError
from psycopg.rows import dict_row

ROUTE_SCHEMA = "api"
SEAM_SCHEMA = "http"
PROBLEM_TYPE = "problem_"
"""How the name of a composite type of schema `api` begins that holds the members of a problem; the code follows."""
_DEPLOYED = "select functions_digest from http.deployed"
_QUESTIONS = (
    "select * from http.routes()",
    "select * from http.types()",
    "select * from http.problems()",
    "select * from http.limits()",
    "select action from http.actions() where kind = 'event'",
    _DEPLOYED,
)
_READ_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ArgumentFacts:
    """One argument; `default` is an SQL expression with every name in full, `mode` as in pg_proc.proargmodes."""

    name: str | None
    mode: str
    type: int
    default: str | None


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One function of schema `api` or `http`; `kind` and `volatility` as in pg_proc."""

    signature: str
    schema: str
    name: str
    kind: str
    volatility: str
    is_strict: bool
    returns: int
    returns_set: bool
    arguments: tuple[ArgumentFacts, ...]
    comment: str | None
    callers: tuple[str, ...]
    is_executable: bool


@dataclass(frozen=True, slots=True)
class AttributeFacts:
    """One attribute of a composite type."""

    name: str
    type: int
    comment: str | None


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """One type; `kind` is array, relation, or a letter of pg_type.typtype (base, composite, domain, enum, pseudo)."""

    oid: int
    schema: str
    name: str
    kind: str
    base: int | None
    element: int | None
    modifier: int | None
    checks: tuple[str, ...]
    labels: tuple[str, ...]
    attributes: tuple[AttributeFacts, ...]
    comment: str | None

    @property
    def qualified(self) -> str:
        """Name for people, with its schema except for PostgreSQL's own types."""
        return self.name if self.schema == "pg_catalog" else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class ProblemFacts:
    """One registered error."""

    code: str
    status: int
    title: str
    hint: str


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """A named rate limit: `quota` requests in `period_seconds`."""

    name: str
    quota: int
    period_seconds: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """All facts of one moment. Two catalogs are equal when they would make the same routes."""

    functions: tuple[FunctionFacts, ...]
    types: dict[int, TypeFacts]
    problems: dict[str, ProblemFacts]
    limits: dict[str, LimitFacts]
    events: frozenset[str]
    digest: str | None

    def problem_types(self) -> list[int]:
        """The types that hold members of problems."""
        return [oid for oid, t in self.types.items() if t.schema == ROUTE_SCHEMA and t.name.startswith(PROBLEM_TYPE)]


async def read(connection: AsyncConnection[Any]) -> Catalog:
    """Read the facts on an autocommit connection, again if a deployment came between: they have to belong together.

    One snapshot would not do, because much of what PostgreSQL tells of a function it looks up beside the snapshot.
    """
    for attempt in range(_READ_ATTEMPTS):
        before = await read_digest(connection)
        try:
            async with connection.cursor(row_factory=dict_row) as cursor:
                answers = [await (await cursor.execute(query)).fetchall() for query in _QUESTIONS]
        except (InternalError, ProgrammingError):
            if attempt == _READ_ATTEMPTS - 1 or await read_digest(connection) == before:
                raise
            continue
        catalog = _assemble(*answers)
        if catalog.digest == before:
            break
    return catalog


async def read_digest(connection: AsyncConnection[Any]) -> str | None:
    """The digest of the functions that are deployed, or None before the first deployment."""
    row = await (await connection.execute(_DEPLOYED)).fetchone()
    return row[0] if row else None


def read_now(connection: Connection[Any]) -> Catalog:
    """The same on a blocking connection, in whatever transaction it is in: for commands and tests."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return _assemble(*(cursor.execute(query).fetchall() for query in _QUESTIONS))


def _assemble(
    functions: list[dict[str, Any]],
    types: list[dict[str, Any]],
    problems: list[dict[str, Any]],
    limits: list[dict[str, Any]],
    events: list[dict[str, Any]],
    deployed: list[dict[str, Any]],
) -> Catalog:
    return Catalog(
        functions=tuple(
            FunctionFacts(
                **row
                | {
                    "arguments": tuple(ArgumentFacts(**argument) for argument in row["arguments"]),
                    "callers": tuple(row["callers"]),
                }
            )
            for row in functions
        ),
        types={
            row["oid"]: TypeFacts(
                **row
                | {
                    "checks": tuple(row["checks"]),
                    "labels": tuple(row["labels"]),
                    "attributes": tuple(AttributeFacts(**attribute) for attribute in row["attributes"]),
                }
            )
            for row in types
        },
        problems={row["code"]: ProblemFacts(**row) for row in problems},
        limits={row["name"]: LimitFacts(**row) for row in limits},
        events=frozenset(row["action"] for row in events),
        digest=deployed[0]["functions_digest"] if deployed else None,
    )
