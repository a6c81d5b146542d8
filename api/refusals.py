"""Why a function of schema `api` can't be a route, each reason a sentence for the person who wrote the function."""

from collections.abc import Iterator

from api.catalog import PROBLEM_TYPE, ROUTE_SCHEMA, SEAM_SCHEMA, Catalog, FunctionFacts
from api.errors import CODES, DOOR_CODES
from api.grammar import Password, Tags
from api.schemas import Types, UnsupportedTypeError
from api.totp import SHOWN

PASSWORD_HASH = ("app", "password_hash")
TOTP_STEP = ("app", "totp_step")
SEALED_SECRET = ("app", "sealed_secret")
PASSWORD_IS_SHORT = ("app", "password_is_short")
_DOMAINS = {"hash": PASSWORD_HASH, "verify": PASSWORD_HASH, "totp": TOTP_STEP, "totp_secret": SEALED_SECRET}
_GUARDED = [*_DOMAINS.items(), ("hash", PASSWORD_IS_SHORT)]
"""The domains that an argument filled by a tag must have, and that no other argument may have."""
_PRECALL_RESULTS = {
    "verify": {("pg_catalog", "text"): "text, a hash"},
    "hash": {
        ("pg_catalog", "_text"): "text[], the words to avoid",
        (SEAM_SCHEMA, "password_rules"): f"{SEAM_SCHEMA}.password_rules, the words and the least length",
    },
    "totp": {("pg_catalog", "jsonb"): "jsonb, the secret and the steps"},
}
"""What the function that a tag names may return."""
_SEAM_FUNCTION = f"{SEAM_SCHEMA}.enter(regprocedure,jsonb)"
_VOLATILITY = {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}
_KINDS = {"p": "a procedure", "a": "an aggregate", "w": "a window function"}
_MODES = {"o": "an OUT argument", "b": "an INOUT argument", "v": "VARIADIC", "t": "a column of a returned table"}


def of_registry(catalog: Catalog) -> Iterator[str]:
    """Mistakes in what all routes stand on."""
    if not any(f.signature == _SEAM_FUNCTION for f in catalog.functions):
        yield f"function {_SEAM_FUNCTION} is missing; apply the functions: pgroster migrate"
    missing = sorted((CODES | DOOR_CODES) - catalog.problems.keys())
    if missing:
        yield f"http.problems() lacks codes that the service uses: {', '.join(missing)}"


def of_problem_types(catalog: Catalog) -> Iterator[str]:
    """Types that declare the members of problems which there are not."""
    for facts in (catalog.types[oid] for oid in catalog.problem_types()):
        if facts.name.removeprefix(PROBLEM_TYPE) not in catalog.problems:
            yield f"{facts.qualified}: it holds the members of no problem: http.problems() has no such code"


def of_function(function: FunctionFacts, overloaded: set[str]) -> Iterator[str]:
    """Mistakes in how the function is declared, whatever its comment says."""
    if function.kind != "f":
        yield f"it is {_KINDS.get(function.kind, 'no function')}; a route is a plain function"
    if function.name in overloaded:
        yield "it is overloaded; the name of a route's function has to be unique"
    if not function.callers:
        yield "nobody may call it; grant EXECUTE to roster_user or roster_anonymous"
    if not function.is_executable:
        yield "roster_authenticator may not execute it; grant EXECUTE to it, too (http.enter checks the caller)"
    if function.is_strict and any(a.default is not None for a in function.arguments):
        yield "it is STRICT with optional arguments, so it would silently do nothing; declare it CALLED ON NULL INPUT"


