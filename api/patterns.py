"""Regular expressions of PostgreSQL (its "advanced" flavour) rewritten for JSON Schema (ECMA-262).

The two agree on nearly everything that limits a field. What differs is translated, and what has no
counterpart is refused: PostgreSQL documents its flavour in chapter 9.7.3, JSON Schema its own in
section 6.4 of the core specification.
"""

import re

_CLASSES = {
    "alnum": r"\p{Alphabetic}\p{N}",
    "alpha": r"\p{Alphabetic}",
    "ascii": r"\x00-\x7F",
    "blank": r" \t",
    "cntrl": r"\x00-\x1F\x7F-\x9F",
    "digit": r"0-9",
    "lower": r"\p{Ll}",
    "space": r"\s\x85",
    "upper": r"\p{Lu}",
    "xdigit": r"0-9A-Fa-f",
}
_CODE_POINTS = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_WORD = r"\p{Alphabetic}\p{N}_"  # in ECMA-262 \w is ASCII only
_ESCAPES = frozenset("dDsSnrtfv0") | frozenset(r"\^$.[]|()?*+{}/-\"'@#<>&=!~,;: %_`")


def to_ecma(pattern: str) -> str:
    """Rewrite a pattern. Raises ValueError where it uses something that ECMA-262 lacks."""
    if pattern.startswith(("***", "(?")) and not pattern.startswith(("(?:", "(?=", "(?!")):
        raise ValueError("embedded options have no counterpart in ECMA-262")
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            escape = _escape_at(pattern, position)
            parts.append({r"\w": f"[{_WORD}]", r"\W": f"[^{_WORD}]"}.get(escape) or _escape(escape))
            position += len(escape)
        elif character == "[":
            text, position = _bracket(pattern, position)
            parts.append(text)
        else:
            # In PostgreSQL a dot matches a line break as well.
            parts.append(r"[\s\S]" if character == "." else character)
            position += 1
    return "".join(parts)


def _escape_at(pattern: str, position: int) -> str:
    """A backslash and what belongs to it."""
    code_point = _CODE_POINTS.match(pattern, position)
    return code_point[0] if code_point else pattern[position : position + 2]


def _escape(text: str) -> str:
    if code_point := _CODE_POINTS.fullmatch(text):
        # Beyond four digits every engine has its own form, but all take the character itself.
        return text if code_point[1] else chr(int(code_point[2], 16))
    if len(text) < 2 or text[1] not in _ESCAPES:
        raise ValueError(f"{text} has no counterpart in ECMA-262")
    return text if text[1].isalnum() or text[1] in r"\^$.[]|()?*+{}/-" else text[1]


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    """A bracket expression from `start`, and the position after it."""
    position = start + 1
    text = "["
    if pattern.startswith("^", position):
        text, position = "[^", position + 1
    first = position
    while position < len(pattern):
        character = pattern[position]
        if character == "]" and position > first:
            return text + "]", position + 1
        if pattern.startswith("[:", position):
            name, _, _ = pattern[position + 2 :].partition(":]")
            if name not in _CLASSES:
                raise ValueError(f"[:{name}:] has no counterpart in ECMA-262")
            text += _CLASSES[name]
            position += len(name) + 4
        elif pattern.startswith(("[.", "[="), position):
            raise ValueError("collating elements have no counterpart in ECMA-262")
        elif character == "\\":
            escape = _escape_at(pattern, position)
            text += _WORD if escape == r"\w" else _escape(escape)
            position += len(escape)
        else:
            text += f"\\{character}" if character in "[]" else character
            position += 1
    raise ValueError("a bracket is not closed")
