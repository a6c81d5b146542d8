"""The service's own routes as the OpenAPI document tells them."""

from typing import Any

from api import links

_UNLIMITED: dict[str, Any] = {"tags": ["service"], "security": []}


def _get(
    name: str, summary: str, responses: dict[str, Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    operation = {"operationId": name, "summary": summary, "parameters": parameters or [], "responses": responses}
    return {"get": _UNLIMITED | operation}


def _content(description: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


_READINESS = {
    "type": "object",
    "required": ["status", "routes", "keys"],
    "properties": {
        "status": {"type": "string", "enum": ["ready", "stale", "unavailable"]},
        "database": {"type": "object"},
        "functions": {"type": "object"},
        "routes": {"type": "object"},
        "keys": {"type": "object"},
        "reason": {"type": "string"},
    },
}
SERVICE_PATHS: dict[str, dict[str, Any]] = {
    "/health/live": _get(
        "live",
        "Tell whether the process runs.",
        {
            "200": _content(
                "It runs.",
                "application/json",
                {"type": "object", "required": ["status"], "properties": {"status": {"const": "live"}}},
            )
        },
    ),
    "/health/ready": _get(
        "ready",
        "Tell whether requests can be answered.",
        {
            "200": _content("Ready.", "application/json", _READINESS),
            "503": _content("Not ready; the report says why.", "application/json", _READINESS),
        },
    ),
    "/.well-known/jwks.json": _get(
        "jwks",
        "Return the public keys of access tokens (RFC 7517).",
        {
            "200": _content(
                "The keys.",
                "application/jwk-set+json",
                {
                    "type": "object",
                    "required": ["keys"],
                    "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
                },
            )
        },
    ),
    "/openapi.json": _get(
        "openapi",
        "Return this document.",
        {
            "200": _content("The document.", "application/openapi+json", {"type": "object"}),
            "304": {"description": "Not changed."},
        },
    ),
    "/docs": _get(
        "docs", "Show this document as a page.", {"200": _content("The page.", "text/html", {"type": "string"})}
    ),
    f"{links.PATH}/{{action}}": _get(
        "account",
        "Show the page that links in mails lead to; it sends the mailed token on when its button is pressed.",
        {
            "200": _content("The page.", "text/html", {"type": "string"}),
            "404": {"description": "No mail has such a link."},
        },
        [{"name": "action", "in": "path", "required": True, "schema": {"enum": sorted(links.page().actions)}}],
    ),
}
