-- A sliding window of two counters: this window's requests plus the share of the last window's that is still inside
-- the period. The upsert holds the row while it decides, so no two requests can take the last place.
create or replace function private.count_request(
  policy text, subject text,
  out is_allowed boolean, out quota integer, out period_seconds integer,
  out remaining integer, out reset_seconds integer, out is_first_refusal boolean)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := private.now();
  v_period   double precision;
  v_window   timestamptz;
  v_elapsed  double precision;
  v_share    double precision;
  v_hits     integer;
  v_previous integer;
  v_refused  integer;
begin
  select p.quota, extract(epoch from p.period)::double precision into strict quota, v_period
  from app.rate_limit_policies p where p.name = count_request.policy;
  v_window := to_timestamp(floor(extract(epoch from v_now) / v_period) * v_period);
  v_elapsed := extract(epoch from v_now - v_window)::double precision;
  v_share := 1 - v_elapsed / v_period;
  period_seconds := ceil(v_period)::integer;

  insert into app.rate_limits as r (policy, subject, window_started_at, hits, previous_hits)
  values (count_request.policy, count_request.subject, v_window, 1, 0)
  on conflict on constraint rate_limits_pkey do update set
    (window_started_at, hits, previous_hits, refused_hits, is_refused) = (
      select greatest(r.window_started_at, v_window),
             c.hits + (c.hits + c.previous * v_share + 1 <= quota)::integer,
             c.previous,
             c.refused + (c.hits + c.previous * v_share + 1 > quota)::integer,
             c.hits + c.previous * v_share + 1 > quota
      from (select case when r.window_started_at >= v_window then r.hits else 0 end,
                   case when r.window_started_at >= v_window then r.previous_hits
                        when r.window_started_at = v_window - make_interval(secs => v_period) then r.hits
                        else 0 end,
                   case when r.window_started_at >= v_window then r.refused_hits else 0 end
           ) as c (hits, previous, refused))
  returning r.hits, r.previous_hits, r.refused_hits, not r.is_refused into v_hits, v_previous, v_refused, is_allowed;

  is_first_refusal := not is_allowed and v_refused = 1;
  remaining := greatest(0, floor(quota - v_hits - v_previous * v_share))::integer;
  -- When a place is free again: in this window as the last one's share shrinks, else in the next as this one's does.
  reset_seconds := greatest(1, ceil(case
    when is_allowed then v_period - v_elapsed
    when v_hits < quota then v_period * (1 - (quota - 1 - v_hits)::double precision / v_previous) - v_elapsed
    else v_period - v_elapsed + v_period * (1 - (quota - 1)::double precision / v_hits) end))::integer;
end
$$;
comment on function private.count_request(text, text) is 'Counts a request of a subject against a policy. is_allowed: whether it is within the quota; reset_seconds: when to come back.';
revoke all on function private.count_request(text, text) from public;
