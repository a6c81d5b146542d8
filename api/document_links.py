"""How one answer leads to the next request, as OpenAPI links: found by paths and names, never written down.

What stands at `/things` or `/things/{id}` and has an `id` leads to every route below `/things/{id}`; an answer with a
`refresh_token` leads to the routes whose body takes one.
"""

from collections.abc import Iterator
from typing import Any

from api.checks import Schema
from api.operations import Operation, OperationSet


def links(operation: Operation, routes: OperationSet) -> dict[str, dict[str, Any]]:
    """The links of an operation's success, by the name of the operation that each leads to."""
    if operation.answer is None:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for other in routes.operations:
        parameters = dict(_parameters(operation, other, routes))
        body = dict(_body(operation, other, routes))
        if other is not operation and (parameters or body):
            found[other.name] = {"operationId": other.name} | ({"parameters": parameters} if parameters else {})
            found[other.name] |= {"requestBody": body} if body else {}
    return found


def _parameters(operation: Operation, other: Operation, routes: OperationSet) -> Iterator[tuple[str, str]]:
    """The first placeholder below the operation's path, or its own last one, and where the answer has its value."""
    own, below = operation.tags.segments, other.tags.segments
    if own[-1].startswith("{"):
        own = own[:-1]
    if below[: len(own)] != own or len(below) == len(own) or not below[len(own)].startswith("{"):
        return
    name = below[len(own)].strip("{}")
    pointer = _pointer(operation, name, routes)
    if pointer is not None:
        yield name, pointer
        yield from ((earlier, f"$request.path.{earlier}") for earlier in operation.tags.placeholders if earlier != name)


def _body(operation: Operation, other: Operation, routes: OperationSet) -> Iterator[tuple[str, str]]:
    """The secrets that the answer hands out and the other takes back."""
    for argument in other.at("body"):
        pointer = _pointer(operation, argument.name, routes) if argument.is_secret else None
        if pointer is not None:
            yield argument.name, pointer


def _pointer(operation: Operation, name: str, routes: OperationSet) -> str | None:
    """Where an answer has a value of that name: in itself, or in the first item of its list."""
    answer = _properties(operation.answer or {}, routes)
    if name in answer:
        return f"$response.body#/{name}"
    if name in _properties(answer.get("items", {}).get("items", {}), routes):
        return f"$response.body#/items/0/{name}"
    return None


def _properties(schema: Schema, routes: OperationSet) -> dict[str, Schema]:
    found: dict[str, Schema] = routes.components.get(schema.get("$ref", "").rpartition("/")[2], {}).get(
        "properties", {}
    )
    return found
