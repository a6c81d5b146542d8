"""The whole document against the real service, with Schemathesis: every check that it has, from the examples to chains
of requests along the links. Exceptions stand in tests/document_hooks.py.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from api import ROOT
from tests.server import Service, clean_environment

OPTIONS = (
    *("--checks", "all"),
    *("--request-timeout", "60"),
    "--continue-on-failure",
    # A NUL in a string is a 400 whatever the string is for; a schema would have to say so of each.
    *("--generation-allow-x00", "false"),
)


def probe(service: Service, directory: Path, role: str, *options: str) -> None:
    """Run Schemathesis as somebody of that role; fails with its report, which names the seed."""
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--no-color", "run", f"{service.base_url}/openapi.json",
         *OPTIONS, *options],
        cwd=directory,
        env=clean_environment(
            SCHEMATHESIS_HOOKS="tests.document_hooks",
            PYTHONPATH=str(ROOT),
            DOCUMENT_URL=service.base_url,
            DOCUMENT_DSN=service.admin_dsn,
            DOCUMENT_ROLE=role,
        ),
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_is_true(shared_service: Service, tmp_path: Path) -> None:
    """What its examples and the edges of its schemas show, the same each time, to somebody who may do everything."""
    probe(shared_service, tmp_path, "admin", "--phases", "examples,coverage", "--generation-deterministic")


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("role", ["anonymous", "user", "admin"])
def test_the_document_stays_true_whatever_is_sent_in_whichever_order(
    shared_service: Service, tmp_path: Path, role: str
) -> None:
    probe(shared_service, tmp_path, role, "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "50")
