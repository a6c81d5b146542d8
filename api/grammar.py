"""The `@http` grammar: what the comment of a function in schema `api` has to look like.

Tags come first, one a line and each at the start of its line; then a blank line, a summary, and a
description in Markdown. The database reads the tags that it enforces with the same rule (start of
line), so anything that looks like a tag anywhere else is refused rather than ignored.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Place = Literal["path", "query", "header", "body", "present", "service"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SUCCESS_STATUSES = (200, 201, 202, 204)
IDEMPOTENCY_KEY = "idempotency_key"
HEADERS = {"if_match": "If-Match", IDEMPOTENCY_KEY: "Idempotency-Key"}
"""Arguments that a request header fills, by their names."""
PAGING = ("cursor", "limit")
"""Arguments that are query parameters whatever the method is."""
PRESENT = "present"
"""The argument that gets the keys which the body really had."""
_SEGMENT = re.compile(r"\{[a-z][a-z0-9_]*\}|[a-z0-9][a-z0-9._-]*")
_NAME = r"[a-z_][a-z0-9_]*"
_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
_CALL = rf"http\.(?P<function>{_NAME})\((?P<arguments>[a-z0-9_, ]*)\)"
_HASH = re.compile(rf"(?P<key>{_NAME}) into (?P<argument>{_NAME})(?: marking (?P<mark>{_NAME}))?(?: avoiding {_CALL})?")
_TOTP = re.compile(rf"(?P<key>{_NAME}) into (?P<argument>{_NAME}) using {_CALL}")
_TOTP_SECRET = re.compile(rf"into ({_NAME})")
_VERIFY = re.compile(rf"(?P<key>{_NAME}) into (?P<argument>{_NAME})(?: upgrading (?P<upgrade>{_NAME}))? using {_CALL}")


class GrammarError(Exception):
    """The comment is not a route's comment; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Precall:
    """A function of schema `http` that is called before the operation, with arguments of the request."""

    function: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Password:
    """A key of the body that is a password or a code, the argument that it fills, and the call that goes before.

    A password fills its argument with its hash, a code with its time step. `upgrade` is the argument that gets a fresh
    hash where the one that was verified is outdated, `mark` the one that gets whether a new password is too short to be
    the only factor.
    """

    key: str
    argument: str
    precall: Precall | None
    upgrade: str | None = None
    mark: str | None = None

    @property
    def targets(self) -> list[str]:
        """The arguments that it fills."""
        return [name for name in (self.argument, self.upgrade, self.mark) if name is not None]


@dataclass(slots=True)
class Tags:
    """A parsed comment."""

    method: str = ""
    path: str = ""
    status: int | None = None
    empty_status: int | None = None
    permission: str | None = None
    audit: str | None = None
    audit_arguments: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    rate_limit: str | None = None
    api_keys: str | None = None
    despite: tuple[str, ...] = ()
    hash: Password | None = None
    verify: Password | None = None
    totp: Password | None = None
    totp_secret: str | None = None
    summary: str = ""
    description: str = ""
    seen: set[str] = field(default_factory=set)

    @property
    def segments(self) -> list[str]:
        """The path's segments, placeholders in braces."""
        return self.path.removeprefix("/").split("/")

    @property
    def placeholders(self) -> list[str]:
        """Names of the path's placeholders, in order."""
        return [segment[1:-1] for segment in self.segments if segment.startswith("{")]

    @property
    def tagged(self) -> dict[str, Password]:
        """The keys of the body that do not reach the database, by their tags, in the order of their checks."""
        found = {"verify": self.verify, "totp": self.totp, "hash": self.hash}
        return {name: password for name, password in found.items() if password is not None}

    @property
    def targets(self) -> list[str]:
        """The arguments that the service fills."""
        enrolled = [] if self.totp_secret is None else [self.totp_secret]
        return [target for password in self.tagged.values() for target in password.targets] + enrolled

    def place_of(self, argument: str) -> Place:
        """Where a request carries an argument: decided by its name, the path, the password tags and the method."""
        if argument in self.placeholders:
            return "path"
        if argument in self.targets:
            return "service"
        if argument in HEADERS:
            return "header"
        if argument in PAGING or self.method in ("GET", "DELETE"):
            return "query"
        return "present" if argument == PRESENT else "body"


def parse(comment: str | None) -> Tags:
    """Parse a function's comment. Raises GrammarError."""
    lines = (comment or "").strip("\n").split("\n")
    if not lines[0].startswith("@http"):
        raise GrammarError("its comment has to start with @http METHOD /path (schema api holds routes only)")
    tags = Tags()
    while lines and lines[0].startswith("@"):
        _read_tag(lines.pop(0).rstrip(" \t"), tags)
    if any(line.lstrip().startswith("@") for line in lines):
        raise GrammarError("a line that starts with @ stands outside the block of tags; tags come first, unindented")
    if lines and lines[0].strip():
        raise GrammarError("a blank line has to follow the tags")
    text = "\n".join(lines).strip()
    if not text:
        raise GrammarError("the summary is missing: a blank line after the tags, then one line that says what it does")
    tags.summary, _, tags.description = text.partition("\n")
    tags.summary, tags.description = tags.summary.strip(), tags.description.strip()
    return tags


