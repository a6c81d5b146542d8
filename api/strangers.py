"""Made-up people with names in several languages and scripts, as rows for COPY. The same key makes the same people.

They came one after the other over four years, more and more of them: keys and times grow with the number, as they do
where people register one by one, and the database's indexes are quick to fill that way.

Their addresses stand under names that are reserved for examples (RFC 2606), their telephone numbers under a country
code that belongs to nobody (ITU-T E.164), so no message ever reaches a real person.
"""

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import accumulate, islice
from random import Random

from anyascii import anyascii

BATCH = 20_000
COUNT_MAX = 9_999_999
"""Seven digits, so that a username has at most 32 characters."""
DAY = 86_400
AGE_MAX = 4 * 365 * DAY
GROWTH = 1.6
RESTORABLE = 29 * DAY
LOCALES = {
    "en-GB": 14, "es-ES": 12, "de-CH": 9, "fr-FR": 9, "zh-CN": 9, "pt-BR": 7, "it-IT": 6, "ru-RU": 5, "ja-JP": 5,
    "tr-TR": 4, "hi-IN": 4, "ko-KR": 3, "ar-SA": 3, "uk-UA": 3, "el-GR": 2, "sv-SE": 2, "he-IL": 1, "th-TH": 1,
    "ka-GE": 1,
}  # fmt: skip
"""Language tags, each with how many of a hundred people have it."""
STATUSES = {"active": 86, "inactive": 9, "suspended": 2, "deleted": 3}
FORMS = (
    "{given}.{family}{number}",
    "{given}_{family}{number}",
    "{initial}{family}{number}",
    "{family}-{given}{number}",
)
GIVEN_LENGTH, FAMILY_LENGTH = 10, 13
HOSTS = ("mail.example", "post.example", "inbox.example", "letters.example", "university.example", "company.example")
METADATA = ("{}", '{"plan": "free"}', '{"plan": "free"}', '{"plan": "team"}', '{"plan": "company", "seats": 25}')
DIALLING_CODE = "+999"
NULL = r"\N"
_NO_LETTER = re.compile(r"[^a-z]+")


@dataclass(frozen=True)
class Names:
    """Names as written and as typed in ASCII, with how common they are, added up."""

    forms: list[tuple[str, str]]
    weights: list[float]

    def draw(self, chance: Random) -> tuple[str, str]:
        """One name, the common ones more often."""
        return self.forms[bisect(self.weights, chance.random() * self.weights[-1])]


@dataclass(frozen=True)
class Group:
    """What people of one language and sex are called."""

    locale: str
    given: Names
    family: Names


def rows(key: str, start: int, total: int, today: int) -> Iterator[str]:
    """The batch after person `start`, a multiple of BATCH, out of `total` people, as lines in COPY's text form.

    `today`: midnight in seconds since 1970; all times count back from it.
    """
    chance = Random(f"{key}/{start}")  # noqa: S311 - nothing secret is made of it
    chosen = chance.choices(groups(), [LOCALES[group.locale] for group in groups()], k=BATCH)
    statuses = chance.choices(list(STATUSES), list(STATUSES.values()), k=BATCH)
    for number, (group, status) in enumerate(islice(zip(chosen, statuses, strict=True), total - start), start + 1):
        created = today - int(AGE_MAX * (1 - number / total) ** GROWTH)
        yield "\t".join(person(chance, number, group, status, created, today)) + "\n"


def person(chance: Random, number: int, group: Group, status: str, created: int, today: int) -> tuple[str, ...]:
    """One person, as the columns of the staging table."""
    draw = chance.random
    given, typed_given = group.given.draw(chance)
    family, typed_family = group.family.draw(chance)
    form = pick(chance, FORMS)
    username = form.format(given=typed_given, family=typed_family, initial=typed_given[0], number=number)
    suspended = today - int((today - created) * draw()) if status == "suspended" else None
    deleted = today - int(min(today - created, RESTORABLE) * draw()) if status == "deleted" else None
    last_day = suspended or deleted or today
    has_come = draw() < (0.4 if status == "inactive" else 0.94)
    signed_in = last_day - int((last_day - created) * draw() ** 4) if has_come else None
    has_phone = draw() < 0.45
    is_locked = draw() < 0.003
    return (
        uuid_of(created, chance.getrandbits(74)),
        f"{username if draw() < 0.9 else username.title()}@{pick(chance, HOSTS)}",
        username,
        status,
        "f" if status == "inactive" else "t",
        "t" if has_phone and draw() < 0.7 else "f",
        "10" if is_locked else "0" if draw() < 0.96 else "2",
        str(created),
        text(signed_in),
        text(today + int(2 * DAY * draw()) if is_locked else None),
        text(suspended),
        text(deleted),
        text(today + int(AGE_MAX * draw()) if draw() < 0.02 else None),
        given,
        family,
        f"{DIALLING_CODE}{number:08d}" if has_phone else NULL,
        group.locale,
        pick(chance, METADATA),
        "support" if draw() < 0.004 else "auditor" if draw() < 0.001 else NULL,  # admin: nobody by chance
        *((uuid_of(created, chance.getrandbits(74)), "t" if draw() < 0.75 else "f") if draw() < 0.37 else (NULL, NULL)),
    )


def pick(chance: Random, options: Sequence[str]) -> str:
    """One of several, each as often; a third of the time of Random.choice()."""
    return options[int(chance.random() * len(options))]


def text(number: int | None) -> str:
    """A number in COPY's text form."""
    return NULL if number is None else str(number)


def uuid_of(created: int, drawn: int) -> str:
    """A UUID of version 7 (RFC 9562, 5.7). `created`: seconds since 1970; `drawn`: 74 random bits."""
    return f"{created * 1000 + drawn % 1000:012x}7{drawn >> 62:03x}{1 << 63 | drawn & (1 << 62) - 1:016x}"


@cache
def groups() -> list[Group]:
    """Both sexes of every language."""
    return [group(locale, sex) for locale in LOCALES for sex in ("female", "male")]


def group(locale: str, sex: str) -> Group:
    """What Faker knows of the names of one language and sex."""
    provider = import_module(f"faker.providers.person.{locale.replace('-', '_')}").Provider
    families = getattr(provider, f"last_names_{sex}", provider.last_names)
    given = names(getattr(provider, f"first_names_{sex}"), GIVEN_LENGTH)
    return Group(locale, given, names(families, FAMILY_LENGTH))


def names(found: Mapping[str, float] | Sequence[str], length: int) -> Names:
    """Names with their weights, where there are any; typed at most so long."""
    weights = found.values() if isinstance(found, Mapping) else [1.0] * len(found)
    typed = (_NO_LETTER.sub("", anyascii(name).lower())[:length] or "user" for name in found)
    return Names(list(zip(found, typed, strict=True)), list(accumulate(weights)))
