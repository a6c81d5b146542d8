"""Reading the plan and its scripts: what is understood, and what is refused with its file and line."""

import re
from pathlib import Path

import pytest

from api import function_sources
from api.plan import DATABASE, read_plan
from api.sqlfile import MigrationError, body, expand

PLANNED = "2026-01-02T03:04:05Z Ann <ann@example.org> # A note"


def write(directory: Path, **files: str) -> Path:
    """Write files (their names without .sql) and return the first."""
    for name, text in files.items():
        (directory / f"{name}.sql").write_text(text)
    return directory / f"{next(iter(files))}.sql"


def project(directory: Path, plan: str, *steps: str) -> Path:
    """A project whose scripts do nothing."""
    for kind, end in (("deploy", "commit"), ("revert", "commit"), ("verify", "rollback")):
        (directory / "migrations" / kind).mkdir(parents=True)
        for step in steps:
            (directory / "migrations" / kind / f"{step}.sql").write_text(f"-- {kind} {step}\nbegin;\n{end};\n")
    (directory / "functions").mkdir()
    (directory / "migrations" / "sqitch.plan").write_text(plan)
    return directory


def test_an_included_file_stands_where_it_is_named_and_is_found_from_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    outer = write(tmp_path, outer="select 1;\n\\ir inner/middle.sql\nselect 4;\n")
    write(tmp_path / "inner", middle="select 2;\n\\ir last.sql\n", last="select 3;")
    script = expand(outer)
    assert re.findall(r"\d", script.text) == ["1", "2", "3", "4"]
    assert [path.name for path in script.files] == ["outer.sql", "middle.sql", "last.sql"]


def test_an_offset_is_located_in_the_file_that_it_came_from(tmp_path: Path) -> None:
    outer = write(tmp_path, outer="select 1;\n\n\\ir inner.sql\nselect 3;\n", inner="\nselect 2;\n")
    script = expand(outer)
    assert script.locate(script.text.index("1")).endswith("outer.sql:1")
    assert script.locate(script.text.index("2")).endswith("inner.sql:2")
    assert script.locate(script.text.index("3")).endswith("outer.sql:4")


@pytest.mark.parametrize(
    "quoted",
    [
        r"select '\ir nothing.sql';",
        r"select e'\' \ir nothing.sql';",
        'select 1 as "\\ir nothing.sql";',
        "select $$\n\\ir nothing.sql\n$$;",
        "select $body$ $$ ' \\ir nothing.sql $body$;",
        "-- don't \\ir nothing.sql\nselect 1;",
        "/* don't /* \\ir nothing.sql */ ' */ select 1;",
        "select a$b, c$ from d; -- ' \\",
    ],
)
def test_what_looks_like_a_command_inside_a_string_or_a_comment_is_left_alone(tmp_path: Path, quoted: str) -> None:
    assert expand(write(tmp_path, script=quoted)).text == quoted


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("select 1;\n\\ir missing.sql\n", "script.sql:2: there is no file missing.sql"),
        ("\\i other.sql\n", "script.sql:1: only `\\ir file` between statements is understood, not `\\i other.sql`"),
        ("select 1 \\gset\n", "script.sql:1: only `\\ir file`"),
        ("select 1\n\\ir script.sql\n", "script.sql:2: only `\\ir file` between statements"),
        ("\\set ON_ERROR_STOP off\n", "script.sql:1: only `\\ir file`"),
        ("\n\\ir script.sql\n", "script.sql:2: script.sql includes itself"),
        ("select 1;\nselect 'open;\n", "script.sql:2: this string or comment has no end"),
        ("select 1;\n/* open;\n", "script.sql:2: this string or comment has no end"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(MigrationError, match=re.escape(complaint)):
        expand(write(tmp_path, script=text))


def test_a_cycle_over_several_files_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path, a="\\ir b.sql\n", b="\\ir c.sql\n", c="\n\n\\ir a.sql\n")
    with pytest.raises(MigrationError, match=r"c\.sql:3: a\.sql includes itself"):
        expand(first)


def test_a_file_may_be_included_twice(tmp_path: Path) -> None:
    assert expand(write(tmp_path, a="\\ir b.sql\n\\ir b.sql\n", b="x;")).text.split() == ["x;", "x;"]