def of_tags(function: FunctionFacts, tags: Tags, catalog: Catalog, reserved: tuple[str, ...]) -> Iterator[str]:
    """Tags that contradict the declaration, the registry or the service's own paths."""
    volatility = _VOLATILITY[function.volatility]
    if tags.method == "GET" and volatility == "VOLATILE":
        yield "a GET changes nothing, but the function is VOLATILE; declare it STABLE, or use POST"
    if tags.method != "GET" and volatility != "VOLATILE":
        yield f"{tags.method} is for functions that change something, but it is {volatility}; use GET, or VOLATILE"
    if tags.audit is not None and volatility == "VOLATILE":
        yield "@audit is for reads (STABLE); a VOLATILE function writes its own audit rows"
    if tags.audit is not None and tags.audit not in catalog.events:
        yield f"@audit {tags.audit}: audit.events() has no such event"
    if tags.permission is not None and "roster_anonymous" in function.callers:
        yield "@permission on a route that roster_anonymous may call: nobody without a session has a permission"
    if tags.api_keys is not None and (tags.permission is not None or function.callers != ("roster_user",)):
        yield "@api_keys is for routes of roster_user without a @permission: where there is one, a key's scopes decide"
    for code in tags.despite:
        if code not in DOOR_CODES:
            yield f"@despite {code}: the door refuses no account for that; it is for {', '.join(sorted(DOOR_CODES))}"
    if tags.despite and "roster_anonymous" in function.callers:
        yield "@despite on a route that roster_anonymous may call: it is open to everybody already"
    if tags.segments[0] in reserved or tags.segments[0].startswith("{"):
        yield f"the path {tags.path} collides with the service's own paths"
    if tags.rate_limit is not None and tags.rate_limit not in catalog.limits:
        yield f"@rate_limit {tags.rate_limit}: no such limit; there are {', '.join(catalog.limits)}"
    statuses = {str(problem.status) for problem in catalog.problems.values()}
    for error in tags.errors:
        status, _, code = error.rpartition(":")
        if (code not in catalog.problems and (status or code not in statuses)) or (status and status not in statuses):
            yield f"@errors {error}: http.problems() has no such code or status"


def of_arguments(function: FunctionFacts, tags: Tags, types: Types) -> Iterator[str]:
    """Arguments that no request can fill, and placeholders that fill none."""
    names = [argument.name for argument in function.arguments if argument.name]
    for name in tags.audit_arguments:
        if name not in names:
            yield f"@audit: {name} is no argument of the function"
    for placeholder in tags.placeholders:
        if placeholder not in names:
            yield f"the placeholder {{{placeholder}}} is no argument of the function"
    for position, argument in enumerate(function.arguments, 1):
        if argument.mode != "i":
            mode = _MODES.get(argument.mode, "of an unknown mode")
            yield f"argument {argument.name or position} is {mode}; only plain IN arguments work"
            continue
        if not argument.name:
            yield f"argument {position} has no name; names are the keys of the request"
            continue
        place = tags.place_of(argument.name)
        base = types.base(argument.type)
        try:
            types.schema(argument.type)
        except UnsupportedTypeError as error:
            yield f"argument {argument.name}: {error}"
            continue
        if base.kind == "c" or (base.element is not None and types.base(base.element).kind not in ("b", "e")):
            yield f"argument {argument.name}: composite types cannot be arguments; use plain ones"
        elif place in ("path", "header") and (base.kind == "array" or base.name == "jsonb"):
            yield f"argument {argument.name}: a {place} value is plain text, not {base.name}"
        elif place == "query" and base.name == "jsonb":
            yield f"argument {argument.name}: a query parameter cannot be a JSON object"
        elif place == "path" and argument.default is not None:
            yield f"argument {argument.name} is part of the path and has a default that can never be used"
        elif place == "present" and (types.facts[argument.type].name != "_text" or argument.default is not None):
            yield "argument present has to be text[] without a default: it gets the keys of the body"


