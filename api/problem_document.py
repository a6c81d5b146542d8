"""Problems in the OpenAPI document: the members that all have, and those that some have besides."""

from collections.abc import Collection, Mapping

from api.catalog import PROBLEM_TYPE
from api.checks import Schema

PROBLEM = "Problem"
PROBLEM_SCHEMA: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The code as a URI."},
        "title": {"type": "string", "description": "What the code means."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "Stable name of the error, for programs."},
        "detail": {"type": "string", "description": "What to do about it."},
        "request_id": {"type": "string", "description": "The X-Request-Id of this request."},
        "errors": {
            "type": "array",
            "description": "The fields that do not fit, all of them.",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Name of the field; empty for the whole request."},
                    "code": {"type": "string", "description": "Which rule it breaks."},
                    "message": {"type": "string", "description": "What it should be."},
                },
            },
        },
    },
}


def component(name: str, schema: Schema) -> Schema:
    """A composite type as the document has it; the members of a problem stand beside those that every problem has."""
    if not name.startswith(PROBLEM_TYPE):
        return schema
    return {
        "type": "object",
        "description": schema["description"],
        "required": [*PROBLEM_SCHEMA["required"], *schema["required"]],
        "properties": PROBLEM_SCHEMA["properties"] | schema["properties"],
    }


def problem(codes: Collection[str], components: Mapping[str, Schema]) -> Schema:
    """The body of a refusal with one of these codes."""
    special = [f"{PROBLEM_TYPE}{code}" for code in sorted(codes) if f"{PROBLEM_TYPE}{code}" in components]
    return {"anyOf": [_reference(name) for name in (*special, PROBLEM)]} if special else _reference(PROBLEM)


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
