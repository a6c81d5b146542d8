"""`pgroster audit`: heads that are kept elsewhere, archives that verify, and exit codes that tell."""

import gzip
import json
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api import ROOT
from tests.databases import TestDatabase
from tests.sealing import account, until_sealed, value, write
from tests.server import clean_environment, pgroster

Run = Callable[..., "subprocess.CompletedProcess[str]"]
BROKEN = 3
OLDEST_CHANGED: LiteralString = """
    update audit.audit_logs set route = 'x' where id = (select id from audit.audit_logs order by occurred_at limit 1)"""


@pytest.fixture
def run(database: TestDatabase, tmp_path: Path) -> Run:
    """Runs `pgroster audit` on this test's database, with a VAR of its own."""

    def call(*arguments: object, dsn: str = database.admin_dsn) -> "subprocess.CompletedProcess[str]":
        environment = clean_environment(
            DATABASE_URL=dsn, PGROSTER_VAR=str(tmp_path / "var"), PGROSTER_AUTHENTICATOR_PASSWORD="not asked for"
        )
        command = pgroster("audit", *map(str, arguments))
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return call


@pytest.fixture
def log(database: TestDatabase) -> psycopg.Connection[Any]:
    """A sealed log: a month of eight years ago, and today."""
    database.admin.execute("update private.clock set shift = '-8 years'")
    database.admin.execute("select admin.create_audit_partitions()")
    account(database.admin, "ann")
    write(database.admin, 10)
    database.admin.execute("update private.clock set shift = '0'")
    write(database.admin, 10)
    until_sealed(database.admin)
    return database.admin


def keep_head(run: Run, path: Path) -> dict[str, Any]:
    """Put the head where `verify --against` finds it."""
    done = run("head")
    assert done.returncode == 0, done.stderr
    path.write_text(done.stdout)
    return dict(json.loads(done.stdout))


def tamper(log: psycopg.Connection[Any], *statements: str) -> None:
    """What a superuser may do."""
    with log.transaction():
        log.execute("set local session_replication_role = replica")
        for statement in statements:
            log.execute(statement.encode())


def old_month(log: psycopg.Connection[Any]) -> str:
    """The month that has expired."""
    return str(value(log, "select to_char(min(occurred_at), 'YYYY-MM') from audit.audit_logs"))


