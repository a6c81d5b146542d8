"""One request to one operation, in the order in which things may be decided.

1. Read the token, or pass the API key on, and bind the request to the operation's arguments.
2. A request that does not fit still passes the door: it is counted, and who may not be here learns only that.
3. Where passwords are involved, ask what they need and do the hashing, outside the database.
4. Call. What the function said becomes the answer.

A route that `roster_anonymous` may call looks at no token: an old one can't keep anybody from signing in.
"""

import asyncio
import json
import logging
from time import monotonic
from typing import Any

from api import totp
from api.answers import Answer, is_unchanged, next_page
from api.binding import Bound, Incoming
from api.client import Exchange
from api.database import Reply
from api.errors import Problem, of_answer
from api.operations import Operation
from api.password_rules import length_error, refusal, rules_of
from api.repeats import REPLAYED
from api.sealing import SealError
from api.state import Route, Service
from api.statements import Statement
from api.tokens import API_KEY, TokenError

log = logging.getLogger("pgroster.serving")

Context = dict[str, Any]
_REFUSALS = frozenset({401, 403})
_OUTAGES = frozenset({"busy", "timeout", "database_unavailable"})
NEXT_CURSOR = "Next-Cursor"
"""The header by which a function tells that there is another page; clients get a link to it."""
ANSWER_AFTER = "Answer-After"
"""The header by which a function tells how many milliseconds an answer takes at least; clients don't get it."""


async def serve(service: Service, route: Route, incoming: Incoming, exchange: Exchange) -> Answer:
    """Serve a request. Raises Problem, or RoutesReplacedError when the functions are not there any more."""
    begun = monotonic()
    context = _context(incoming, exchange)
    try:
        if incoming.token is not None and not route.operation.is_anonymous:
            if incoming.token.startswith(API_KEY):
                context["api_key"] = incoming.token
            else:
                claims = service.tokens.verify(incoming.token)
                context["session"], exchange.user = claims.session, claims.user
        bound = route.binding.bind(incoming)
        if kept := route.operation.tags.audit_arguments:
            context["arguments"] = {name: bound.arguments[name] for name in kept}
    except TokenError:
        told = context | {"problem": "token_invalid"}
        raise await _at_the_door(service, route, told, Problem("token_invalid")) from None
    except Problem as problem:
        raise await _at_the_door(service, route, context, problem) from None
    headers: dict[str, str] = {}
    if route.statements.prepare is not None and bound.passwords:
        prepared = await _prepare(service, route, route.statements.prepare, bound, context | bound.repeat)
        headers = prepared.headers
        if REPLAYED in headers:
            return _success(service, route.operation, prepared, headers, incoming, None)
        context["stage"] = "call"
    secret: bytes | None = None
    if (target := route.operation.tags.totp_secret) is not None:
        secret = totp.new_secret()
        bound.arguments[target] = service.sealer.seal(secret)
    try:
        reply = await service.database.call(route.statements.call, bound.arguments, context | bound.repeat)
    except Problem as problem:
        if problem.code in _OUTAGES:
            raise _with_headers(problem, headers) from None
        # An error undoes its whole statement, the count of the request and the log's rows included.
        told = context | {"problem": problem.code}
        if not headers:
            raise await _at_the_door(service, route, told, problem) from None
        known = service.current.problems.get(problem.code)
        if known is not None and known.status in _REFUSALS:  # the registry's, whatever this route answers
            await service.database.call(route.statements.door, {}, told)
        raise _with_headers(problem, headers) from None
    headers |= reply.headers
    if (least := headers.pop(ANSWER_AFTER, None)) is not None:
        await asyncio.sleep(begun + int(least) / 1000 - monotonic())
    if reply.problem is not None:
        raise _with_headers(of_answer(reply.problem), headers)
    return _success(service, route.operation, reply, headers, incoming, secret)


def _context(incoming: Incoming, exchange: Exchange) -> Context:
    context: Context = {"request_id": exchange.request_id}
    if exchange.address is not None:
        context["address"] = exchange.address
    agent = incoming.headers.get(b"user-agent")
    if agent is not None:
        context["user_agent"] = agent.decode("latin-1").replace("\x00", "")
    return context


