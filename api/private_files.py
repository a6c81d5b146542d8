"""Files and directories that nobody but the service's own account may read: keys, secrets, messages, archives."""

import os
import secrets
from pathlib import Path


def make_private(directory: Path) -> None:
    """Make a directory for this account alone, and those above it that are missing; `mkdir` would leave those open."""
    for missing in reversed([directory, *directory.parents]):
        missing.mkdir(mode=0o700, exist_ok=True)


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only this account may read, whole or not at all; one that another process made first stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
