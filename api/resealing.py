"""A new key for sealed secrets: `pgroster reseal` makes it and encrypts every secret anew."""

from pathlib import Path
from typing import LiteralString

from api.sealing import Sealer, SealError, add_key
from api.servers import connected
from api.settings import OperatorError

BATCH = 500
OUTDATED: LiteralString = "select user_id, sealed_secret from admin.outdated_secrets(%s, %s)"
REPLACE: LiteralString = "select admin.replace_secrets(%s, %s, %s)"


def reseal(dsn: str, directory: Path) -> tuple[int, list[Path]]:
    """Make a key and seal every secret with it; how many there were, and the files that none needs any more.

    A secret that somebody replaces meanwhile stays as they made it. Raises OperatorError.
    """
    Sealer(directory)  # makes the directory where there is none
    name = add_key(directory)
    sealer, count = Sealer(directory), 0
    with connected(dsn) as connection:
        while rows := connection.execute(OUTDATED, [name, BATCH]).fetchall():
            try:
                fresh = [sealer.seal(sealer.open(sealed)) for _, sealed in rows]
            except SealError as error:
                raise OperatorError(f"{error}; put its file back and run this again") from None
            users, old = zip(*rows, strict=True)
            connection.execute(REPLACE, [list(users), list(old), fresh])
            count += len(rows)
    return count, sealer.outdated()
