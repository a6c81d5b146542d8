"""What Python may not contain, looked for: the service knows no route, no table and no rule of this product."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import ROOT

SOURCES = sorted((ROOT / "api").rglob("*.py"))
STATEMENTS = "\n".join(path.read_text() for path in sorted((ROOT / "db" / "schema").glob("*.sql")))
RELATION = re.compile(r"create (?:unlogged )?(?:table|view|materialized view)(?: if not exists)? (\w+)\.(\w+)")
RELATIONS = sorted(set(RELATION.findall(STATEMENTS)))
OWN_SCHEMAS = ("app", "audit", "private", "reporting", "admin")
SEAM = {
    ("http", "deployed"): {"catalog.py", "service.py", "migrate.py", "function_set.py", "ledger.py"},
    ("app", "schema_migrations"): {"migrate.py", "ledger.py", "plan.py", "yoyo_steps.py"},
    ("admin", "run_due_job"): {"app.py"},
    ("admin", "import_users"): {"importing.py"},
    ("admin", "audit_partitions"): {"audit.py"},
    ("admin", "export_audit_seals"): {"audit_archive.py"},
    ("admin", "export_audit_rows"): {"audit_archive.py"},
    ("admin", "record_audit_archive"): {"audit_archive.py"},
    ("audit", "audit_logs"): {"audit_queries.py"},
    ("audit", "seals"): {"audit_queries.py"},
    ("admin", "outdated_secrets"): {"resealing.py"},
    ("admin", "replace_secrets"): {"resealing.py"},
    ("private", "now"): {"doctor_database.py"},
    ("private", "clock"): {"doctor_database.py"},
}
"""What some modules have to name to do their work: functions and steps, jobs, import, the log's seals, the clock."""
RULES = {
    "a session's or a token's lifetime": r"(?i)\b(retry_grace|grace_|session_absolute|token_idle|token_ttl)",
    "a lock": r"(?i)\b(lockout|failed_login|locked_until)\b",
    "a role of the application": r"['\"](support|auditor|member)['\"]",
    "a permission": r"['\"][a-z]+:(read|write|delete|assign|manage)['\"]",
    "a status of an account": r"(?i)['\"](inactive|suspended|anonymized|deleted)['\"]",
    "a rate": r"(?i)requests? (a|per) minute",
    "a field of an account": r"['\"](email|first_name|last_name|phone|gdpr_consent|refresh_token)['\"]",
}
EXEMPT = {
    "seeds.py": "creates the sample accounts, from SQL, and prints who they are",
    "screens.py": "prints the sample accounts",
    "strangers.py": "makes up accounts in every state",
}


def code_of(path: Path) -> str:
    """A module's code, without comments and docstrings: those may talk about anything."""
    text = re.sub(r'^\s*(?:"""(?:.|\n)*?""")\s*$', "", path.read_text(), flags=re.MULTILINE)
    return re.sub(r"(?m)(^|\s)#.*$", "", text)


def found(pattern: str, *skipped: str) -> Iterator[str]:
    """Every line of the service that has a pattern."""
    for path in SOURCES:
        if path.name not in skipped:
            for line in code_of(path).splitlines():
                if re.search(pattern, line):
                    yield f"{path.name}: {line.strip()}"


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 20
    assert len(RELATIONS) > 15
    assert ("app", "users") in RELATIONS


def test_python_holds_no_route_path() -> None:
    assert list(found(r"/v\d+(/|\b)")) == []


@pytest.mark.parametrize(("schema", "relation"), RELATIONS)
def test_python_names_no_table(schema: str, relation: str) -> None:
    allowed = SEAM.get((schema, relation), set())
    in_sql = rf"(?i)\b(from|join|into|update|table|truncate)\s+(only\s+)?({schema}\.)?{relation}\b(?!\s+import)"
    assert list(found(rf"\b{schema}\.{relation}\b", *allowed)) == []
    assert list(found(in_sql, *allowed)) == []


@pytest.mark.parametrize("schema", OWN_SCHEMAS)
def test_python_calls_nothing_but_the_seam(schema: str) -> None:
    known = {name for (owner, name) in SEAM if owner == schema} | {"password_hash"}
    calls = rf"(?i)\b(select|call|from|join)\s+(\*\s+from\s+)?{schema}\.(?!{'|'.join(known)})\w+"
    assert list(found(calls)) == []


@pytest.mark.parametrize(("schema", "name"), SEAM)
def test_only_the_modules_of_the_seam_name_what_is_theirs(schema: str, name: str) -> None:
    assert list(found(rf"\b{schema}\.{name}\b", *SEAM[(schema, name)])) == []


@pytest.mark.parametrize("rule", RULES)
def test_python_holds_no_business_rule(rule: str) -> None:
    assert list(found(RULES[rule], *EXEMPT)) == []


def test_the_search_would_find_what_it_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text('"""About /v1/users."""\nPATH = "/v1/users"  # and /v1/me\nQUERY = "select id from app.users"\n')
    monkeypatch.setattr("tests.test_layering.SOURCES", [bad])
    assert list(found(r"/v\d+(/|\b)")) == ['bad.py: PATH = "/v1/users"']
    assert list(found(r"(?i)\bfrom\s+(app\.)?users\b")) == ['bad.py: QUERY = "select id from app.users"']
