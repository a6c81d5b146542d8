-- No secret reaches the log: every column that holds one is filled, and each value looked for. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(6);
\ir people.psql

-- Every function that makes or takes a secret, and the secrets as they were handed out.
create temp table handed_out (secret text);
do $$
declare
  v_session jsonb;
begin
  perform pg_temp.person('ann'), pg_temp.person('bob'), pg_temp.person('root', 'admin');
  for i in 1 .. 2 loop
    v_session := to_jsonb(api.login('ann', pg_temp.hash('a'), 'ann''s phone'));
    insert into handed_out values (v_session ->> 'refresh_token'), (current_setting('response.claims')::jsonb ->> 'sid');
    v_session := to_jsonb(api.refresh(v_session ->> 'refresh_token'));
    insert into handed_out values (v_session ->> 'refresh_token');
  end loop;
  perform set_config('request.session', '', true);
  perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true)', 'cid@example.org', 'cid', pg_temp.hash('c'))),
          pg_temp.outcome(null, $q$select api.forgot_password('ann@example.org')$q$),
          pg_temp.outcome('root', $q$select api.create_user('dan@example.org', 'dan')$q$),
          pg_temp.outcome('bob', $q$select api.change_phone('+41791110001')$q$),
          pg_temp.outcome('ann', format('select api.change_email(%L, %L)', 'ann@example.net', pg_temp.hash('a')));
  insert into handed_out
  select o.payload ->> 'token' from app.outbox o where o.payload ? 'token';  -- six digits could be anywhere
  insert into handed_out select p.secret from people p;
  insert into handed_out select pg_temp.hash(x) from unnest('{a,b,c}'::text[]) x;
  perform pg_temp.outcome(null, format('select api.reset_password(%L, %L)', pg_temp.token('reset_password', 'ann@example.org'), pg_temp.hash('b'))),
          pg_temp.outcome(null, format('select api.verify_email(%L)', pg_temp.token('verify_email', 'cid@example.org'))),
          pg_temp.outcome('bob', format('select api.verify_phone(%L)', (select m ->> 'code' from pg_temp.mails('verify_phone', '+41791110001') m)));
  insert into handed_out values (pg_temp.outcome('bob', format('select (api.create_my_api_key(%L, %L, null, %L)).key', 'robot', '{}', pg_temp.hash('a'))));
  perform pg_temp.outcome('bob', format('select api.enrol_mfa(%L, %L)', '0123456789abcdef.' || repeat('A', 64), pg_temp.hash('a')));
  insert into handed_out select unnest(translate(pg_temp.outcome('bob', 'select (api.confirm_mfa(floor(extract(epoch from private.now()) / 30)::bigint)).recovery_codes'), '"', '')::text[]);
  perform pg_temp.outcome(null, format('select api.login(%L, %L)', 'bob', pg_temp.hash('a')));
  insert into handed_out values (current_setting('response.problem')::jsonb ->> 'challenge');
  insert into app.idempotency_keys (caller, key_hash, route, request_hash, status, answer, expires_at)
  values ('anonymous', private.digest('key'), 'r', private.digest('body'), 200, '{}', private.now() + interval '1 day');
end $$;

-- A column holds a secret if its type or its name says so, whichever table it is in.
create temp table secret_columns as
  select format('%I.%I', n.nspname, c.relname) as relation, c.oid, a.attname, a.atttypid::regtype as type
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid and c.relkind = 'r' and not c.relispartition
  join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('app', 'private', 'http') and a.attnum > 0 and not a.attisdropped
    and (a.atttypid in ('bytea'::regtype, 'app.digest'::regtype, 'app.password_hash'::regtype, 'app.message_payload'::regtype)
         or a.attname ~ '(hash|salt|token|secret|_key|code)$' and a.attname !~ '^(email|username)_key$');
create temp table held (relation text, attname name, secret text);
do $$
declare
  v_column record;
begin
  for v_column in select * from secret_columns loop
    execute format(
      $q$insert into held select %L, %L, v from %1$s t, unnest(case when t.%2$I::text ~ '^\\x'
           then array[substr(t.%2$I::text, 3), encode(t.%2$I::text::bytea, 'base64'), private.base64url(t.%2$I::text::bytea)]
           else array[t.%2$I::text] end) v where t.%2$I is not null$q$, v_column.relation, v_column.attname);
  end loop;
end $$;

select ok((select count(*) from secret_columns) > 12, 'there are columns that hold secrets');
select is_empty(
  $$select relation, attname from secret_columns except select relation, attname from held except values ('app.refresh_tokens', 'successor_salt'::name)$$,
  'each of them has held one here');
select is_empty(
  $$select h.relation, h.attname, l.action from held h, audit.audit_logs l where strpos(l::text, h.secret) > 0$$,
  'BR-203: what a secret column holds is nowhere in the log, in no form');
select ok((select count(*) from handed_out) > 15, 'secrets were handed out');
select is_empty(
  $$select h.secret, l.action from handed_out h, audit.audit_logs l
    where strpos(concat_ws(' ', l.entity_id, l.old_values, l.new_values, l.details, l.user_agent, l.request_id, l.route), h.secret) > 0$$,
  'BR-203: nor what was handed out or handed in');
select is_empty(
  $$select l.action, v.key from audit.audit_logs l, jsonb_each(coalesce(l.old_values, '{}') || coalesce(l.new_values, '{}')) v
    join secret_columns s on s.attname = v.key where s.relation = 'app.' || l.entity$$,
  'BR-203: nor a secret column with whatever it held');

select * from finish();
rollback;
