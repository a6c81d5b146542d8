-- An export holds everything about the person, no secret, and nothing about anybody else. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
select plan(30);
\ir people.psql
do $$ begin
  perform pg_temp.person('root', 'admin'), pg_temp.person('bob');
  perform pg_temp.outcome(null, format('select api.register(%L, %L, %L, true, %L, %L)', 'ann@example.org', 'ann', pg_temp.hash('a'), 'Ann', 'Lee'));
  perform pg_temp.sign_in('ann');
  perform pg_temp.outcome('root', format('select api.assign_role(%L, %L)', pg_temp.id('ann'), 'support'));
  perform pg_temp.outcome(null, format('select api.login(%L, %L)', 'ann', pg_temp.hash('a')));
  perform pg_temp.outcome(null, $q$select api.forgot_password('ann@example.org')$q$);
  perform pg_temp.outcome('ann', $q$select api.change_phone('+41790000001')$q$);
  perform pg_temp.outcome('ann', format('select api.update_user(%L, %L, null, %L)', pg_temp.id('bob'), '{first_name}', 'Bobby'));
  perform pg_temp.outcome('ann', format('select api.create_my_api_key(%L, %L, null, %L)', 'robot', '{users:read}', pg_temp.hash('a')));
  perform pg_temp.outcome('ann', format('select api.enrol_mfa(%L, %L)', '0123456789abcdef.' || repeat('A', 64), pg_temp.hash('a')));
  perform pg_temp.outcome('ann', 'select api.confirm_mfa(floor(extract(epoch from private.now()) / 30)::bigint)');
  perform pg_temp.outcome(null, format('select api.login(%L, %L)', 'ann', pg_temp.hash('a')));
  perform set_config('test.tokens', concat_ws('|', pg_temp.token('verify_email', 'ann@example.org'), pg_temp.token('reset_password', 'ann@example.org')), true),
          set_config('test.code', (select m ->> 'code' from pg_temp.mails('verify_phone', '+41790000001') m), true);
end $$;
create temp table export as select (pg_temp.outcome('ann', 'select row_to_json(api.export_me())'))::jsonb as document;
create function pg_temp.rows(relation regclass) returns jsonb language sql as $$
  select e.document -> 'data' -> c.relname::text from export e, pg_class c where c.oid = relation
$$;

-- Which tables hold rows about a person is asked here by another way than the function does: from app.users, along every
-- foreign key that leads to it.
create temp view referring as
  with recursive led (relation, attname, constrained) as (
    select k.conrelid, a.attname, k.confrelid
    from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.contype = 'f' and k.confrelid = 'app.users'::regclass
    union
    select k.conrelid, a.attname, k.confrelid
    from led l
    join pg_constraint k on k.confrelid = l.relation and k.contype = 'f'
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1])
  select l.relation::regclass as relation, l.attname::text, l.constrained::regclass as constrained from led l;
create temp table elsewhere (relation, attname, reason) as values
  ('app.user_roles'::regclass, 'granted_by', 'who granted a role: the row is about the holder'),
  ('app.refresh_tokens', 'replaced_by', 'the next token, of the same person'),
  ('app.refresh_tokens', 'session_id', 'the session, of the same person');
select set_eq(
  'select relation::text, attname from referring',
  $$select relation::text, 'user_id' from (values ('app.user_profiles'), ('app.user_roles'), ('app.sessions'), ('app.refresh_tokens'), ('app.password_reset_tokens'),
      ('app.email_verification_tokens'), ('app.phone_verification_codes'), ('app.outbox'), ('app.login_sources'), ('app.consents'), ('app.erasures'),
      ('app.totp_factors'), ('app.recovery_codes'), ('app.login_challenges'), ('app.api_keys')) t (relation)
    union all select relation::text, attname from elsewhere$$,
  'these columns lead to an account; a new one has to be looked at');
select is_empty(
  $$select relation from referring where attname <> 'user_id' and not exists (select from referring r where r.relation = referring.relation and r.attname = 'user_id')$$,
  'BR-302: every table on the way to an account names the account itself');

-- Every row, every column that is no secret
create function pg_temp.missing(relation regclass, attname text) returns setof jsonb language plpgsql as $$
begin
  return query execute format(
    'select to_jsonb(t) from %1$s t where t.%2$I = %3$L and not exists (
       select from jsonb_array_elements(pg_temp.rows(%1$L)) r
       where to_jsonb(t) @> r and (to_jsonb(t) - array(select jsonb_object_keys(r))) - %4$L::text[] = ''{}'')',
    relation, attname, pg_temp.id('ann'), '{password_hash,secret_hash,token_hash,sealed_secret,successor_salt,device_fingerprint,code_hash,payload}');
end
$$;
create function pg_temp.held(relation regclass, attname text) returns bigint language plpgsql as $$
declare
  v_rows bigint;
begin
  execute format('select count(*) from %s t where t.%I = %L', relation, attname, pg_temp.id('ann')) into v_rows;
  return v_rows;
end
$$;
select is_empty('select * from pg_temp.missing(''app.users'', ''id'')', 'BR-302: the account is in the export');
select is_empty(
  $$select r.relation, m from referring r, pg_temp.missing(r.relation, r.attname) m where r.attname = 'user_id'$$,
  'BR-302: so is every row of every other table about the person, with every column that is no secret');
