"""Functions of schema `api` as HTTP operations: each fact of the catalog turned into what it means for a request.

A set of functions with any mistake in it makes no operations at all; `CatalogError` lists every
mistake as `function: reason`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from api import refusals
from api.catalog import ROUTE_SCHEMA, SEAM_SCHEMA, Catalog, FunctionFacts
from api.checks import Schema
from api.grammar import GrammarError, Password, Place, Tags, parse
from api.password_rules import LENGTH_LEAST, LENGTH_MIN
from api.schemas import Types, UnsupportedTypeError, nullable

Encoding = Literal["text", "boolean", "integer", "number", "json", "array"]

_NULL_DEFAULT = re.compile(r"NULL(::.*)?", re.DOTALL)
_ENCODINGS: dict[str, Encoding] = {
    "bool": "boolean",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "numeric": "number",
    "float4": "number",
    "float8": "number",
    "jsonb": "json",
}


class CatalogError(Exception):
    """The functions do not make a set of routes; `reasons` has one line a mistake."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an operation: where a request carries it and how it travels to the database (as text)."""

    name: str
    type_name: tuple[str, str]
    default: str | None
    is_nullable: bool
    place: Place
    schema: Schema
    encoding: Encoding
    items: Encoding

    @property
    def required(self) -> bool:
        """Whether a request has to carry it."""
        return self.default is None


@dataclass(frozen=True, slots=True)
class Precall:
    """A function that is called before the operation; the names are the request's arguments, the types its own."""

    function: str
    arguments: tuple[tuple[str, str, tuple[str, str]], ...]
    """(its argument's name, the request's argument's name, its argument's type)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: everything that binding, calling and documenting it needs."""

    function: str
    name: str
    tags: Tags
    arguments: tuple[Argument, ...]
    returns: Literal["void", "composite", "scalar"]
    answer: Schema | None
    status: int
    is_session: bool
    is_anonymous: bool
    callers: tuple[str, ...]
    precalls: dict[str, Precall]
    password_length_min: int
    """Characters that a new password has at least; the function that knows its owner may ask for more."""

    @property
    def key(self) -> tuple[str, str]:
        """What requests find it by."""
        return self.tags.method, self.tags.path

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing but counters and, where it is audited, the log."""
        return self.tags.method == "GET"

    @property
    def passwords(self) -> list[Password]:
        """The passwords and codes of its body."""
        return list(self.tags.tagged.values())

    @property
    def takes_api_keys(self) -> bool:
        """Whether an API key may call it, scope permitting."""
        return not self.is_anonymous and (self.tags.permission is not None or self.tags.api_keys is not None)

    def at(self, *places: Place) -> list[Argument]:
        """The arguments that a request carries in these places."""
        return [argument for argument in self.arguments if argument.place in places]


@dataclass(frozen=True, slots=True)
class OperationSet:
    """All routes of one catalog, with the composite types that they return."""

    catalog: Catalog
    operations: tuple[Operation, ...]
    components: dict[str, Schema]


def compose(catalog: Catalog, reserved: tuple[str, ...]) -> OperationSet:
    """Make the routes of a catalog. `reserved`: first path segments that belong to the service itself.

    Raises CatalogError with one line for each mistake.
    """
    types = Types(catalog.types)
    for oid in catalog.problem_types():
        types.schema(oid)
    seam = {f.name: f for f in catalog.functions if f.schema == SEAM_SCHEMA}
    operations: list[Operation] = []
    reasons = [f"{SEAM_SCHEMA}: {reason}" for reason in refusals.of_registry(catalog)]
    reasons += refusals.of_problem_types(catalog)
    candidates = [f for f in catalog.functions if f.schema == ROUTE_SCHEMA]
    overloaded = {f.name for f in candidates if sum(g.name == f.name for g in candidates) > 1}
    for function in candidates:
        mistakes = list(refusals.of_function(function, overloaded))
        try:
            tags = parse(function.comment)
        except GrammarError as error:
            reasons += [f"{function.signature}: {reason}" for reason in [*mistakes, str(error)]]
            continue
        mistakes += refusals.of_tags(function, tags, catalog, reserved)
        mistakes += refusals.of_arguments(function, tags, types)
        mistakes += refusals.of_passwords(function, tags, types, seam)
        mistakes += refusals.of_result(function, tags, types)
        try:
            arguments = tuple(_arguments(function, tags, types)) if not mistakes else ()
            operation = _operation(function, tags, types, arguments, seam) if not mistakes else None
        except UnsupportedTypeError as error:
            mistakes.append(str(error))
            operation = None
        if operation is not None:
            operations.append(operation)
        reasons += [f"{function.signature}: {reason}" for reason in mistakes]
    reasons += refusals.of_paths([(o.function, o.tags) for o in operations])
    if reasons:
        raise CatalogError(reasons)
    return OperationSet(catalog, tuple(operations), types.components)


def _operation(
    function: FunctionFacts, tags: Tags, types: Types, arguments: tuple[Argument, ...], seam: dict[str, FunctionFacts]
) -> Operation:
    result = types.facts[function.returns]
    is_void = result.name == "void"
    return Operation(
        function=function.signature,
        name=function.name,
        tags=tags,
        arguments=arguments,
        returns="void" if is_void else "composite" if result.kind == "c" else "scalar",
        answer=None if is_void else types.schema(function.returns),
        status=tags.status or (204 if is_void else 200),
        is_session=result.kind == "c" and result.name == "session",
        is_anonymous="roster_anonymous" in function.callers,
        callers=function.callers,
        precalls={
            name: _precall(password.precall.arguments, seam[password.precall.function], types)
            for name, password in tags.tagged.items()
            if password.precall is not None
        },
        password_length_min=_password_length_min(tags, types, seam),
    )


def _password_length_min(tags: Tags, types: Types, seam: dict[str, FunctionFacts]) -> int:
    if tags.hash is None or tags.hash.precall is None:
        return LENGTH_MIN
    returned = types.facts[seam[tags.hash.precall.function].returns]
    return LENGTH_LEAST if returned.kind == "c" else LENGTH_MIN


def _precall(names: tuple[str, ...], function: FunctionFacts, types: Types) -> Precall:
    parts = []
    for name, argument in zip(names, function.arguments, strict=True):
        facts = types.facts[argument.type]
        parts.append((argument.name or "", name, (facts.schema, facts.name)))
    return Precall(function.name, tuple(parts))


def _arguments(function: FunctionFacts, tags: Tags, types: Types) -> Iterator[Argument]:
    for facts in function.arguments:
        declared = types.facts[facts.type]
        base = types.base(facts.type)
        element = types.base(base.element) if base.element is not None and base.kind == "array" else base
        schema = types.schema(facts.type)
        is_nullable = facts.default is not None and _NULL_DEFAULT.fullmatch(facts.default) is not None
        yield Argument(
            name=facts.name or "",
            type_name=(declared.schema, declared.name),
            default=facts.default,
            is_nullable=is_nullable,
            place=tags.place_of(facts.name or ""),
            schema=nullable(schema) if is_nullable else schema,
            encoding="array" if base.kind == "array" else _ENCODINGS.get(base.name, "text"),
            items=_ENCODINGS.get(element.name, "text"),
        )
