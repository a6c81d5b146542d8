"""Functions become routes, or the service says which one does not and why."""

import pytest

from tests.probes import GET, STABLE, Connection, Probe, connection, reasons, route_of

__all__ = ["connection"]

COLUMN = "comment on column api.shape.a is 'A thing.'"


def shape(attribute: str, comment: str = COLUMN) -> dict[str, str]:
    """A probe that returns a composite type of its own."""
    return {"more": f"create type api.shape as (a {attribute}); {comment}", "returns": "api.shape"}


GRAMMAR: dict[str, tuple[Probe, str]] = {
    "no comment": (Probe(after="do $do$ begin comment on function api.probe(uuid) is null; end $do$"), "@http"),
    "no @http": (Probe(tags="@permission users:read"), "start with @http"),
    "text before @http": (Probe(tags="Text.\n@http POST /v1/probes/{id}"), "start with @http"),
    "indented @http": (Probe(tags=" @http POST /v1/probes/{id}"), "start with @http"),
    "unknown tag": (Probe(tags="@http POST /v1/probes/{id}\n@permit users:read"), "unknown tag @permit"),
    "tag after the description": (Probe(text="\n\nA summary.\n\n@permission users:read"), "outside the block"),
    "indented tag": (Probe(tags="@http POST /v1/probes/{id}\n @permission users:read"), "outside the block"),
    "tag with a tab": (Probe(tags="@http POST /v1/probes/{id}\n@permission\tusers:read"), "unknown tag"),
    "tag with a carriage return": (Probe(tags="@http POST /v1/probes/{id}\n@permission users:read\r"), "@permission"),
    "duplicate tag": (Probe(tags="@http POST /v1/probes/{id}\n@status 202\n@status 204"), "@status stands there twice"),
    "duplicate @http": (Probe(tags="@http POST /v1/probes/{id}\n@http PUT /v1/p/{id}"), "@http stands there twice"),
    "no summary": (Probe(text=""), "summary is missing"),
    "only blank lines": (Probe(text="\n\n  \n"), "summary is missing"),
    "no blank line": (Probe(text="\nA summary."), "blank line"),
    "unknown method": (Probe(tags="@http FETCH /v1/probes/{id}"), "@http FETCH"),
    "method in lower case": (Probe(tags="@http post /v1/probes/{id}"), "@http post"),
    "no path": (Probe(tags="@http POST"), "start with /"),
    "path without a slash": (Probe(tags="@http POST v1/probes/{id}"), "start with /"),
    "trailing slash": (Probe(tags="@http POST /v1/probes/{id}/"), "trailing slash"),
    "double slash": (Probe(tags="@http POST /v1//probes/{id}"), "a path is made of"),
    "path in capitals": (Probe(tags="@http POST /v1/Probes/{id}"), "lower case"),
    "placeholder in part of a segment": (Probe(tags="@http POST /v1/probes/x{id}"), "a path is made of"),
    "placeholder twice": (Probe(tags="@http POST /v1/{id}/probes/{id}"), "placeholder stands there twice"),
    "query in the path": (Probe(tags="@http POST /v1/probes/{id}?a=1"), "a path is made of"),
    "bad status": (Probe(tags="@http POST /v1/probes/{id}\n@status 418"), "@status 418"),
    "status of an error": (Probe(tags="@http POST /v1/probes/{id}\n@status 404"), "@status 404"),
    "status with a word": (Probe(tags="@http POST /v1/probes/{id}\n@status ok"), "@status ok"),
    "permission without an action": (Probe(tags="@http POST /v1/probes/{id}\n@permission users"), "thing:action"),
    "permission in capitals": (Probe(tags="@http POST /v1/probes/{id}\n@permission Users:Read"), "thing:action"),
    "two permissions": (Probe(tags="@http POST /v1/probes/{id}\n@permission a_b:c_d e_f:g_h"), "thing:action"),
    "audit event without a dot": (Probe(tags="@http POST /v1/probes/{id}\n@audit listed"), "@audit listed"),
    "no error code": (Probe(tags="@http POST /v1/probes/{id}\n@errors"), "@errors names no"),
    "error code twice": (Probe(tags="@http POST /v1/probes/{id}\n@errors 404 404"), "twice"),
    "malformed @hash": (Probe(tags="@http POST /v1/probes/{id}\n@hash password"), "@hash password"),
    "malformed @verify": (Probe(tags="@http POST /v1/probes/{id}\n@verify password into hash"), "@verify"),
    "malformed @api_keys": (Probe(tags="@http POST /v1/probes/{id}\n@api_keys yes"), "@api_keys allowed"),
    "malformed @hash marking": (
        Probe(tags="@http POST /v1/probes/{id}\n@hash password into hash marking"),
        "@hash password into hash marking",
    ),
    "@despite nothing": (Probe(tags="@http POST /v1/probes/{id}\n@despite"), "@despite names no"),
    "@despite twice": (Probe(tags="@http POST /v1/probes/{id}\n@despite forbidden forbidden"), "twice"),
    "malformed @totp": (Probe(tags="@http POST /v1/probes/{id}\n@totp code into step"), "@totp code"),
    "malformed @totp_secret": (Probe(tags="@http POST /v1/probes/{id}\n@totp_secret s"), "@totp_secret s"),
    "@verify with a function elsewhere": (
        Probe(tags="@http POST /v1/probes/{id}\n@verify password into hash using private.own_hash()"),
        "@verify",
    ),
}

