-- How often somebody may ask: a window that slides, counted exactly. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(37);

\ir outcome.psql

-- `at` sets the clock to a moment after the start of a minute; `ask` asks so many times and returns how many were let through.
create procedure pg_temp.at(elapsed interval) language sql as
  $$ update private.clock set shift = date_trunc('hour', now()) + interval '2 hours' + at.elapsed - clock_timestamp() $$;
create function pg_temp.ask(times integer, subject text default '192.0.2.1', policy text default 'trial') returns bigint language sql as
  $$ select count(*) filter (where (private.count_request(ask.policy, ask.subject)).is_allowed) from generate_series(1, ask.times) $$;
insert into app.rate_limit_policies (name, quota, period, description) values ('trial', 10, '1 minute', 'Trial'), ('lone', 1, '1 second', 'Trial');

-- Exact
call pg_temp.at('0');
select is((private.count_request('trial', 'x')).remaining, 9, 'the first request leaves quota less one');
select is(pg_temp.ask(9, 'x'), 9::bigint, 'BR-401: ten requests of ten are let through');
select is((private.count_request('trial', 'x'))::text, '(f,10,60,0,66,t)', 'the eleventh is refused, for a minute and a tenth');
select is((private.count_request('trial', 'x')).is_first_refusal, false, 'only the first refusal is a first one');
select is(pg_temp.ask(10, 'y'), 10::bigint, 'somebody else is not affected');
select is(pg_temp.ask(1, 'x', 'default'), 1::bigint, 'nor another limit');
select is((select (hits, refused_hits)::text from app.rate_limits where subject = 'x' and policy = 'trial'), '(10,2)', 'BR-403: refusals are counted apart');

-- Sliding
call pg_temp.at('0');
select is(pg_temp.ask(10), 10::bigint, 'a full window');
call pg_temp.at('59 seconds');
select is(pg_temp.ask(50), 0::bigint, 'lets nobody in to its end, however often they ask');
call pg_temp.at('1 minute');
select is(pg_temp.ask(1), 0::bigint, 'and at the start of the next one still counts in full');
call pg_temp.at('1 minute 6.01 seconds');
select is(pg_temp.ask(2), 1::bigint, 'after a tenth of it a tenth is free again');
call pg_temp.at('1 minute 30.01 seconds');
select is(pg_temp.ask(10), 4::bigint, 'after a half, half of it, the one that was used counted');
call pg_temp.at('3 minutes');
select is(pg_temp.ask(20), 10::bigint, 'after two minutes nothing counts any more');
call pg_temp.at('10 minutes 59 seconds');
select is(pg_temp.ask(10), 10::bigint, 'ten at the end of a window');
call pg_temp.at('11 minutes 0.01 seconds');
select is(pg_temp.ask(10), 0::bigint, 'are not followed by ten at the start of the next: no burst of twenty');

-- Retry-After is true: a second before it nobody is let in, at it somebody is.
create function pg_temp.retry(elapsed interval) returns boolean language plpgsql as $$
declare
  v_reset integer;
begin
  call pg_temp.at(retry.elapsed);
  v_reset := (private.count_request('trial', 'retry')).reset_seconds;
  call pg_temp.at(retry.elapsed + make_interval(secs => v_reset - 1.1));
  if pg_temp.ask(1, 'retry') = 1 then
    return false;
  end if;
  call pg_temp.at(retry.elapsed + make_interval(secs => v_reset));
  return pg_temp.ask(1, 'retry') = 1;
end
$$;
call pg_temp.at('20 minutes 10 seconds');
do $$ begin perform pg_temp.ask(10, 'retry'); end $$;
select ok(pg_temp.retry('20 minutes 10 seconds'), 'Retry-After is right in a full window');
call pg_temp.at('21 minutes 20 seconds');
do $$ begin perform pg_temp.ask(10, 'retry'); end $$;
select ok(pg_temp.retry('21 minutes 20 seconds'), 'and in one that the last one still fills');
call pg_temp.at('30 minutes');
do $$ begin perform pg_temp.ask(1, 'one', 'lone'); end $$;
select is((private.count_request('lone', 'one')).is_allowed, false, 'a quota of one lets one in');
call pg_temp.at('30 minutes 2 seconds');
select is(pg_temp.ask(2, 'one', 'lone'), 1::bigint, 'and another one later');

-- Who
select is(private.client_subject(address::inet), subject, format('BR-402: %s counts as %s', coalesce(address, 'no address'), subject))
from (values ('192.0.2.1', '192.0.2.1'), ('2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'), ('2001:db8:1:2:ffff::', '2001:db8:1:2::/64'),
  ('2001:db8:1:3::1', '2001:db8:1:3::/64'), ('::ffff:192.0.2.1', '192.0.2.1'), ('::ffff:192.0.2.2', '192.0.2.2'), ('::1', '::/64'), (null, 'unknown')) a (address, subject);

-- A route: the default limit and its own
update app.rate_limit_policies set quota = 12 where name = 'default';
call pg_temp.at('40 minutes');
create function pg_temp.route(policy text, address inet) returns text language plpgsql as $$
declare
  v_allowed boolean;
begin
  perform set_config('response.headers', '', true);
  v_allowed := private.count_route(array[route.policy], route.address);
  return v_allowed || ' ' || current_setting('response.headers');
end
$$;
select is(pg_temp.route(null, '192.0.2.9'), 'true {"RateLimit": "\"default\";r=11;t=60", "RateLimit-Policy": "\"default\";q=12;w=60"}', 'headers tell the limit and what is left of it');
select is(pg_temp.route('trial', '192.0.2.9'), 'true {"RateLimit": "\"default\";r=10;t=60, \"trial\";r=9;t=60", "RateLimit-Policy": "\"default\";q=12;w=60, \"trial\";q=10;w=60"}', 'of both limits, where a route has its own');
do $$ begin perform pg_temp.route('trial', '192.0.2.9') from generate_series(1, 9); end $$;
select is(pg_temp.route('trial', '192.0.2.9'), 'false {"RateLimit": "\"default\";r=0;t=60, \"trial\";r=0;t=66", "Retry-After": "66", "RateLimit-Policy": "\"default\";q=12;w=60, \"trial\";q=10;w=60"}', 'the stricter one refuses');
select matches(pg_temp.route(null, '192.0.2.9'), '^false .*"Retry-After": "65"', 'then the default one');
select is((select hits from app.rate_limits where policy = 'trial' and subject = '192.0.2.9'), 10, 'which is asked first');
do $$ begin perform pg_temp.route('trial', '192.0.2.9') from generate_series(1, 20); end $$;
select is((select array_agg(details ->> 'policy' order by id) from audit.audit_logs where action = 'request.rate_limited'), '{trial,default}', 'BR-403: a flood leaves one row in the log for each limit and window');
call pg_temp.at('41 minutes');
do $$ begin perform pg_temp.route(null, '192.0.2.9') from generate_series(1, 5); end $$;
select is((select count(*) from audit.audit_logs where action = 'request.rate_limited'), 3::bigint, 'the next window another one');

-- Operators
set local role roster_dba;
update app.rate_limit_policies set quota = 1000 where name = 'default';
reset role;
select matches(pg_temp.route(null, '192.0.2.9'), '^true .*q=1000', 'BR-409: an operator changes a limit while it runs');
select is(pg_temp.outcome($$insert into app.rate_limit_policies values ('none', 0, '1 minute', '')$$), '23514', 'there is no limit of zero');
select is((select (hits, previous_hits)::text from app.rate_limits where policy = 'default' and subject = '192.0.2.9'), '(1,12)', 'the counter has gone on');

select * from finish();
rollback;
