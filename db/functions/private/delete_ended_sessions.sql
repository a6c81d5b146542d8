-- A session goes with its whole chain of refresh tokens, which is long where a client is busy: tokens count as rows, so
-- that a batch stays one. What somebody else holds is left for the next time.
create or replace function private.delete_ended_sessions(before timestamptz, max_rows integer) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids      uuid[];
  v_tokens   bigint;
begin
  select array_agg(c.id) into v_ids
  from (select e.id, row_number() over (order by e.ended_at, e.id) as n,
               sum(1 + (select count(*) from app.refresh_tokens t where t.session_id = e.id)) over (order by e.ended_at, e.id) as rows
        from (select s.id, coalesce(s.revoked_at, s.expires_at) as ended_at from app.sessions s
              where coalesce(s.revoked_at, s.expires_at) < delete_ended_sessions.before
              order by 2, 1 limit max_rows for update skip locked) e) c
  where c.rows <= max_rows or c.n = 1;
  delete from app.refresh_tokens t where t.session_id = any (v_ids);
  get diagnostics v_tokens = row_count;
  delete from app.sessions s where s.id = any (v_ids);
  return jsonb_build_object('sessions', coalesce(cardinality(v_ids), 0), 'refresh_tokens', v_tokens);
end
$$;
comment on function private.delete_ended_sessions(timestamptz, integer) is 'Deletes sessions that ended before a time with their refresh tokens, at most so many rows unless one session alone has more; returns how many.';
revoke all on function private.delete_ended_sessions(timestamptz, integer) from public;
