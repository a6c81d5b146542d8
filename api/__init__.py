"""pgroster's HTTP service and command line: user management whose rules live in PostgreSQL."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The directory that holds api/ and db/: the repository's root."""