HASHED = "id uuid, password_hash app.password_hash"
POST = "@http POST /v1/probes/{id}"
MEANING: dict[str, tuple[Probe, str]] = {
    "nobody may call it": (Probe(callers=""), "nobody may call it"),
    "the service may not call it": (
        Probe(after="revoke execute on function api.probe(uuid) from roster_authenticator"),
        "roster_authenticator may not execute it",
    ),
    "overloaded": (
        Probe(more="create function api.probe(text) returns void language sql as 'select'"),
        "overloaded",
    ),
    "a procedure": (
        Probe(
            more="create procedure api.call_me(id uuid) language sql as 'select';"
            "comment on procedure api.call_me(uuid) is E'@http POST /v1/calls/{id}\\n\\nCall.'"
        ),
        "a procedure",
    ),
    "GET on VOLATILE": (Probe(tags=GET), "VOLATILE"),
    "POST on STABLE": (Probe(attributes=STABLE), "it is STABLE"),
    "DELETE on IMMUTABLE": (
        Probe(attributes="language plpgsql immutable", tags="@http DELETE /v1/probes/{id}"),
        "it is IMMUTABLE",
    ),
    "STRICT with optional arguments": (
        Probe("id uuid, a text default null", attributes="language plpgsql strict"),
        "STRICT",
    ),
    "@audit on VOLATILE": (Probe(tags=f"{POST}\n@audit probes.listed"), "@audit"),
    "@audit of no event": (
        Probe(tags="@http GET /v1/probes/{id}\n@audit probes.listed", attributes=STABLE),
        "probes.listed",
    ),
    "@audit with a made-up argument": (
        Probe(tags="@http GET /v1/probes/{id}\n@audit data.exported user_id", attributes=STABLE),
        "@audit: user_id is no argument",
    ),
    "@permission for everybody": (
        Probe(tags=f"{POST}\n@permission users:read", callers="roster_anonymous"),
        "roster_anonymous",
    ),
    "unknown error code": (Probe(tags=f"{POST}\n@errors email_takn"), "email_takn"),
    "unknown error status": (Probe(tags=f"{POST}\n@errors 418"), "418"),
    "unknown rate limit": (Probe(tags=f"{POST}\n@rate_limit logn"), "logn"),
    "path of the service": (Probe(tags="@http POST /health/{id}"), "service's own paths"),
    "path of the document": (Probe("", tags="@http POST /openapi.json"), "service's own paths"),
    "placeholder as first segment": (Probe(tags="@http POST /{id}"), "service's own paths"),
    "placeholder without argument": (Probe("a uuid"), "{id} is no argument"),
    "same route": (Probe("", tags="@http PATCH /v1/me", attributes="language plpgsql"), "PATCH /v1/me is the route of"),
    "same route with another placeholder": (
        Probe("other uuid", tags="@http DELETE /v1/users/{other}"),
        "is the route of",
    ),
    "unnamed argument": (Probe("id uuid, text"), "argument 2 has no name"),
    "OUT argument": (Probe("id uuid, out a text", returns="text"), "an OUT argument"),
    "INOUT argument": (Probe("inout id uuid", returns="uuid"), "an INOUT argument"),
    "VARIADIC argument": (Probe("id uuid, variadic a text[]"), "VARIADIC"),
    "argument of type json": (Probe("id uuid, a json"), "type json"),
    "argument of type bytea": (Probe("id uuid, a bytea"), "bytea"),
    "argument of type interval": (Probe("id uuid, a interval"), "interval"),
    "argument of a time without zone": (Probe("id uuid, a timestamp"), "timestamp"),
    "argument of a composite type": (Probe("id uuid, a api.user"), "composite types cannot be arguments"),
    "argument of a list of composite type": (Probe("id uuid, a api.user[]"), "composite types cannot be arguments"),
    "polymorphic argument": (Probe("id uuid, a anyelement"), "anyelement"),
    "list in the path": (Probe("id uuid[]"), "plain text"),
    "object in the path": (Probe("id jsonb"), "plain text"),
    "object in the query": (
        Probe("id uuid, a jsonb", attributes=STABLE, tags=GET, returns="text"),
        "cannot be a JSON object",
    ),
    "default in the path": (Probe("id uuid default null"), "default that can never be used"),
    "present that is no list": (Probe("id uuid, present text"), "text[] without a default"),
    "present with a default": (Probe("id uuid, present text[] default '{}'"), "text[] without a default"),
    "untranslatable check of an argument": (
        Probe("id uuid, a app.odd", more="create domain app.odd as text check (value = reverse(value))"),
        "domain app.odd: the check",
    ),
    "check with OR": (
        Probe("id uuid, a app.odd", more="create domain app.odd as text check (value ~ 'a' or value ~ 'b')"),
        "cannot be written as JSON Schema",
    ),
    "untranslatable pattern": (
        Probe("id uuid, a app.odd", more=r"create domain app.odd as text check (value ~ '\mword\M')"),
        "cannot be written as JSON Schema",
    ),
    "returns record": (Probe(returns="record"), "record"),
    "returns a set": (Probe(returns="setof text", body="begin end"), "a set"),
    "returns a table": (Probe(returns="table (a text)"), "a set"),
    "returns json": (Probe(returns="json"), "json"),
    "returns jsonb": (Probe(returns="jsonb"), "jsonb"),
    "returns a domain over jsonb": (Probe(returns="app.metadata"), "metadata"),
    "returns a polymorphic type": (Probe("id anyelement", returns="anyelement"), "anyelement"),
    "returns a list": (Probe(returns="text[]"), "no schema"),
    "returns a table's row": (Probe(returns="app.users"), "app.users"),
    "returns a composite type elsewhere": (
        Probe(more="create type app.shape as (a text)", returns="app.shape"),
        "not in schema api",
    ),
    "returns bytea": (Probe(returns="bytea"), "bytea"),
    "attribute of type json": (Probe(**shape("json")), "attribute a of api.shape: type json"),
    "attribute of bare jsonb": (Probe(**shape("jsonb", comment="")), "bare JSON"),
    "attribute of a time without zone": (Probe(**shape("timestamp")), "attribute a of api.shape"),
    "status 204 with a result": (Probe(returns="text", tags=f"{POST}\n@status 204"), "@status 204"),
    "status 201 without a result": (Probe(tags=f"{POST}\n@status 201"), "@status 201"),
    "@hash into nothing": (Probe(tags=f"{POST}\n@hash password into password_hash"), "no argument of the function"),
    "@hash into another type": (
        Probe("id uuid, password_hash text", tags=f"{POST}\n@hash password into password_hash"),
        "app.password_hash",
    ),
    "@verify into another type": (
        Probe("id uuid, hash text", tags=f"{POST}\n@verify password into hash using http.own_hash()"),
        "app.password_hash",
    ),
    "@verify upgrading nothing": (
        Probe(HASHED, tags=f"{POST}\n@verify password into password_hash upgrading fresh using http.own_hash()"),
        "fresh is no argument of the function",
    ),
    "@verify upgrading another type": (
        Probe(
            f"{HASHED}, fresh text",
            tags=f"{POST}\n@verify password into password_hash upgrading fresh using http.own_hash()",
        ),
        "argument fresh has to be of domain",
    ),
    "@verify upgrading the same argument": (
        Probe(
            HASHED, tags=f"{POST}\n@verify password into password_hash upgrading password_hash using http.own_hash()"
        ),
        "same key or argument",
    ),
    "@hash whose key is an argument": (
        Probe(f"{HASHED}, password text", tags=f"{POST}\n@hash password into password_hash"),
        "may not reach the database",
    ),
    "@hash in a GET": (
        Probe(HASHED, "text", STABLE, tags=f"{GET}\n@hash password into password_hash"),
        "needs a body",
    ),
    "@hash and @verify into one argument": (
        Probe(
            HASHED,
            tags=f"{POST}\n@hash new into password_hash\n@verify old into password_hash using http.own_hash()",
        ),
        "same key or argument",
    ),
    "a hash that any request could set": (Probe(HASHED), "without @hash or @verify"),
    "@api_keys where scopes decide": (
        Probe(tags=f"{POST}\n@permission users:read\n@api_keys allowed"),
        "a key's scopes decide",
    ),
    "@api_keys for everybody": (
        Probe(tags=f"{POST}\n@api_keys allowed", callers="roster_anonymous, roster_user"),
        "routes of roster_user",
    ),
    "@despite what is no matter of the account": (
        Probe(tags=f"{POST}\n@despite forbidden"),
        "@despite forbidden: the door",
    ),
    "@despite for everybody": (
        Probe(tags=f"{POST}\n@despite mfa_enrolment_required", callers="roster_anonymous, roster_user"),
        "open to everybody already",
    ),
    "@hash marking nothing": (
        Probe(HASHED, tags=f"{POST}\n@hash password into password_hash marking is_short"),
        "is_short is no argument of the function",
    ),
    "@hash marking another type": (
        Probe(f"{HASHED}, is_short boolean", tags=f"{POST}\n@hash password into password_hash marking is_short"),
        "argument is_short has to be of domain app.password_is_short",
    ),
    "a mark that any request could set": (Probe("id uuid, is_short app.password_is_short"), "without @hash"),
    "a time step that any request could set": (Probe("id uuid, step app.totp_step"), "without @totp"),
    "a sealed secret that any request could set": (Probe("id uuid, s app.sealed_secret"), "without @totp_secret"),
    "@totp into plain text": (
        Probe("id uuid, step text", tags=f"{POST}\n@totp code into step using http.own_totp()"),
        "of domain app.totp_step",
    ),
    "@totp using a function that gives a hash": (
        Probe("id uuid, step app.totp_step", tags=f"{POST}\n@totp code into step using http.own_hash()"),
        "has to return jsonb",
    ),
    "@totp whose code is an argument": (
        Probe("id uuid, step app.totp_step, code text", tags=f"{POST}\n@totp code into step using http.own_totp()"),
        "the key code is an argument",
    ),
    "@totp_secret into plain text": (
        Probe("id uuid, s text", "api.totp_enrolment", tags=f"{POST}\n@totp_secret into s"),
        "of domain app.sealed_secret",
    ),
    "@totp_secret that is shown to nobody": (
        Probe("id uuid, s app.sealed_secret", tags=f"{POST}\n@totp_secret into s"),
        "the result has to have account, issuer, provisioning_uri, qr_code, secret",
    ),
    "members of an unknown problem": (
        Probe(more=f"create type api.problem_nothing as (a text); {COLUMN.replace('shape', 'problem_nothing')}"),
        "holds the members of no problem",
    ),
    "avoiding an unknown function": (
        Probe(HASHED, tags=f"{POST}\n@hash password into password_hash avoiding http.my_words()"),
        "no function http.my_words",
    ),
    "using an unknown function": (
        Probe(HASHED, tags=f"{POST}\n@verify password into password_hash using http.my_hash()"),
        "no function http.my_hash",
    ),
    "using a function that gives words": (
        Probe(HASHED, tags=f"{POST}\n@verify password into password_hash using http.own_rules()"),
        "has to return text",
    ),
    "avoiding a function that gives a hash": (
        Probe(HASHED, tags=f"{POST}\n@hash password into password_hash avoiding http.own_hash()"),
        "has to return text[]",
    ),
    "using a function with other arguments": (
        Probe(HASHED, tags=f"{POST}\n@verify password into password_hash using http.login_hash()"),
        "takes 1 arguments",
    ),
    "using an unknown argument": (
        Probe(HASHED, tags=f"{POST}\n@verify password into password_hash using http.login_hash(name)"),
        "name, which http.login_hash gets",
    ),
    "using the hash itself": (
        Probe(HASHED, tags=f"{POST}\n@verify password into password_hash using http.login_hash(password_hash)"),
        "password_hash, which http.login_hash gets",
    ),
}


