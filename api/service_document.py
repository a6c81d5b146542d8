"""The service's own routes as the OpenAPI document tells them."""

from typing import Any

from api import links

_LIMIT_HEADERS = ("RateLimit-Policy", "RateLimit")


def _get(
    name: str,
    summary: str,
    responses: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
    is_limited: bool = True,
) -> dict[str, Any]:
    if is_limited:
        responses = responses | {"429": _problem("Too many requests.", "Retry-After")}
    names = ("X-Request-Id", *(_LIMIT_HEADERS if is_limited else ()))
    for response in responses.values():
        response["headers"] = response.get("headers", {}) | header_references(names)
    operation = {"operationId": name, "summary": summary, "parameters": parameters or [], "responses": responses}
    return {"get": {"tags": ["service"], "security": []} | operation}


def header_references(names: tuple[str, ...]) -> dict[str, Any]:
    """The headers of an answer, which are described once for all."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(description: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _problem(description: str, *headers: str) -> dict[str, Any]:
    answer = _content(description, "application/problem+json", {"$ref": "#/components/schemas/Problem"})
    return answer | {"headers": header_references(headers)}


_VERSION = {"headers": header_references(("ETag",))}
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
        is_limited=False,
    ),
    "/health/ready": _get(
        "ready",
        "Tell whether requests can be answered.",
        {
            "200": _content("Ready.", "application/json", _READINESS),
            "503": _content("Not ready; the report says why.", "application/json", _READINESS),
        },
        is_limited=False,
    ),
    "/metrics": _get(
        "metrics",
        "Return what the service counts, for Prometheus.",
        {
            "200": _content("The figures.", "text/plain", {"type": "string"}),
            "404": _problem("They are not for this client."),
        },
        is_limited=False,
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
            "200": _content("The document.", "application/openapi+json", {"type": "object"}) | _VERSION,
            "304": {"description": "Not changed."} | _VERSION,
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
            "404": _problem("No mail has such a link."),
        },
        [{"name": "action", "in": "path", "required": True, "schema": {"enum": sorted(links.page().actions)}}],
    ),
}
