"""Types of the catalog as JSON Schema (draft 2020-12, which OpenAPI 3.1 uses)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from api.catalog import ROUTE_SCHEMA, AttributeFacts, TypeFacts
from api.checks import Schema, UntranslatableError, to_keywords

_PLAIN: dict[str, Schema] = {
    "bool": {"type": "boolean"},
    "int2": {"type": "integer", "minimum": -(2**15), "maximum": 2**15 - 1},
    "int4": {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int8": {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    "numeric": {"type": "number"},
    "float4": {"type": "number", "format": "float"},
    "float8": {"type": "number", "format": "double"},
    "text": {"type": "string"},
    "varchar": {"type": "string"},
    "bpchar": {"type": "string"},
    "name": {"type": "string", "maxLength": 63},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "timestamptz": {"type": "string", "format": "date-time"},
    "inet": {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
    "jsonb": {"type": "object"},
}
_TIGHTER: dict[str, Callable[..., Any]] = {"minimum": max, "minLength": max, "maximum": min, "maxLength": min}
_NULLABLE = re.compile(r"\s*\(nullable\)")
_SECRET = re.compile(r"\s*\(secret\)")
"""Marks of comments: an attribute may be null; an attribute or a domain is a secret."""
_VARCHAR_HEADER = 4
"""A varchar's modifier is its length plus the size of a header (pg_attribute.atttypmod)."""


class UnsupportedTypeError(Exception):
    """A type that no schema can be made of; the message says which and why."""


@dataclass(slots=True)
class Types:
    """Schemas of the catalog's types; composites met on the way are collected as components by name."""

    facts: dict[int, TypeFacts]
    components: dict[str, Schema] = field(default_factory=dict)

    def base(self, oid: int) -> TypeFacts:
        """The type below all domains."""
        facts = self.facts[oid]
        while facts.kind == "d" and facts.base is not None:
            facts = self.facts[facts.base]
        return facts

    def schema(self, oid: int) -> Schema:
        """The schema of a value of that type, never null. Raises UnsupportedTypeError."""
        facts = self.facts[oid]
        match facts.kind:
            case "d":
                return self._domain(facts)
            case "e":
                return _described({"type": "string", "enum": list(facts.labels)}, facts.comment)
            case "array" if facts.element is not None:
                return {"type": "array", "items": self.schema(facts.element)}
            case "c":
                return self._composite(facts)
            case "b" if facts.schema == "pg_catalog" and facts.name in _PLAIN:
                return dict(_PLAIN[facts.name])
        if facts.name == "json":
            raise UnsupportedTypeError("type json has no schema; use jsonb (a JSON object) or a composite type")
        raise UnsupportedTypeError(f"type {facts.qualified} has no schema")

    def is_secret(self, oid: int, seen: frozenset[int] = frozenset()) -> bool:
        """Whether values of that type are secrets or hold one: their comments say so."""
        facts = self.facts[oid]
        if facts.kind == "d" and _SECRET.search(facts.comment or ""):
            return True
        parts = [a.type for a in facts.attributes] + [part for part in (facts.base, facts.element) if part is not None]
        return any(_SECRET.search(a.comment or "") for a in facts.attributes) or any(
            self.is_secret(part, seen | {oid}) for part in parts if part not in seen
        )

    def _domain(self, facts: TypeFacts) -> Schema:
        if facts.base is None:
            raise UnsupportedTypeError(f"type {facts.qualified} has no schema")
        base = self.schema(facts.base)
        base.pop("description", None)
        checks: list[Schema] = []
        if facts.modifier is not None and self.facts[facts.base].name in ("varchar", "bpchar"):
            checks.append({"maxLength": facts.modifier - _VARCHAR_HEADER})
        for check in facts.checks:
            try:
                checks += to_keywords(check)
            except UntranslatableError as error:
                raise UnsupportedTypeError(f"domain {facts.qualified}: {error}") from error
        return _described(_tightened(base, checks), facts.comment)

    def _composite(self, facts: TypeFacts) -> Schema:
        if facts.schema != ROUTE_SCHEMA:
            raise UnsupportedTypeError(f"composite type {facts.qualified} is not in schema {ROUTE_SCHEMA}")
        reference = {"$ref": f"#/components/schemas/{facts.name}"}
        if facts.name not in self.components:
            self.components[facts.name] = {}  # before its attributes, one of which may lead back here
            self.components[facts.name] = _described(
                {
                    "type": "object",
                    "properties": {a.name: self._attribute(facts, a) for a in facts.attributes},
                    "required": [a.name for a in facts.attributes],
                    "additionalProperties": False,
                },
                facts.comment,
            )
        return reference

    def _attribute(self, owner: TypeFacts, attribute: AttributeFacts) -> Schema:
        comment = attribute.comment or ""
        if self.base(attribute.type).name in ("json", "jsonb") and not comment:
            raise UnsupportedTypeError(
                f"attribute {attribute.name} of {owner.qualified} is bare JSON; "
                "use a composite type, or jsonb with a comment that says what the object holds"
            )
        try:
            schema = self.schema(attribute.type)
        except UnsupportedTypeError as error:
            raise UnsupportedTypeError(f"attribute {attribute.name} of {owner.qualified}: {error}") from error
        if _NULLABLE.search(comment):
            schema = nullable(schema)
            comment = _NULLABLE.sub("", comment)
        return _described(schema, comment)


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    if "$ref" in schema or "allOf" in schema or "anyOf" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    result = schema | {"type": [schema["type"], "null"]}
    if "enum" in schema:
        result["enum"] = [*schema["enum"], None]
    return result


def _tightened(base: Schema, checks: list[Schema]) -> Schema:
    """The base type's schema with checks on top: the tighter bound stays, a check's type replaces the base's."""
    merged = dict(base)
    for keyword, value in (item for check in checks for item in check.items()):
        if keyword not in merged or keyword == "type":
            merged[keyword] = value
        elif keyword in _TIGHTER:
            merged[keyword] = _TIGHTER[keyword](merged[keyword], value)
        else:
            merged["allOf"] = [*merged.get("allOf", []), {keyword: value}]
    return merged


def _described(schema: Schema, comment: str | None) -> Schema:
    return schema | {"description": _SECRET.sub("", comment)} if comment else schema
