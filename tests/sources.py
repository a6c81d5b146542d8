"""Functions that a test adds to a copy of db/ and deploys the way `pgroster migrate` does."""

import re
import shutil
from pathlib import Path

from api import ROOT
from api.migrate import migrate


class Sources:
    """A copy of the repository's db/ below a directory of the test's own."""

    def __init__(self, directory: Path) -> None:
        self.db = directory / "db"
        shutil.copytree(ROOT / "db", self.db)

    def write(self, text: str) -> None:
        """Put a function of schema api into the file where it belongs."""
        name = re.search(r"create or replace function api\.(\w+)", text)
        assert name
        (self.db / "functions" / "api" / f"{name[1]}.sql").write_text(text)

    def remove(self, name: str) -> None:
        """Delete the file of a function of schema api."""
        (self.db / "functions" / "api" / f"{name}.sql").unlink()

    def define_types(self, text: str) -> None:
        """Replace what earlier calls added to the types of schema api."""
        shutil.copy(ROOT / "db" / "functions" / "types.sql", self.db / "functions" / "types.sql")
        with (self.db / "functions" / "types.sql").open("a") as file:
            file.write(text)

    def deploy(self, admin_dsn: str) -> None:
        """Apply the functions to a database; a running service is told by the database."""
        migrate(admin_dsn, database=self.db)


def route(
    declaration: str,
    body: str,
    tags: str,
    *,
    volatility: str = "volatile",
    callers: str = "roster_anonymous, roster_user",
) -> str:
    """The file of a function of schema api: from `name(arguments) returns type`, the body's PL/pgSQL and its tags."""
    match = re.fullmatch(r"(\w+)\((.*)\) returns (\S+)", declaration, re.DOTALL)
    assert match
    name, arguments, returns = match.groups()
    types = ", ".join(a.split(" default ")[0].split(maxsplit=1)[1] for a in arguments.split(", ") if a)
    return f"""\
create or replace function api.{name}({arguments}) returns {returns}
language plpgsql
{volatility}
set search_path = pg_catalog, pg_temp
as $function$
begin
  {body}
end
$function$;
comment on function api.{name}({types}) is $comment$
{tags}

A route of a test.
$comment$;
revoke all on function api.{name}({types}) from public;
grant execute on function api.{name}({types}) to {callers};
"""
