-- Append-only: the privileges say so already; this also stops whoever has been granted too much.
create or replace function audit.tg__refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'UM403',
    message = 'The audit log is append-only.',
    detail = 'audit_append_only',
    hint = 'Rows leave the log only with their whole partition, when its retention has passed.';
end
$$;
comment on function audit.tg__refuse_change() is 'Refuses DELETE and TRUNCATE of the log and of each of its partitions.';
revoke all on function audit.tg__refuse_change() from public;