async def _at_the_door(service: Service, route: Route, context: Context, problem: Problem) -> Problem:
    """The problem that the client gets: the door's refusal goes before a complaint about the request itself."""
    reply = await service.database.call(route.statements.door, {}, context | {"stage": "prepare"})
    if reply.problem is None or (problem.code == "token_invalid" and reply.problem["status"] == 401):
        return _with_headers(problem, reply.headers)
    return _with_headers(of_answer(reply.problem), reply.headers)


async def _prepare(service: Service, route: Route, statement: Statement, bound: Bound, context: Context) -> Reply:
    """Fill the arguments that passwords turn into, unless the reply is the answer to a repeated request."""
    reply = await service.database.call(statement, bound.arguments, context | {"stage": "prepare"})
    if reply.problem is not None:
        raise _with_headers(of_answer(reply.problem), reply.headers)
    if REPLAYED in reply.headers:
        return reply
    facts: dict[str, Any] = json.loads(reply.body or b"{}")
    new, known, code = route.operation.tags.hash, route.operation.tags.verify, route.operation.tags.totp
    try:
        if new is not None and new.key in bound.passwords:
            weak = refusal(new.key, bound.passwords[new.key], rules_of(facts.get("hash")))
            if weak is not None:
                raise Problem("password_unacceptable", [weak])
            if new.mark is not None:
                is_short = length_error(new.key, bound.passwords[new.key]) is not None
                bound.arguments[new.mark] = str(is_short).lower()
        if known is not None:
            password, stored = bound.passwords[known.key], facts.get("verify")
            bound.arguments[known.argument] = verified = await service.hasher.verify(password, stored)
            if known.upgrade is not None:
                fresh = await service.hasher.upgrade(password, stored)
                bound.arguments[known.upgrade] = fresh if verified is not None else None
        if code is not None and code.key in bound.passwords:
            bound.arguments[code.argument] = str(_step_of(service, bound.passwords[code.key], facts.get("totp")))
        if new is not None and new.key in bound.passwords:
            bound.arguments[new.argument] = await service.hasher.hash(bound.passwords[new.key])
    except Problem as problem:
        raise _with_headers(problem, reply.headers) from None
    return reply


def _step_of(service: Service, code: str, facts: dict[str, Any] | None) -> int:
    """The time step that a code belongs to, of those that the database names."""
    if facts is None:
        return totp.NO_STEP
    try:
        return totp.step_of(service.sealer.open(facts["secret"]), code, facts["steps"])
    except SealError as error:
        log.error("a second factor cannot be checked: %s", error)
        raise Problem("internal_error") from None


def _success(
    service: Service,
    operation: Operation,
    reply: Reply,
    headers: dict[str, str],
    incoming: Incoming,
    secret: bytes | None,
) -> Answer:
    status = reply.status or operation.status
    headers = {"Cache-Control": "no-store"} | headers
    if (cursor := headers.pop(NEXT_CURSOR, None)) is not None:
        headers["Link"] = next_page(incoming.location, incoming.query, cursor)
    if operation.returns == "void" or (reply.body is None and reply.status == operation.tags.empty_status is not None):
        return Answer(status, None, headers=headers)
    if reply.body is None:
        raise _with_headers(Problem("not_found"), headers)
    if operation.is_read and is_unchanged(headers.get("ETag"), incoming.headers.get(b"if-none-match")):
        return Answer(304, None, headers=headers)
    body = reply.body
    if operation.is_session and reply.claims is not None:
        session = json.loads(body)
        session |= {
            "access_token": service.tokens.sign(reply.claims),
            "token_type": "Bearer",
            "expires_in": reply.claims["ttl"],
        }
        body = json.dumps(session, ensure_ascii=False).encode()
    if secret is not None:
        body = json.dumps(totp.enrolment(secret, json.loads(body)), ensure_ascii=False).encode()
    return Answer(status, body, headers=headers)


def _with_headers(problem: Problem, headers: dict[str, str]) -> Problem:
    problem.headers = headers | problem.headers
    return problem
