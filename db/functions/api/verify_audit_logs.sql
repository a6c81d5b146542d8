-- In parts, each of which fits the statement timeout by far; whoever follows the cursor to its end has verified all.
create or replace function api.verify_audit_logs(
  "from" timestamptz default null,
  "to" timestamptz default null,
  cursor text default null)
returns api.audit_verification
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_range record;
  v_page  record;
  v_found record;
  v_rest  record;
  v_part  api.audit_verification;
begin
  perform private.authorize('api.verify_audit_logs(timestamptz,timestamptz,text)');
  v_range := audit.seals_between("from", "to");
  v_range.first := coalesce((private.read_cursor('audit_verification', cursor) ->> 0)::bigint, v_range.first);
  v_page := audit.page_of_seals(v_range.first, v_range.last, 50000);
  v_found := audit.verify(v_range.first, coalesce(v_page.last_of_page, 0));
  v_part.seals := v_found.seals;
  v_part.rows := v_found.rows;
  v_part.problem := v_found.problem;
  v_part.broken_seal := v_found.seal;
  v_part.broken_row := v_found.row_id;
  v_part.last_seal := v_page.last_of_page;
  v_part.last_digest := encode(v_page.digest, 'hex');
  if v_part.problem is null and v_page.last_of_page < v_range.last then
    v_part.next_cursor := private.make_cursor('audit_verification', jsonb_build_array(v_page.last_of_page + 1));
  elsif v_part.problem is null and "to" is null then
    v_rest := audit.unsealed();
    v_part.unsealed := v_rest.rows;
    v_part.broken_row := v_rest.row_from_nowhere;
    v_part.problem := case when v_rest.row_from_nowhere is not null then 'row_added' end;
  end if;
  v_part.is_intact := v_part.problem is null;
  return v_part;
end
$$;
comment on function api.verify_audit_logs(timestamptz, timestamptz, text) is $$
@http GET /v1/audit-logs/verification
@permission audit:read
@audit audit_logs.verified from to
@errors cursor_invalid

Verify the audit log against its seals.

Everything that was sealed, or what was sealed in a time (`from` is included, `to` is not), about 50,000 rows a request: as
long as there is a `next_cursor`, ask again with it. Verification stops at the first seal or row that does not fit and names
it. That leaves a row in the log.
$$;
revoke all on function api.verify_audit_logs(timestamptz, timestamptz, text) from public;
grant execute on function api.verify_audit_logs(timestamptz, timestamptz, text) to roster_user;