select is_empty(
  $$select r.relation from referring r where r.attname = 'user_id' and r.relation <> 'app.erasures'::regclass and pg_temp.held(r.relation, r.attname) = 0$$,
  'which has been tried with rows in each of them');
select is_empty(
  $$select r.relation from referring r where r.attname = 'user_id' and jsonb_array_length(pg_temp.rows(r.relation)) <> pg_temp.held(r.relation, r.attname)$$,
  'BR-302: and no row of anybody else');

-- The log
select is(
  (select count(*) from audit.audit_logs l where (l.user_id = pg_temp.id('ann') or l.actor_user_id = pg_temp.id('ann')) and l.action <> 'data.exported'),
  (select jsonb_array_length(document -> 'events') from export)::bigint, 'BR-302: all events about or by the person are in the export');
select ok((select document -> 'events' @? '$[*] ? (@.entity == "user_profiles" && @.new_values.first_name == "Ann")' from export), 'with what changed');
select ok((select document -> 'events' @? '$[*] ? (@.entity == "user_profiles" && @.changed_fields[*] == "first_name" && !exists(@.new_values))' from export), 'BR-302: what the person changed for others is there without the others'' data');
select ok((select document::text !~ 'Bobby|bob@example.org' from export), 'BR-302: so nobody else''s values are');
select ok((select document -> 'events' @? '$[*] ? (@.client_address == "198.51.100.7")' from export), 'what the person did is there with the address');
select ok(not (select document -> 'events' @? '$[*] ? (@.entity == "user_roles" && exists(@.client_address))' from export), 'BR-309: what others did is there without theirs');

-- Secrets
select is(strpos(document::text, secret), 0, format('BR-302: no %s is in the export', what))
from export, (values
  ('password hash', pg_temp.hash('a')),
  ('verification token', split_part(current_setting('test.tokens'), '|', 1)),
  ('reset token', split_part(current_setting('test.tokens'), '|', 2)),
  ('telephone code', '"' || current_setting('test.code') || '"'),
  ('digest of a session', (select encode(s.secret_hash::bytea, 'hex') from app.sessions s where s.user_id = pg_temp.id('ann') limit 1)),
  ('digest of a refresh token', (select encode(t.token_hash::bytea, 'hex') from app.refresh_tokens t where t.user_id = pg_temp.id('ann') limit 1))) t (what, secret);
select is((select count(*) from regexp_matches((select document::text from export), '[A-Za-z0-9_-]{43}', 'g') m where m[1] !~ '[_-][0-9a-f]{4}-'), 0::bigint, 'BR-302: nor anything that looks like a token');

-- Who may
select is(pg_temp.outcome(null, 'select api.export_me()'), '42501', 'an export is a person''s own');
select is(pg_temp.outcome('bob', 'select (api.export_me()).user_id'), pg_temp.id('bob')::text, 'each gets theirs');
select ok((select obj_description('api.export_me()'::regprocedure, 'pg_proc') ~ '(?n)^@audit data\.exported$'), 'BR-204: taking it is an event');
do $$ begin perform set_config('test.ann', (pg_temp.outcome('ann', 'select (row_to_json(api.export_me()))::jsonb ->> ''data'''))::jsonb::text, true); end $$;
create temp table handed_over as select pg_temp.outcome('operator', format('select row_to_json(admin.export_user(%L))', pg_temp.id('ann')))::jsonb as document;
select is((select document -> 'data' from handed_over), current_setting('test.ann')::jsonb, 'BR-313: what an operator takes is what the person would');
select is((select (l.user_id, l.actor_user_id, l.database_role)::text from audit.audit_logs l where l.action = 'data.exported' order by l.id desc limit 1),
  (pg_temp.id('ann'), null::uuid, session_user)::text, 'BR-313: and is in the log, with who took it');
do $$ begin perform api.suspend_user(pg_temp.id('ann')); end $$;
select is(pg_temp.outcome('operator', format('select (admin.export_user(%L)).user_id', pg_temp.id('ann'))), pg_temp.id('ann')::text, 'BR-313: an operator takes the export of somebody who cannot sign in');
select is(pg_temp.outcome('operator', format('select admin.export_user(%L)', gen_random_uuid())), 'not_found', 'if there is such a person');
select is(pg_temp.outcome('root', format('select admin.export_user(%L)', pg_temp.id('ann'))), '42501', 'a request does not, not even an administrator''s');
do $$ begin perform api.reactivate_user(pg_temp.id('ann')); end $$;
select is((select count(*) from audit.audit_logs l where l.action = 'data.exported'), 2::bigint, 'BR-204: each is one event');
do $$ begin perform pg_temp.person('eve'), private.erase_account(pg_temp.id('eve'), 'request'); end $$;
select is(jsonb_array_length(private.personal_data(pg_temp.id('eve')) -> 'erasures'), 1, 'of an erased person the record of the erasure is left');
select is((select string_agg(d.key, ', ' order by d.key) from jsonb_each(private.personal_data(pg_temp.id('eve'))) d where d.value <> '[]'), 'erasures, users', 'BR-303: and the tombstone');

select * from finish();
rollback;
