"""The log read as a history from which every table can be made again, and what to hold it against."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

Row = dict[str, Any]

SHADOW = """
create table public.shadow (
  id bigint generated always as identity, xid xid8 not null default pg_current_xact_id(),
  relation text not null, verb text not null, old jsonb, new jsonb);
create function public.note() returns trigger language plpgsql security definer as $$
begin
  insert into public.shadow (relation, verb, old, new) values (
    tg_table_schema || '.' || tg_table_name,
    case tg_op when 'INSERT' then 'inserted' when 'UPDATE' then 'updated' else 'deleted' end,
    case when tg_op <> 'INSERT' then to_jsonb(old) end, case when tg_op <> 'DELETE' then to_jsonb(new) end);
  return null;
end $$;
create function public.raises(statement text) returns void language plpgsql as $$
begin
  execute statement;
  raise exception 'in the middle';
end $$;
create function public.survives(statement text) returns void language plpgsql as $$
begin
  execute statement;
  raise exception 'in the middle';
exception when others then
  null;
end $$;
create function public.waits(statement text) returns void language plpgsql as $$
begin
  execute statement;
  perform pg_advisory_xact_lock(1);
end $$;
grant execute on function public.raises, public.survives, public.waits to public;
update app.rate_limit_policies set quota = 1000000;
"""
"""A second account of every change, and what undoes a statement or holds it up."""
NOTE = sql.SQL("create trigger zzz after insert or update or delete on {} for each row execute function public.note()")
ACCOUNT = """
select u.id::text, private.now()::text,
  to_jsonb(u) - '{password_hash,has_short_password,email_key,username_key,version,updated_at}'::text[]
  || coalesce((select to_jsonb(p) - '{user_id,created_at,updated_at}'::text[]
               from app.user_profiles p where p.user_id = u.id), '{}')
  || jsonb_build_object(
    'roles', array(select r.name from app.user_roles ur join app.roles r on r.id = ur.role_id
                   where ur.user_id = u.id and coalesce(ur.expires_at, 'infinity') > private.now()
                   order by r.name collate "C"),
    'permissions', array(select distinct rp.permission::text collate "C" from app.user_roles ur
                         join app.role_permissions rp on rp.role_id = ur.role_id
                         where ur.user_id = u.id and coalesce(ur.expires_at, 'infinity') > private.now() order by 1),
    'consents', (select coalesce(jsonb_agg(to_jsonb(c) order by c.purpose collate "C"), '[]') from (
                   select distinct on (c.purpose) c.purpose, c.is_granted, c.text_version, c.created_at as declared_at
                   from app.consents c where c.user_id = u.id order by c.purpose, c.created_at desc, c.id desc) c))
from app.users u where not exists (select from app.erasures e where e.user_id = u.id)
"""
"""Every account as its own tables have it: what `private.user_as_of()` has to say of this moment later."""


@dataclass(frozen=True)
class Watched:
    """A table whose changes are recorded, as its trigger was told: the key, the secrets, and what alone is no event."""

    name: str
    entity: str
    key: list[str]
    secrets: set[str]
    bookkeeping: set[str]

    def key_of(self, row: Row) -> str:
        """A row's key as the log writes it."""
        return ",".join(
            str(row[column]).lower() if isinstance(row[column], bool) else str(row[column]) for column in self.key
        )

    def visible(self, row: Row) -> Row:
        """What of a row the log has to know."""
        return {k: v for k, v in row.items() if k not in self.secrets | self.bookkeeping}

    def open(self, row: Row) -> Row:
        """A row without its secrets."""
        return {k: v for k, v in row.items() if k not in self.secrets}


def watched(connection: psycopg.Connection[Any]) -> list[Watched]:
    """Every table with the audit trigger."""
    rows = connection.execute(
        r"""select c.relnamespace::regnamespace || '.' || c.relname, c.relname,
             string_to_array(encode(t.tgargs, 'escape'), '\000')
            from pg_trigger t join pg_class c on c.oid = t.tgrelid where t.tgname = '_900_record_change'"""
    ).fetchall()
    return [
        Watched(name, entity, key.split(","), set(secrets.split(",")), set(bookkeeping.split(",")))
        for name, entity, (_, key, secrets, bookkeeping, *_) in rows
    ]


def snapshot(connection: psycopg.Connection[Any], table: Watched) -> dict[str, Row]:
    """The rows of a table by their key, as the log would know them."""
    rows = connection.execute(
        sql.SQL("select to_jsonb(t) from {} t").format(sql.Identifier(*table.name.split(".")))
    ).fetchall()
    return {table.key_of(row): table.visible(row) for (row,) in rows}


def replay(
    connection: psycopg.Connection[Any], table: Watched, start: dict[str, Row], since: int
) -> dict[str, Row | None]:
    """A table made from the rows of the log after one; None stands for a row whose values have been erased."""
    state: dict[str, Row | None] = dict(start)
    rows = connection.execute(
        "select id, action, entity_id, changed_fields, old_values, new_values"
        " from audit.audit_logs where entity = %s and id > %s order by id",
        [table.entity, since],
    ).fetchall()
    for id_, action, key, fields, old, new in rows:
        if action.endswith(".inserted"):
            assert key not in state, f"{id_}: {key} is inserted twice"
            state[key] = table.visible(new) if new is not None else None
        elif action.endswith(".deleted"):
            assert key in state, f"{id_}: {key} is deleted without having been there"
            known = state.pop(key)
            assert known is None or old is None or table.visible(old) == known, f"{id_}: {key}"
        else:
            before = table.key_of(new | old) if old is not None and set(table.key) & old.keys() else key
            assert before in state, f"{id_}: {before} is changed without being there"
            known = state.pop(before)
            if known is None or new is None:
                state[key] = None
                continue
            assert old.keys() == new.keys() == set(fields) - table.secrets, f"{id_}: {fields}"
            assert all(known[column] == value for column, value in table.visible(old).items()), f"{id_}: {key}"
            state[key] = known | table.visible(new)
    return state