def test_an_intact_log_fits_the_head_that_was_kept(run: Run, log: psycopg.Connection[Any], tmp_path: Path) -> None:
    """BR-215: also after more was sealed."""
    head = keep_head(run, tmp_path / "head.json")
    assert head["digest"] == value(log, "select encode(digest, 'hex') from audit.seals order by number desc limit 1")
    write(log, 3)
    until_sealed(log)
    done = run("verify", "--against", tmp_path / "head.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"the chain has it, as seal {head['seal']}" in done.stdout
    report = json.loads(run("verify", "--json").stdout)
    assert (report["is_intact"], report["unsealed"]) == (True, 0)


def test_an_edited_row_is_told_with_an_exit_code_of_its_own(run: Run, log: psycopg.Connection[Any]) -> None:
    """BR-210: in words and in JSON."""
    tamper(log, "update audit.audit_logs set route = 'x' where id = (select max(id) from audit.audit_logs)")
    done = run("verify")
    row = value(log, "select max(id) from audit.audit_logs")
    assert (done.returncode, f"row {row} is not as it was" in done.stdout) == (BROKEN, True)
    done = run("verify", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["problem"], report["row_id"]) == (BROKEN, "row_changed", row)


def test_a_chain_that_was_made_anew_is_found(run: Run, log: psycopg.Connection[Any], tmp_path: Path) -> None:
    """BR-215: rows and every seal rewritten, which the database alone cannot tell."""
    keep_head(run, tmp_path / "head.json")
    tamper(
        log,
        "update audit.audit_logs set details = '{}' where id = (select min(id) + 5 from audit.audit_logs)",
        "delete from audit.seals",
    )
    until_sealed(log)
    while value(log, "select max(number) from audit.seals") < json.loads((tmp_path / "head.json").read_text())["seal"]:
        write(log)
        until_sealed(log)
    assert run("verify").returncode == 0
    done = run("verify", "--against", tmp_path / "head.json")
    assert (done.returncode, "made anew" in done.stdout) == (BROKEN, True)


def test_removed_newest_rows_are_found(run: Run, log: psycopg.Connection[Any], tmp_path: Path) -> None:
    """BR-215: rows and their seals cut off at the end leave a chain that holds."""
    head = keep_head(run, tmp_path / "head.json")
    tamper(
        log,
        "delete from audit.audit_logs where id <@ (select ids from audit.seals order by number desc limit 1)",
        "delete from audit.seals where number = (select max(number) from audit.seals)",
    )
    assert run("verify").returncode == 0
    done = run("verify", "--json", "--against", tmp_path / "head.json")
    assert done.returncode == BROKEN
    assert json.loads(done.stdout)["heads"][0]["problem"] == "seals_removed"
    assert f"ends with seal {head['seal'] - 1}" in json.loads(done.stdout)["heads"][0]["message"]


def test_a_head_counts_only_with_a_signature_that_is_trusted(
    run: Run, log: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """BR-215: a changed head, one of a stranger and something else are refused, none of them as a broken log."""
    kept = tmp_path / "head.json"
    head = keep_head(run, kept)
    kept.write_text(json.dumps(head | {"digest": "00" * 32}))
    changed = run("verify", "--against", kept)
    assert (changed.returncode, "does not fit its signature" in changed.stderr) == (1, True)
    kept.write_text(json.dumps(head))
    (key,) = (tmp_path / "var" / "keys" / "audit").glob("*.pem")
    assert (key.stem, key.stat().st_mode & 0o777) == (head["key_id"], 0o600)
    key.unlink()
    strange = run("verify", "--against", kept)
    assert (strange.returncode, "--key takes the id" in strange.stderr) == (1, True)
    assert run("verify", "--against", kept, "--key", head["key_id"]).returncode == 0
    assert run("verify", "--against", kept, "--key", "another").returncode == 1
    kept.write_text("{}")
    assert "is no head of an audit log" in run("verify", "--against", kept).stderr
    assert run("verify", "--against", tmp_path / "none").returncode == 1


def test_an_expired_month_is_archived_dropped_and_verified(
    run: Run, log: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """BR-216: the archive holds all of it, verifies against the seals that stay, and lets the partition go."""
    done = run("archive", "--json")
    assert done.returncode == 0, done.stderr
    (archive,) = json.loads(done.stdout)
    path = Path(archive["path"])
    assert path.parent == tmp_path / "var" / "archive" and path.stat().st_mode & 0o777 == 0o600
    rows = [json.loads(line) for line in gzip.open(path)]
    assert [row["month"] for row in rows[:1]] == [old_month(log)]
    kept = [json.loads(row["row"])["id"] for row in rows if "row" in row]
    assert kept == value(log, "select array_agg(id order by id) from audit.audit_logs where occurred_at < '2024-01-01'")
    assert "ann@example.org" in str(rows)
    assert "nothing to archive" in run("archive").stdout
    assert value(log, "select admin.drop_expired_audit() -> 'dropped' ->> 'rows'") == str(len(kept))
    done = run("verify", "--archive", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"over the {len(kept)} rows of {archive['month']}" in done.stdout
    assert "was dropped" in run("archive", "--month", archive["month"]).stderr


def test_an_archive_without_personal_parts_verifies_too(run: Run, log: psycopg.Connection[Any], tmp_path: Path) -> None:
    """BR-216: what a seal covers is enough."""
    done = run("archive", "--without-personal-parts", "--directory", tmp_path, "--json")
    (archive,) = json.loads(done.stdout)
    assert "ann@example.org" not in gzip.open(archive["path"]).read().decode()
    assert run("verify", "--archive", archive["path"]).returncode == 0


CHANGES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "a changed row": lambda lines: lines[2].update(row=lines[2]["row"].replace("roster", "raster").replace("r", "R")),
    "a missing row": lambda lines: lines.pop(2),
    "rows in another order": lambda lines: lines.insert(2, lines.pop(3)),
    "a changed value": lambda lines: lines[2].update(values='["x", null]'),
    "a changed origin": lambda lines: lines[2].update(origin='["192.0.2.9", "x"]'),
    "a missing end": lambda lines: lines.pop(),
    "a missing seal": lambda lines: [lines.pop(1) for _ in lines[1:-1]],
    "a changed seal": lambda lines: lines[1].update(seal=lines[1]["seal"].replace("rows", "rovs")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_archive_that_was_changed_is_found(
    run: Run, log: psycopg.Connection[Any], tmp_path: Path, what: str
) -> None:
    """BR-216: by the seals that the database keeps."""
    assert run("archive", "--directory", tmp_path).returncode == 0
    (path,) = tmp_path.glob("*.gz")
    lines = [json.loads(line) for line in gzip.open(path)]
    CHANGES[what](lines)
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    done = run("verify", "--archive", path)
    assert done.returncode == BROKEN, done.stdout + done.stderr


def test_a_damaged_archive_is_told_from_something_else(run: Run, log: psycopg.Connection[Any], tmp_path: Path) -> None:
    """BR-216: cut off is broken; a file of another kind is a mistake of who named it."""
    assert run("archive", "--directory", tmp_path).returncode == 0
    (path,) = tmp_path.glob("*.gz")
    path.write_bytes(path.read_bytes()[:-20])
    assert run("verify", "--archive", path).returncode == BROKEN
    path.write_text("something else")
    done = run("verify", "--archive", path)
    assert (done.returncode, "is no archive of an audit log" in done.stderr) == (1, True)


def test_nothing_is_archived_over_a_file_or_from_rows_that_do_not_fit(
    run: Run, log: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """BR-216: an archive is there whole and true, or not at all."""
    month = old_month(log)
    name = tmp_path / f"audit-{month}.jsonl.gz"
    name.write_text("mine")
    assert "is there already" in run("archive", "--directory", tmp_path).stderr
    assert name.read_text() == "mine"
    name.unlink()
    tamper(log, OLDEST_CHANGED)
    done = run("archive", "--directory", tmp_path)
    assert (done.returncode, "not as they were sealed" in done.stderr) == (1, True)
    assert [path for path in tmp_path.iterdir() if path.name != "var"] == []
    assert value(log, "select count(*) from audit.archives") == 0
    assert run("archive", "--month", "1999-01").returncode == 2


def test_who_is_no_operator_is_told_so(run: Run, log: psycopg.Connection[Any], database: TestDatabase) -> None:
    """The commands run with the rights of the login, and say which it lacks."""
    done = run("head", dsn=database.api_dsn)
    assert (done.returncode, "roster_dba" in done.stderr) == (1, True)


def test_an_auditor_needs_no_more_than_to_read(run: Run, log: psycopg.Connection[Any], database: TestDatabase) -> None:
    """BR-218: verification and heads take a login of roster_auditor; to archive is for operators."""
    log.execute("create role command_auditor login in role roster_auditor")
    try:
        dsn = make_conninfo(database.admin_dsn, user="command_auditor")
        done = run("verify", dsn=dsn)
        assert done.returncode == 0, done.stdout + done.stderr
        assert run("head", dsn=dsn).returncode == 0
        assert run("archive", dsn=dsn).returncode == 1
    finally:
        log.execute("drop role command_auditor")


def test_a_log_without_seals_has_no_head(run: Run, database: TestDatabase) -> None:
    """There is nothing to sign yet."""
    done = run("head")
    assert (done.returncode, "nothing is sealed yet" in done.stderr) == (1, True)


def test_archives_and_heads_are_verified_without_a_database(
    run: Run, log: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """BR-219: by this program and what was kept elsewhere; an archive that was made up anew does not fit its head."""
    (archive,) = json.loads(run("archive", "--directory", tmp_path, "--json").stdout)
    path, kept, nowhere = Path(archive["path"]), tmp_path / "head.json", "host=/nonexistent"
    last = value(log, "select max(number) from audit.seals where month < '2024-01-01'")
    kept.write_text(run("head", "--seal", last).stdout)
    done = run("verify", "--offline", "--archive", path, "--against", kept, dsn=nowhere)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"an archive has it, as seal {last}" in done.stdout
    keep_head(run, kept)
    done = run("verify", "--offline", "--archive", path, "--against", kept, dsn=nowhere)
    assert (done.returncode, "no archive has seal" in done.stdout) == (BROKEN, True)
    kept.write_text(run("head", "--seal", last).stdout)
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in made_up(path)).encode()))
    assert run("verify", "--offline", "--archive", path, dsn=nowhere).returncode == 0, "it fits itself"
    done = run("verify", "--offline", "--archive", path, "--against", kept, dsn=nowhere)
    assert (done.returncode, "made anew" in done.stdout) == (BROKEN, True)
    assert run("verify", "--archive", path).returncode == BROKEN
    assert run("verify", "--offline", dsn=nowhere).returncode == 2


def test_an_archive_outlives_an_erasure_as_it_is(run: Run, log: psycopg.Connection[Any], tmp_path: Path) -> None:
    """BR-216: it still verifies, and still holds what was erased, so it can be made without personal parts."""
    (archive,) = json.loads(run("archive", "--directory", tmp_path, "--json").stdout)
    log.execute("select api.anonymize_user(id) from app.users where username = 'ann'")
    until_sealed(log)
    done = run("verify", "--archive", archive["path"])
    assert done.returncode == 0, done.stdout
    assert "ann@example.org" in gzip.open(archive["path"]).read().decode()


def made_up(path: Path) -> list[dict[str, Any]]:
    """An archive with a changed row, whose seals somebody took anew."""
    lines = [json.loads(line) for line in gzip.open(path)]
    starts = [place for place, line in enumerate(lines) if "seal" in line]
    lines[starts[0] + 1]["row"] = lines[starts[0] + 1]["row"].replace('"details": ', '"detailz": ')
    previous = None
    for start, end in zip(starts, [*starts[1:], len(lines) - 1], strict=True):
        digests = [sha256(line["row"].encode()).digest() for line in lines[start + 1 : end]]
        seal = json.loads(lines[start]["seal"])
        seal["rows_digest"] = sha256(b"".join(digests)).hexdigest()
        seal["checks"] = sha256(b"".join(digest[:8] for digest in digests)).hexdigest()
        seal["previous_digest"] = previous or seal["previous_digest"]
        lines[start]["seal"] = json.dumps(seal)
        lines[start]["digest"] = previous = sha256(lines[start]["seal"].encode()).hexdigest()
    return lines
