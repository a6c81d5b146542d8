"""The document: valid, complete, and true."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.catalog import ROUTE_SCHEMA
from api.openapi import document
from api.operations import OperationSet
from tests.databases import TestDatabase
from tests.people import Person, client_of, member
from tests.probes import composed
from tests.server import Service

ORIGIN = "https://accounts.example.org"


@pytest.fixture(scope="module")
def routes(module_database: TestDatabase) -> OperationSet:
    """The routes of this repository's functions."""
    return composed(module_database.admin)


@pytest.fixture(scope="module")
def described(routes: OperationSet) -> dict[str, Any]:
    """Their document, as a client reads it."""
    loaded: dict[str, Any] = json.loads(json.dumps(document(routes, ORIGIN)))
    return loaded


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and object of every operation."""
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_the_document_is_valid_openapi_3_1(described: dict[str, Any]) -> None:
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in OpenAPIV31SpecValidator(described).iter_errors()]
    assert errors == []


def test_every_function_is_a_route_in_the_document(module_database: TestDatabase, described: dict[str, Any]) -> None:
    rows = module_database.admin.execute(
        "select proname from pg_proc where pronamespace = %s::regnamespace", [ROUTE_SCHEMA]
    ).fetchall()
    names = {operation["operationId"] for _, _, operation in operations(described)}
    assert {name for (name,) in rows} <= names


def test_every_operation_is_described(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(described):
        assert operation["summary"].endswith("."), path
        assert operation["tags"], path
        assert any(status.startswith("2") for status in operation["responses"]), path
        assert all(response["description"] for response in operation["responses"].values()), (method, path)


def test_every_field_of_an_answer_says_what_it_is(described: dict[str, Any]) -> None:
    for name, schema in described["components"]["schemas"].items():
        assert schema["description"], name
        for field, property_ in schema["properties"].items():
            assert property_.get("description"), f"{name}.{field}"


def test_who_may_call_a_route_stands_in_the_document(routes: OperationSet, described: dict[str, Any]) -> None:
    for operation in routes.operations:
        told = described["paths"][operation.tags.path][operation.tags.method.lower()]
        keys: list[dict[str, Any]] = [{"api_key": []}] if operation.takes_api_keys else []
        assert told["security"] == ([] if operation.is_anonymous else [{"bearer": []}, *keys])
        assert ("401" in told["responses"]) or operation.is_anonymous, operation.function
        if operation.tags.permission is not None:
            assert operation.tags.permission in told["description"]
            assert "403" in told["responses"]


def test_every_code_that_a_route_declares_stands_in_the_document(
    routes: OperationSet, described: dict[str, Any]
) -> None:
    for operation in routes.operations:
        told = described["paths"][operation.tags.path][operation.tags.method.lower()]["responses"]
        for code in operation.tags.errors:
            another, _, code = code.rpartition(":")
            status = another or (code if code.isdigit() else str(routes.catalog.problems[code].status))
            assert status in told, operation.function
            assert code.isdigit() or f"`{code}`" in told[status]["description"], operation.function
        assert {"422", "429", "500", "503"} <= told.keys()


def test_header_parameters_go_by_their_own_names(described: dict[str, Any]) -> None:
    headers = {p["name"] for _, _, o in operations(described) for p in o.get("parameters", []) if p["in"] == "header"}
    assert "If-Match" in headers
    assert all(name[0].isupper() for name in headers)


def test_a_password_is_write_only_and_its_hash_is_no_field(routes: OperationSet, described: dict[str, Any]) -> None:
    guarded = [operation for operation in routes.operations if operation.passwords]
    assert len(guarded) >= 2
    for operation in guarded:
        body = described["paths"][operation.tags.path][operation.tags.method.lower()]["requestBody"]
        properties = body["content"]["application/json"]["schema"]["properties"]
        for password in operation.passwords:
            assert properties[password.key]["writeOnly"] is True
            assert password.argument not in properties


def test_examples_fit_their_schemas(described: dict[str, Any]) -> None:
    def walk(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "examples" in value:
                yield value
            for item in value.values():
                yield from walk(item)
        elif isinstance(value, list):
            for item in value:
                yield from walk(item)

    found = list(walk(described))
    assert found
    for schema in found:
        for example in schema["examples"]:
            assert jsonschema_rs.is_valid(schema, example), schema


def fits(described: dict[str, Any], answer: httpx.Response, path: str, method: str) -> None:
    """The answer is one that the document promises for the route."""
    promised = described["paths"][path][method]["responses"]
    assert str(answer.status_code) in promised, f"{method} {path} answered {answer.status_code}"
    content = promised[str(answer.status_code)].get("content")
    if content is None:
        assert answer.content == b""
        return
    (media_type, body), *_ = content.items()
    assert answer.headers["content-type"] == media_type
    schema = body["schema"] | {"components": described["components"]}
    jsonschema_rs.validate(schema, answer.json(), validate_formats=True)


def test_answers_are_what_the_document_says(shared_service: Service) -> None:
    client = client_of(shared_service)
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"].startswith("application/openapi+json")
    described = answer.json()
    ann = Person(shared_service)
    fits(described, ann.register(), "/v1/auth/register", "post")
    fits(described, ann.register(), "/v1/auth/register", "post")
    fits(described, ann.login(password="not the password of Ann"), "/v1/auth/login", "post")
    fits(described, ann.login(), "/v1/auth/login", "post")
    fits(described, ann.refresh(), "/v1/auth/refresh", "post")
    fits(described, ann.get("/v1/me"), "/v1/me", "get")
    fits(described, ann.get("/v1/me?x=1"), "/v1/me", "get")
    fits(described, ann.get("/v1/me/sessions"), "/v1/me/sessions", "get")
    fits(described, ann.get("/v1/users"), "/v1/users", "get")
    fits(described, client.get("/v1/me"), "/v1/me", "get")
    fits(described, ann.request("PATCH", "/v1/me", json={"first_name": "Ann"}), "/v1/me", "patch")
    fits(described, ann.request("PATCH", "/v1/me", json={"phone": "1"}), "/v1/me", "patch")
    for path in ("/health/live", "/health/ready", "/.well-known/jwks.json"):
        fits(described, client.get(path), path, "get")


def test_the_document_and_its_page_need_nothing_from_elsewhere(shared_service: Service) -> None:
    client = client_of(shared_service)
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text.replace("https://", "http").split("<html", 1)[1] or "://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for source in ("/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"):
        assert source in page.text
        assert client.get(source).status_code == 200
    for missing in ("/docs/..%2fsettings.py", "/docs/core.py", "/docs/x/y"):
        assert client.get(missing).status_code == 404


def test_a_client_that_has_the_document_does_not_get_it_again(shared_service: Service) -> None:
    client = client_of(shared_service)
    etag = client.get("/openapi.json").headers["etag"]
    again = client.get("/openapi.json", headers={"If-None-Match": f'W/"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert member(shared_service).get("/v1/me", headers={"If-None-Match": "*"}).status_code == 304