@pytest.mark.parametrize(("case", "reason"), (GRAMMAR | MEANING).values(), ids=(GRAMMAR | MEANING).keys())
def test_a_malformed_function_is_refused_with_its_name_and_the_reason(
    connection: Connection, case: Probe, reason: str
) -> None:
    found = reasons(connection, case.sql())
    assert found, "it was accepted"
    assert any(reason in line for line in found), found
    for line in found:
        function, _, sentence = line.partition(": ")
        assert function.startswith("api.") and sentence and "\n" not in line
        assert any(name in line for name in ("api.probe(", "api.call_me(", "api.problem_")), "the line names the object"


def test_the_same_function_without_the_mistake_is_a_route(connection: Connection) -> None:
    operation = route_of(connection, Probe())
    assert (operation.key, operation.status, operation.callers) == (("POST", "/v1/probes/{id}"), 204, ("roster_user",))
    assert (operation.tags.summary, operation.tags.description) == ("A summary.", "And more.")


def test_every_mistake_is_told_at_once(connection: Connection) -> None:
    first = Probe("id json", tags=GET).sql()
    second = Probe(tags="@http FETCH /v1/x").sql().replace("probe", "second")
    found = reasons(connection, second, first)
    assert {line.partition("(")[0] for line in found} == {"api.probe", "api.second"}
    assert len(found) >= 3, "two of one function, one of the other"


def test_a_missing_door_or_a_missing_error_code_is_told(connection: Connection) -> None:
    found = reasons(
        connection,
        "drop function http.enter(regprocedure, jsonb)",
        "create or replace function http.problems() returns table (code text, status integer, title text, hint text) "
        "language sql immutable as $$ values ('busy', 503, 'Busy.', 'Wait.') $$",
    )
    assert any("http.enter" in line for line in found)
    assert any("internal_error" in line and "timeout" in line for line in found)
