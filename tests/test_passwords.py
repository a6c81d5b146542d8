"""Passwords: what is accepted, how it is checked, and that hashing never takes more than its share."""

import asyncio
import threading
import unicodedata
from collections.abc import Iterator

import bcrypt
import pytest
from argon2 import extract_parameters

from api.errors import Problem
from api.passwords import LENGTH_MAX, LENGTH_MIN, Hasher, guessable_error, length_error

GOOD = "seven herons over Lake Brienz"
WORDS = ["ann.smith@example.org", "ann.smith", "Annie", "pgroster", None]


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    """A hasher with the least cost that is allowed."""
    made = Hasher(concurrency=1, queue=1, memory=19456, passes=2, lanes=1)
    yield made
    made.close()


def code_of(password: str) -> str | None:
    """Why a password is refused, or None."""
    error = length_error("password", password) or guessable_error("password", password, WORDS)
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
        ("ann.smith@example.org", "resembles_account"),
        ("Ann.Smith@Example.ORG!", "resembles_account"),
        ("gro.elpmaxe@htims.nna", "resembles_account"),
        ("annsmith pgroster 1", "resembles_account"),
        ("\uff21nn.smith \uff41nn.smith", "resembles_account"),
        ("pgroster-pgroster-2026", "resembles_account"),
    ],
)
def test_a_password_that_others_would_guess_is_refused_with_a_reason(password: str, code: str) -> None:
    """BR-022"""
    assert code_of(password) == code


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


def test_a_failure_of_hashing_does_not_tell_the_password(hasher: Hasher) -> None:
    def fail() -> None:
        raise ValueError(GOOD)

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(hasher._run(fail))
    assert GOOD not in str(caught.value)
    assert caught.value.__suppress_context__ and caught.value.__cause__ is None
