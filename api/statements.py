"""The SQL of a route, composed once: one statement, so one round trip and one transaction, for each call.

Each stage depends on the one before it: `http.enter` admits the request and names the role, the role
is switched only then, and the operation runs only under the switched role. A refusal is a null role,
which sets nothing and runs nothing, while what `enter` recorded commits. A repeated request is refused in the
same way, with the answer that `http.remember` stored after the operation had run the first time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from psycopg import sql

from api.catalog import ROUTE_SCHEMA, SEAM_SCHEMA
from api.operations import Argument, Operation

_ANSWER = sql.SQL(
    """\
select {body} as body
     , nullif(current_setting('response.status', true), '') as status
     , nullif(current_setting('response.problem', true), '') as problem
     , nullif(current_setting('response.headers', true), '') as headers
     , nullif(current_setting('response.claims', true), '') as claims
from ({admission} offset 0) s"""
)
_ENTRY = sql.SQL(
    """\
select case when e.role is not null then set_config('role', e.role, true) end as switched
      from (select {enter}({route}::regprocedure, $1::text::jsonb) as role offset 0) e"""
)
_ADMITTED = sql.SQL("case when s.switched is not null then {run} end")
_ADMITTED_ONCE = sql.SQL(
    "case when s.switched is not null then {run} else nullif(current_setting('response.replay', true), '') end"
)
_REMEMBERED = sql.SQL("{remember}({route}::regprocedure, $1::text::jsonb, {status}, {run})")
_TAGGED = sql.SQL("{tag}(row_to_json({call}))")
_FIRST_ARGUMENT = 2
"""Number of the first parameter after the context."""
_RESULTS = {
    "composite": sql.SQL("row_to_json({call})::text"),
    "scalar": sql.SQL("to_json({call})::text"),
    "void": sql.SQL("({call})::text"),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with numbered parameters, all text: first the request's context, then the arguments with these names.

    `name` is what the statement is prepared as: another text, another name.
    """

    query: bytes
    names: tuple[str, ...] = ()
    name: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", b"pgroster_" + sha256(self.query).hexdigest()[:24].encode())


VISIT = Statement(
    _ANSWER.format(
        body=sql.SQL("s.counted::text"), admission=sql.SQL("select http.count_visit($1::text::jsonb) as counted")
    ).as_bytes(None)
)
"""Counts a request that is for no function."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What one route sends. `door` only admits a request or refuses it; `prepare` asks for a password's facts."""

    call: Statement
    door: Statement
    prepare: Statement | None


def compose(operation: Operation) -> Statements:
    """Compose the statements of an operation."""
    values = [(a.name, _argument(a, position)) for position, a in enumerate(operation.arguments, _FIRST_ARGUMENT)]
    names = tuple(argument.name for argument in operation.arguments)
    call = _call(ROUTE_SCHEMA, operation.name, values)
    run = _RESULTS[operation.returns].format(call=call)
    if operation.is_versioned:
        run = _TAGGED.format(tag=sql.Identifier(SEAM_SCHEMA, "tag"), call=call)
    if operation.is_repeatable:
        run = _REMEMBERED.format(
            remember=sql.Identifier(SEAM_SCHEMA, "remember"),
            route=sql.Literal(operation.function),
            status=sql.Literal(operation.status),
            run=run,
        )
    return Statements(
        call=Statement(_frame(operation, _admitted(operation, run), is_fixed=True), names),
        door=Statement(_frame(operation, sql.SQL("s.switched"), is_fixed=False)),
        prepare=_prepare(operation),
    )


def _frame(operation: Operation, body: sql.Composable, is_fixed: bool) -> bytes:
    # Without the operation in it, nothing tells PostgreSQL to plan a statement again when the function is replaced,
    # so its id is looked up at each call.
    route = sql.Literal(operation.function) + (sql.SQL("") if is_fixed else sql.SQL("::text"))
    entry = _ENTRY.format(enter=sql.Identifier(SEAM_SCHEMA, "enter"), route=route)
    return _ANSWER.format(body=body, admission=entry).as_bytes(None)


def _prepare(operation: Operation) -> Statement | None:
    if not operation.passwords:
        return None
    facts: list[sql.Composable] = []
    names: list[str] = []
    for tag, precall in operation.precalls.items():
        first = _FIRST_ARGUMENT + len(names)
        values = [(name, _typed(type_name, n)) for n, (name, _, type_name) in enumerate(precall.arguments, first)]
        names += [request_name for _, request_name, _ in precall.arguments]
        facts.append(sql.SQL("{}, to_json({})").format(sql.Literal(tag), _call(SEAM_SCHEMA, precall.function, values)))
    run = sql.SQL("json_build_object({})::text").format(sql.SQL(", ").join(facts))
    return Statement(_frame(operation, _admitted(operation, run), is_fixed=False), tuple(names))


def _admitted(operation: Operation, run: sql.Composed) -> sql.Composed:
    return (_ADMITTED_ONCE if operation.is_repeatable else _ADMITTED).format(run=run)


def _call(schema: str, function: str, arguments: Sequence[tuple[str, sql.Composable]]) -> sql.Composed:
    return sql.SQL("{}({})").format(
        sql.Identifier(schema, function),
        sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(name), value) for name, value in arguments),
    )


def _argument(argument: Argument, position: int) -> sql.Composable:
    value = _typed(argument.type_name, position)
    if argument.default is None or argument.is_nullable:
        return value
    # The default comes from the catalog, written by PostgreSQL with every name in full.
    default = sql.SQL(argument.default)
    return sql.SQL("coalesce({}, {})::{}").format(value, default, sql.Identifier(*argument.type_name))


def _typed(type_name: tuple[str, str], position: int) -> sql.Composed:
    # Text first, so that the parameter's own type never changes and the value is read under the switched role.
    parameter = sql.SQL(f"${position}")
    return sql.SQL("{}::text::{}").format(parameter, sql.Identifier(*type_name))
