-- What a million made-up people lack to be measured: two sessions for every other one, some of which ended long ago, from
-- where they sign in, some whose time is over, and somebody who may ask for everything. Limits and jobs are out of the way.

set session_replication_role = replica;

insert into app.sessions (user_id, secret_hash, client_address, user_agent, methods, created_at, expires_at)
select u.id, sha256((u.id::text || k)::bytea), '192.0.2.7', 'Mozilla/5.0 (X11; Linux x86_64)', '{pwd}',
       now() - d.days * interval '1 day', now() + (30 - d.days) * interval '1 day'
from (select u.id, row_number() over (order by u.id) as n from app.users u) u, generate_series(1, 2) k,
     lateral (select (u.n + 13 * k) % 91 as days) d
where u.n % 2 = 0;

insert into app.refresh_tokens (session_id, user_id, token_hash, sealed_secret, created_at, expires_at)
select s.id, s.user_id, sha256(('token of session ' || s.id)::bytea), s.secret_hash, s.created_at, s.expires_at
from app.sessions s;

insert into app.login_sources (user_id, source, last_login_at, updated_at)
select u.id, '192.0.2.7', u.last_login_at, u.last_login_at from app.users u where u.last_login_at is not null;

update app.users u set data_retention_until = now() - interval '1 day' where u.id in (
  select d.id from app.users d where d.data_retention_until is not null order by d.id limit 2000);

set session_replication_role = origin;

select private.create_account('bench@example.com', 'bench', null, null, null, null, 'en', true);

insert into app.user_roles (user_id, role_id)
select u.id, r.id from app.users u, app.roles r where u.username = 'bench' and r.name in ('admin', 'auditor');

update app.rate_limit_policies set quota = 10000000;

update app.jobs set is_enabled = false;

analyze;
