"""Checks of a domain, as PostgreSQL writes them back, turned into JSON Schema keywords.

A small reader for the forms that limit a value: comparisons of the value or of its length, regular
expressions, membership of a list, and conjunctions of these. Anything else is refused, because a
limit that the document does not tell and the service does not check would surprise its clients.
"""

import re
from typing import Any

from api.patterns import to_ecma

Schema = dict[str, Any]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>E?'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*)
    | (?P<cast>::\s*(?:character\ varying|double\ precision|"?[a-z_][a-z0-9_.]*"?)(?:\[\])?)
    | (?P<operator><=|>=|<>|!~|~|=|<|>|[()\[\],])
    )""",
    re.VERBOSE | re.DOTALL,
)
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_LENGTHS = ("char_length", "character_length", "length")
_BOUNDS = {">=": ("minimum", 0), "<=": ("maximum", 0), ">": ("exclusiveMinimum", 0), "<": ("exclusiveMaximum", 0)}
_LENGTH_BOUNDS = {">=": ("minLength", 0), "<=": ("maxLength", 0), ">": ("minLength", 1), "<": ("maxLength", -1)}


class UntranslatableError(Exception):
    """The check has no counterpart in JSON Schema; the message quotes it."""


def to_keywords(check: str) -> list[Schema]:
    """The keywords of one check expression, in order; each entry holds for itself. Raises UntranslatableError."""
    try:
        reader = _Reader(_tokens(check))
        keywords = reader.conjunction()
        reader.expect_end()
    except (ValueError, IndexError) as error:
        raise UntranslatableError(f"the check {check} cannot be written as JSON Schema") from error
    return keywords


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError(text[position:])
        if match.lastgroup != "cast":
            tokens.append((match.lastgroup, match[match.lastgroup]))
        elif tokens[-1][0] == "string" and match["cast"].strip(": ") in _NUMBERS:
            tokens[-1] = ("number", tokens[-1][1].strip("'"))  # PostgreSQL writes -1.5 as '-1.5'::numeric
        position = match.end()
    return tokens


class _Reader:
    """Recursive descent over the tokens; casts are gone, they change nothing that a schema could say."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        kind, text = self.tokens[self.at]
        if expected and text not in expected and kind not in expected:
            raise ValueError(text)
        self.at += 1
        return text

    def expect_end(self) -> None:
        if self.at < len(self.tokens):
            raise ValueError(self.peek())

    def conjunction(self) -> list[Schema]:
        keywords = self.condition()
        while self.peek() == "AND":
            self.take()
            keywords += self.condition()
        return keywords

    def condition(self) -> list[Schema]:
        start = self.at
        if self.peek() == "(":
            try:
                self.take("(")
                keywords = self.conjunction()
                self.take(")")
                return keywords
            except ValueError:
                self.at = start  # the parenthesis belongs to the value, as in (VALUE)::text ~ '…'
        return [self.comparison()]

    def comparison(self) -> Schema:
        subject = self.subject()
        operator = self.take("operator")
        if operator == "=" and self.peek() == "ANY" and subject == "value":
            return {"enum": self.members()}
        literal = self.literal()
        if subject == "jsonb_typeof" and operator == "=" and literal in ("object", "array"):
            return {"type": literal}
        if subject == "value" and isinstance(literal, str):
            if operator == "~":
                return {"pattern": to_ecma(literal)}
            if operator == "!~":
                return {"not": {"pattern": to_ecma(literal)}}
            if operator == "=":
                return {"enum": [literal]}
        if subject in ("value", "length") and isinstance(literal, int | float):
            if operator == "=":
                return {"const": literal} if subject == "value" else {"minLength": literal, "maxLength": literal}
            keyword, shift = (_BOUNDS if subject == "value" else _LENGTH_BOUNDS)[operator]
            return {keyword: literal + shift}
        raise ValueError(f"{subject} {operator}")

    def subject(self) -> str:
        if self.peek() == "(":
            self.take("(")
            subject = self.subject()
            self.take(")")
            return subject
        word = self.take("word")
        if word == "VALUE":
            return "value"
        if word in _LENGTHS or word == "jsonb_typeof":
            self.take("(")
            if self.subject() != "value":
                raise ValueError(word)
            self.take(")")
            return "jsonb_typeof" if word == "jsonb_typeof" else "length"
        raise ValueError(word)

    def members(self) -> list[str | int | float]:
        self.take("ANY")
        closing = 1
        self.take("(")
        while self.peek() == "(":
            self.take("(")
            closing += 1
        self.take("ARRAY")
        self.take("[")
        members = [self.literal()]
        while self.peek() == ",":
            self.take(",")
            members.append(self.literal())
        self.take("]")
        for _ in range(closing):
            self.take(")")
        return members

    def literal(self) -> str | int | float:
        if self.peek() == "(":
            self.take("(")
            literal = self.literal()
            self.take(")")
            return literal
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "string":
            if text.startswith("E"):
                return re.sub(r"\\(.)|''", lambda match: match[1] or "'", text[2:-1], flags=re.DOTALL)
            return text[1:-1].replace("''", "'")
        raise ValueError(text)