def test_the_outer_transaction_is_taken_off_without_moving_anything(tmp_path: Path) -> None:
    script = expand(write(tmp_path, s="-- why\nBEGIN ;\nselect $$begin; commit;$$;\ncommit;\n"))
    inner = body(script, "commit")
    assert inner.text == "-- why\n       \nselect $$begin; commit;$$;\n       \n"
    assert len(inner.text) == len(script.text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("select 1;\n", "starts with `begin;` and ends with `commit;`"),
        ("begin;\nselect 1;\n", "starts with `begin;` and ends with `commit;`"),
        ("begin;\nselect 1;\ncommit;\nselect 2;\n", "s.sql:3: `commit` would break"),
        ("begin;\ncommit;\nbegin;\ncommit;\n", "s.sql:2: `commit` would break"),
        ("begin isolation level serializable;\ncommit;\n", "s.sql:1: `begin` would break"),
        ("begin;\nselect 1;\nrollback;\n", "s.sql:3: `rollback` would break"),
        ("begin;\n\\ir inner.sql\ncommit;\n", "inner.sql:2: `COMMIT` would break"),
    ],
)
def test_transaction_control_anywhere_else_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, s=text, inner="select 1;\nCOMMIT;\n")
    with pytest.raises(MigrationError, match=re.escape(complaint)):
        body(expand(path), "commit")


def test_the_plan_gives_the_steps_in_order_with_their_notes(tmp_path: Path) -> None:
    plan = f"%project=p\n\n# why\na {PLANNED}\n@v1 {PLANNED}\nb_2 [a] {PLANNED}\nfunctions {PLANNED}\n"
    steps = read_plan(project(tmp_path, plan, "a", "b_2", "functions"))
    assert [(step.name, step.note) for step in steps] == [(n, "A note") for n in ("a", "b_2", "functions")]


def test_a_step_that_is_planned_again_counts_at_its_last_place(tmp_path: Path) -> None:
    plan = f"a {PLANNED}\nfunctions {PLANNED}\n@v1 {PLANNED}\nb {PLANNED}\nfunctions [functions@v1] {PLANNED}\n"
    steps = read_plan(project(tmp_path, plan, "a", "b", "functions"))
    assert [step.name for step in steps] == ["a", "b", "functions"]


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        ("a\n", "sqitch.plan:1: a line is `name [needs] time"),
        (f"-a {PLANNED}\n", "sqitch.plan:1: a line is"),
        (f"a {PLANNED}\nb [c] {PLANNED}\n", "sqitch.plan:2: b needs c, which is not planned before it"),
        (f"a {PLANNED}\na {PLANNED}\n", "sqitch.plan:2: a is planned already"),
        (f"functions {PLANNED}\na {PLANNED}\n", "the last step has to be `functions`"),
        (f"c {PLANNED}\nfunctions {PLANNED}\n", "the plan has a step c, but there is no file"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(tmp_path: Path, plan: str, complaint: str) -> None:
    with pytest.raises(MigrationError, match=re.escape(complaint)):
        read_plan(project(tmp_path, plan, "a", "b", "functions"))


def test_a_steps_digest_covers_its_own_files_and_not_the_functions_that_it_includes(tmp_path: Path) -> None:
    plan = f"a {PLANNED}\nfunctions {PLANNED}\n"
    database = project(tmp_path, plan, "a", "functions")
    (database / "schema").mkdir()
    (database / "functions" / "private").mkdir()
    schema, function = database / "schema" / "a.sql", database / "functions" / "private" / "f.sql"
    schema.write_text("select 1;\n\\ir ../functions/private/f.sql\n")
    function.write_text("select 2;\n")
    (database / "migrations" / "deploy" / "a.sql").write_text("begin;\n\\ir ../../schema/a.sql\ncommit;\n")
    digest = read_plan(database)[0].digest
    function.write_text("select 3;\n")
    assert read_plan(database)[0].digest == digest
    schema.write_text(schema.read_text() + "-- edited\n")
    assert read_plan(database)[0].digest != digest


def test_functions_are_applied_by_schema_and_views_after_what_they_call(tmp_path: Path) -> None:
    for name in ("api/b", "private/z", "private/a", "audit/l", "http/routes", "http/tags", "admin/x"):
        path = tmp_path / "functions" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("create or replace view http.routes as select 1;\n" if "routes" in name else "select 1;\n")
    (tmp_path / "functions" / "types.sql").write_text("create type api.t as (a integer);\n")
    apply = function_sources.generated(tmp_path / "functions")[tmp_path / "functions" / "apply.sql"]
    assert re.findall(r"^\\ir (?:\w+/)?(\w+)\.sql$", apply, re.MULTILINE) == [
        "begin", "types", *(listed := ["a", "z", "l", "tags", "routes", "x", "b"]), *listed, "finish",
    ]  # fmt: skip
    assert "set local role roster_audit_owner;\n\\ir audit/l.sql\nset local role roster_owner;\n" in apply


def test_a_function_file_in_a_place_that_nothing_applies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reporting").mkdir()
    write(tmp_path / "reporting", f="select 1;")
    with pytest.raises(MigrationError, match=r"reporting/f\.sql: functions lie in a directory named for their schema"):
        function_sources.sources(tmp_path)


def test_the_committed_plan_and_all_its_scripts_are_sound() -> None:
    schema = sorted(path.stem[4:] for path in (DATABASE / "schema").glob("*.sql"))
    assert sorted(step.name for step in read_plan()) == sorted([*schema, "functions"])
