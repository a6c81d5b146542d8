"""Sample users in every state an account can have, for trying the service out; their passwords exist only on screen."""

import json
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher

from api import ROOT
from api.servers import connected
from api.settings import Settings

SCRIPT = ROOT / "db" / "seeds" / "sample_users.sql"
COUNT = 6
SYLLABLES = ("bdfghjklmnprstvz", "aeiou") * 2 + ("bdfghjklmnprstvz",)


@dataclass(frozen=True)
class SampleUser:
    """An account that was made, and the password that nobody will see again."""

    password: str
    username: str
    status: str
    roles: str


def load(admin_dsn: str, settings: Settings) -> list[SampleUser]:
    """Make the sample users in a database without any users; in any other change nothing and return an empty list."""
    passphrases = [passphrase() for _ in range(COUNT)]
    hasher = password_hasher(settings)
    hashes = json.dumps([hasher.hash(each) for each in passphrases])
    with connected(admin_dsn) as connection, connection.transaction():
        connection.execute("select pg_catalog.set_config('pgroster.sample_password_hashes', %s, true)", [hashes])
        cursor = connection.execute(SCRIPT.read_bytes())
        while cursor.nextset():
            pass
        accounts = cursor.fetchall()
    return [SampleUser(secret, *account) for secret, account in zip(passphrases, accounts, strict=False)]


def password_hasher(settings: Settings) -> PasswordHasher:
    """What hashes passwords here, at the cost that the service uses."""
    return PasswordHasher(
        time_cost=settings.argon2_time_cost,
        memory_cost=settings.argon2_memory_kib,
        parallelism=settings.argon2_parallelism,
    )


def passphrase() -> str:
    """Four made-up words that can be spoken and typed: 66 random bits, 23 characters."""
    return "-".join("".join(secrets.choice(letters) for letters in SYLLABLES) for _ in range(4))