def _read_tag(line: str, tags: Tags) -> None:
    name, _, value = line[1:].partition(" ")
    reader = _READERS.get(name)
    if reader is None:
        raise GrammarError(f"unknown tag @{name}; known are {', '.join('@' + known for known in _READERS)}")
    if name in tags.seen:
        raise GrammarError(f"tag @{name} stands there twice")
    tags.seen.add(name)
    reader(value.strip(" "), tags)


def _http(value: str, tags: Tags) -> None:
    method, _, path = value.partition(" ")
    if method not in METHODS:
        raise GrammarError(f"@http {value}: the method has to be one of {', '.join(METHODS)}")
    if not path.startswith("/"):
        raise GrammarError(f"@http {value}: the path has to start with /")
    if not all(_SEGMENT.fullmatch(segment) for segment in path[1:].split("/")):
        raise GrammarError(
            f"@http {value}: a path is made of /segments in lower case and /{{placeholders}}, without a trailing slash"
        )
    tags.method, tags.path = method, path
    if len(set(tags.placeholders)) < len(tags.placeholders):
        raise GrammarError(f"@http {value}: a placeholder stands there twice")


def _status(value: str, tags: Tags) -> None:
    statuses = value.split()
    if not statuses or len(statuses) > 2 or any(status not in map(str, SUCCESS_STATUSES) for status in statuses):
        raise GrammarError(f"@status {value}: a route succeeds with one of {', '.join(map(str, SUCCESS_STATUSES))}")
    tags.status = int(statuses[0])
    tags.empty_status = int(statuses[1]) if len(statuses) == 2 else None


def _codes(name: str, what: str) -> Callable[[str, Tags], None]:
    def read(value: str, tags: Tags) -> None:
        codes = value.split()
        if not codes:
            raise GrammarError(f"@{name} names no {what}")
        if len(set(codes)) < len(codes):
            raise GrammarError(f"@{name} {value}: one stands there twice")
        setattr(tags, name, tuple(codes))

    return read


def _audit(value: str, tags: Tags) -> None:
    event, *arguments = value.split()
    if not _EVENT.fullmatch(event) or len(set(arguments)) < len(arguments):
        raise GrammarError(f"@audit {value}: write it like @audit things.listed [argument …]")
    tags.audit, tags.audit_arguments = event, tuple(arguments)


def _word(pattern: str, example: str) -> Callable[[str, Tags], None]:
    form = re.compile(pattern)
    name = example.partition(" ")[0][1:]

    def read(value: str, tags: Tags) -> None:
        if not form.fullmatch(value):
            raise GrammarError(f"@{name} {value}: write it like {example}")
        setattr(tags, name, value)

    return read


def _password(form: re.Pattern[str], name: str, example: str) -> Callable[[str, Tags], None]:
    def read(value: str, tags: Tags) -> None:
        match = form.fullmatch(value)
        if match is None:
            raise GrammarError(f"@{name} {value}: write it like {example}")
        precall = None
        if match["function"]:
            arguments = tuple(a.strip() for a in match["arguments"].split(",")) if match["arguments"].strip() else ()
            precall = Precall(match["function"], arguments)
        more = match.groupdict()
        setattr(tags, name, Password(match["key"], match["argument"], precall, more.get("upgrade"), more.get("mark")))

    return read


def _totp_secret(value: str, tags: Tags) -> None:
    match = _TOTP_SECRET.fullmatch(value)
    if match is None:
        raise GrammarError(f"@totp_secret {value}: write it like @totp_secret into argument")
    tags.totp_secret = match[1]


_READERS: dict[str, Callable[[str, Tags], None]] = {
    "http": _http,
    "status": _status,
    "permission": _word(r"[a-z_]{2,32}:[a-z_]{2,32}", "@permission thing:action"),
    "audit": _audit,
    "errors": _codes("errors", "status and no code"),
    "despite": _codes("despite", "code"),
    "api_keys": _word("allowed", "@api_keys allowed"),
    "rate_limit": _word(r"[a-z][a-z0-9_]*", "@rate_limit name"),
    "hash": _password(_HASH, "hash", "@hash key into argument [marking argument] [avoiding http.function(…)]"),
    "verify": _password(_VERIFY, "verify", "@verify key into argument [upgrading argument] using http.function(…)"),
    "totp": _password(_TOTP, "totp", "@totp key into argument using http.function(…)"),
    "totp_secret": _totp_secret,
}