def of_passwords(function: FunctionFacts, tags: Tags, types: Types, seam: dict[str, FunctionFacts]) -> Iterator[str]:
    """@hash, @verify, @totp and @totp_secret that name something wrong, and arguments of theirs that no tag guards."""
    arguments = {argument.name: argument for argument in function.arguments if argument.name}
    filled = {name: password.targets for name, password in tags.tagged.items()}
    if tags.totp_secret is not None:
        filled["totp_secret"] = [tags.totp_secret]
        yield from _of_enrolment(function, types)
    keys = [password.key for password in tags.tagged.values()]
    if len(set(tags.targets)) < len(tags.targets) or len(set(keys)) < len(keys):
        yield f"{' and '.join(f'@{name}' for name in filled)} name the same key or argument"
    for name, targets in filled.items():
        if tags.method in ("GET", "DELETE"):
            yield f"@{name} needs a body, which {tags.method} has not"
        for target in targets:
            if target not in arguments:
                yield f"@{name}: {target} is no argument of the function"
                continue
            needed = PASSWORD_IS_SHORT if tags.hash is not None and target == tags.hash.mark else _DOMAINS[name]
            if _type_name(types, arguments[target].type) != needed:
                yield f"@{name}: argument {target} has to be of domain {'.'.join(needed)}"
    for name, password in tags.tagged.items():
        if password.key in arguments:
            yield f"@{name}: the key {password.key} is an argument, too; a plain password may not reach the database"
        yield from _of_precall(name, password, arguments.keys() - set(tags.targets), seam, types)
    for argument_name, argument in arguments.items():
        guards = [f"@{name}" for name, domain in _GUARDED if domain == _type_name(types, argument.type)]
        if guards and argument_name not in tags.targets:
            domain = ".".join(_type_name(types, argument.type))
            yield f"argument {argument_name} is {domain} without {' or '.join(guards)}: any request could set it"


def _of_enrolment(function: FunctionFacts, types: Types) -> Iterator[str]:
    missing = {"issuer", "account", *SHOWN} - {a.name for a in types.facts[function.returns].attributes}
    if missing:
        yield f"@totp_secret: the result has to have {', '.join(sorted(missing))}, where the service shows the secret"


def _of_precall(
    name: str, password: Password, known: set[str], seam: dict[str, FunctionFacts], types: Types
) -> Iterator[str]:
    if password.precall is None:
        return
    called = f"{SEAM_SCHEMA}.{password.precall.function}"
    function = seam.get(password.precall.function)
    if function is None or not function.is_executable:
        yield f"@{name}: there is no function {called} that roster_authenticator may execute"
        return
    returned = _type_name(types, function.returns)
    if function.returns_set or returned not in _PRECALL_RESULTS[name]:
        yield f"@{name}: {called} has to return {' or '.join(_PRECALL_RESULTS[name].values())}"
    if len(function.arguments) != len(password.precall.arguments):
        yield f"@{name}: {called} takes {len(function.arguments)} arguments, not {len(password.precall.arguments)}"
    for argument in password.precall.arguments:
        if argument not in known:
            yield f"@{name}: {argument}, which {called} gets, is no argument of the function"


def of_result(function: FunctionFacts, tags: Tags, types: Types) -> Iterator[str]:
    """A result that the document could not describe."""
    facts = types.facts[function.returns]
    base = types.base(function.returns)
    if function.returns_set:
        yield "it returns a set; return a composite type with an array of items"
    elif facts.name == "void":
        if tags.status not in (None, 202, 204):
            yield f"@status {tags.status}: a function that returns void answers 204, or 202"
        return
    elif base.kind in ("array", "relation") or base.name in ("json", "jsonb", "record"):
        yield f"it returns {facts.qualified}, which has no schema; return a composite type of schema {ROUTE_SCHEMA}"
    else:
        try:
            types.schema(function.returns)
        except UnsupportedTypeError as error:
            yield f"its result: {error}"
    if tags.status == 204:
        yield "@status 204: only a function that returns void answers without a body"


def of_paths(routes: list[tuple[str, Tags]]) -> Iterator[str]:
    """Routes that the same request would fit."""
    taken: dict[tuple[str, ...], str] = {}
    for function, tags in routes:
        shape = (tags.method, *("{}" if segment.startswith("{") else segment for segment in tags.segments))
        if shape in taken:
            yield f"{function}: {tags.method} {tags.path} is the route of {taken[shape]} already"
        taken.setdefault(shape, function)


def _type_name(types: Types, oid: int) -> tuple[str, str]:
    return types.facts[oid].schema, types.facts[oid].name
