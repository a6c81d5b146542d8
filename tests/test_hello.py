"""The test of the design: one new SQL file is a new endpoint, on the server that is running, and no Python changed."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from api import ROOT
from tests.people import client_of, problem
from tests.server import Service, clean_environment
from tests.sources import route
from tests.waiting import until

HELLO = route(
    "hello(name app.person_name, times app.page_size default 1) returns text",
    "return repeat('Hello ' || name || '! ', times);",
    "@http GET /v1/hello/{name}",
    volatility="immutable",
)
MAKE_SECONDS = 60


def clone(directory: Path) -> Path:
    """What `make migrate` needs of this repository, somewhere else."""
    for part in ("api", "db"):
        shutil.copytree(ROOT / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", directory)
    shutil.copy(ROOT / "pyproject.toml", directory)
    return directory


def make_migrate(project: Path, service: Service) -> str:
    """Run `make migrate` in a clone; the virtual environment is this one's, everything else the clone's own."""
    done = subprocess.run(
        ["make", "--old-file=.venv/.ready", f"PGROSTER={sys.executable} -m api.cli", "migrate"],
        cwd=project,
        env=clean_environment(DATABASE_URL=service.admin_dsn, PGROSTER_VAR=str(service.var)),
        capture_output=True,
        text=True,
        timeout=MAKE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def python_of(project: Path) -> str:
    """A digest of all Python of a clone."""
    sources = sorted((project / "api").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def test_one_new_sql_file_is_a_new_route_of_the_running_service(service: Service, tmp_path: Path) -> None:
    project = clone(tmp_path / "clone")
    python = python_of(project)
    client = client_of(service)
    assert problem(client.get("/v1/hello/World")) == (404, "not_found")
    assert "/v1/hello/{name}" not in client.get("/openapi.json").json()["paths"]

    file = project / "db" / "functions" / "api" / "hello.sql"
    file.write_text(HELLO)
    assert "hello" in make_migrate(project, service)

    answer = until(lambda: (a := client.get("/v1/hello/World")).status_code == 200 and a, 10, "the route appears")
    assert answer and answer.json() == "Hello World! "
    assert client.get("/v1/hello/World?times=2").json() == "Hello World! Hello World! "
    operation = client.get("/openapi.json").json()["paths"]["/v1/hello/{name}"]["get"]
    assert operation["summary"] == "A route of a test."
    assert [(p["name"], p["in"], p["required"]) for p in operation["parameters"] if p["in"] != "header"] == [
        ("name", "path", True),
        ("times", "query", False),
    ]
    for target, field in [
        ("/v1/hello/World?times=0", "times"),
        ("/v1/hello/World?times=many", "times"),
        ("/v1/hello/World?twice=1", "twice"),
        ("/v1/hello/%3Cb%3E", "name"),
        (f"/v1/hello/{'x' * 101}", "name"),
    ]:
        refused = client.get(target)
        assert problem(refused) == (422, "invalid_request"), target
        assert field in str(refused.json()["errors"])
    assert problem(client.post("/v1/hello/World", json={})) == (405, "method_not_allowed")

    file.unlink()
    make_migrate(project, service)
    until(lambda: client.get("/v1/hello/World").status_code == 404, 10, "the route disappears")
    assert problem(client.get("/v1/hello/World")) == (404, "not_found")
    assert "/v1/hello/{name}" not in client.get("/openapi.json").json()["paths"]
    assert client.get("/health/ready").status_code == 200
    assert python_of(project) == python
    assert service.process.poll() is None, "the same process all the time"
