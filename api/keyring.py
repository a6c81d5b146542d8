"""The keys of a process that runs: taken over from their files when those change, without a restart.

A set with any mistake in it is refused as a whole: the old one goes on signing and verifying, the log and
/health/ready say why.
"""

import logging
import os
from pathlib import Path

from api.keys import Keys, prepare, read
from api.settings import OperatorError

log = logging.getLogger("pgroster.keys")

_Sight = tuple[tuple[str, int, int, int, int], ...]


class Keyring:
    """The keys of a directory. `reasons`: why its files, as they are by now, were refused."""

    def __init__(self, directory: Path) -> None:
        """Raises OperatorError where the keys can't be used."""
        prepare(directory)
        self._directory = directory
        self._seen = self._look()
        self.keys = read(directory)
        self.reasons: list[str] = []

    def changed(self) -> Keys | None:
        """The keys that the files hold by now, or None where they are the same as before. Costs a look at each file."""
        seen = self._look()
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            keys = read(self._directory)
        except OperatorError as error:
            log.error("keys stay as they were: %s", error)
            self.reasons = [str(error).replace(str(self._directory), self._directory.name)]
            return None
        self.reasons = []
        if keys == self.keys:
            return None
        self.keys = keys
        log.info("keys replaced", extra={"keys": [key.kid for key in keys.in_order]})
        return keys

    def _look(self) -> _Sight:
        """What shows whether a file was added, replaced, opened to others or taken away."""
        try:
            with os.scandir(self._directory) as entries:
                files = [(e.name, e.stat(follow_symlinks=False)) for e in entries if e.name.endswith(".pem")]
            files.append((".", os.stat(self._directory)))
        except OSError as error:
            return ((str(error.errno), 0, 0, 0, 0),)
        return tuple(
            sorted((name, s.st_ino, s.st_mode, s.st_size, 0 if name == "." else s.st_ctime_ns) for name, s in files)
        )
