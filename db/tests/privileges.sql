-- Who may do what, exactly: each list is compared with the catalog in both directions, so a grant that is not declared
-- here fails, and so does a missing one. Role names stand without their prefix roster_. How to run: see conventions.sql.
begin;
set local search_path = pg_catalog, public;
\ir catalog.psql
select plan(18);

create function pg_temp.short(role oid) returns text language sql
  return case role when 0 then 'public' else replace(pg_get_userbyid(role), 'roster_', '') end;

-- Memberships and attributes

select set_eq(
  $$select pg_temp.short(roleid) as role, pg_temp.short(member) as member from pg_auth_members
    where pg_get_userbyid(roleid) ~ '^roster_' and pg_get_userbyid(member) ~ '^roster_'$$,
  $$values ('anonymous', 'authenticator'), ('user', 'authenticator'),
           ('anonymous', 'dba'), ('user', 'dba'), ('auditor', 'dba'), ('reporting', 'dba')$$,
  'the service''s login can become the request roles, an operator has what they, auditors and reports have');
select is_empty(
  $$select pg_temp.short(roleid) as role, pg_temp.short(member) as member from pg_auth_members
    where pg_get_userbyid(roleid) ~ '^roster_' and pg_get_userbyid(member) ~ '^roster_' and admin_option$$,
  'no role of ours can hand out another');
select is_empty(
  $$select pg_get_userbyid(roleid) from pg_auth_members
    where pg_get_userbyid(member) ~ '^roster_' and pg_get_userbyid(roleid) !~ '^roster_'$$,
  'no role of ours is a member of another role, the predefined ones included');
select set_eq(
  $$select pg_temp.short(oid) from pg_roles where rolname ~ '^roster_' and not rolinherit$$,
  array['authenticator'],
  'the service''s login inherits nothing: it has to become a request role');

-- Schemas

select set_eq(
  $$select s.name, a.privilege_type, string_agg(pg_temp.short(a.grantee), ' ' order by pg_temp.short(a.grantee) collate "C")
    from our_schemas s, aclexplode(s.acl) a where a.grantee <> s.owner group by 1, 2$$,
  $$values
    ('admin',     'USAGE', 'auditor authenticator dba'),
    ('api',       'USAGE', 'anonymous authenticator dba user'),
    ('app',       'USAGE', 'anonymous audit_owner auditor authenticator dba reporting user'),
    ('audit',     'USAGE', 'auditor dba owner user'),
    ('http',      'USAGE', 'authenticator dba'),
    ('private',   'USAGE', 'anonymous audit_owner auditor dba reporting user'),
    ('reporting', 'USAGE', 'dba reporting')$$,
  'the schemas are open to these roles, and nobody but the owner creates anything in them');
select is_empty(
  $$select r.rolname, n.nspname from pg_roles r, pg_namespace n
    where r.rolname ~ '^roster_' and n.nspname !~ '^pg_(toast_)?temp_' and n.nspowner <> r.oid and has_schema_privilege(r.oid, n.oid, 'create')$$,
  'no role of ours creates objects in another''s schema, public included');

-- Functions: who executes each

create temp table declared_callers (signature, roles) as values
  ('admin.act_as(text)', 'dba'),
  ('admin.anonymize_expired_users(integer)', 'dba'),
  ('admin.anonymize_user(uuid)', 'dba'),
  ('admin.clean_expired_tokens(integer)', 'dba'),
  ('admin.cleanup_expired_data(integer)', 'dba'),
  ('admin.create_audit_partitions()', 'dba'),
  ('admin.audit_head(bigint)', 'auditor dba'),
  ('admin.audit_partitions()', 'auditor dba'),
  ('admin.drop_expired_audit(boolean)', 'dba'),
  ('admin.erase_expired_salts()', 'dba'),
  ('admin.export_audit_rows(bigint)', 'dba'),
  ('admin.export_audit_seals(date)', 'dba'),
  ('admin.export_user(uuid)', 'dba'),
  ('admin.import_user(app.email,app.username,app.password_hash,app.person_name,app.person_name,app.phone,app.locale,boolean,app.metadata)', 'dba'),
  ('admin.import_users(integer[],text[])', 'dba'),
  ('admin.outdated_secrets(text,integer)', 'dba'),
  ('admin.record_audit_archive(date,bytea,text,bigint,bigint,bigint)', 'dba'),
  ('admin.refresh_reporting()', 'dba'),
  ('admin.replace_secrets(uuid[],text[],text[])', 'dba'),
  ('admin.reset_mfa(uuid)', 'dba'),
  ('admin.restore_user(uuid)', 'dba'),
  ('admin.seal_audit(integer)', 'dba'),
  ('admin.verify_audit(timestamp with time zone,timestamp with time zone)', 'auditor dba'),
  ('admin.run_due_job()', 'authenticator dba'),
  ('admin.run_due_jobs()', 'dba'),
  ('admin.use_pg_cron(text)', 'dba'),
  ('admin.user_as_of(uuid,timestamp with time zone)', 'dba'),
  ('admin.set_data_retention(uuid,timestamp with time zone)', 'dba'),
  ('admin.soft_delete_user(uuid)', 'dba'),
  ('api.anonymize_user(uuid)', 'authenticator user'),
  ('api.assign_role(uuid,app.role_name,timestamp with time zone)', 'authenticator user'),
  ('api.change_email(app.email,app.password_hash,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.change_password(app.password_hash,app.password_hash,app.password_is_short,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.change_phone(app.phone,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.complete_login(app.token,app.totp_step,app.recovery_code)', 'anonymous authenticator'),
  ('api.confirm_mfa(app.totp_step)', 'authenticator user'),
  ('api.create_my_api_key(app.api_key_name,app.permission_name[],timestamp with time zone,app.password_hash,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.create_role(app.role_name,app.permission_name[],app.role_description)', 'authenticator user'),
  ('api.create_user(app.email,app.username,app.person_name,app.person_name,app.phone,app.locale)', 'authenticator user'),
  ('api.create_user_api_key(uuid,app.api_key_name,app.permission_name[],timestamp with time zone)', 'authenticator user'),
  ('api.delete_me(app.password_hash,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.delete_user(uuid,text)', 'authenticator user'),
  ('api.disable_mfa(app.password_hash,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.enrol_mfa(app.sealed_secret,app.password_hash,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.drop_role(app.role_name,text)', 'authenticator user'),
  ('api.export_me()', 'authenticator user'),
  ('api.forgot_password(app.email)', 'anonymous authenticator user'),
  ('api.get_me()', 'authenticator user'),
  ('api.get_mfa()', 'authenticator user'),
  ('api.get_my_consents()', 'authenticator user'),
  ('api.get_stats()', 'authenticator user'),
  ('api.get_user(uuid)', 'authenticator user'),
  ('api.get_user_history(uuid,timestamp with time zone)', 'authenticator user'),
  ('api.list_audit_actions()', 'authenticator user'),
  ('api.list_audit_logs(uuid,uuid,app.audit_action,timestamp with time zone,timestamp with time zone,text,app.count_kind,text,app.page_size)', 'authenticator user'),
  ('api.list_my_activity(text,app.page_size)', 'authenticator user'),
  ('api.list_my_api_keys()', 'authenticator user'),
  ('api.list_my_sessions(text,app.page_size)', 'authenticator user'),
  ('api.list_roles(text,app.page_size)', 'authenticator user'),
  ('api.list_user_api_keys(uuid)', 'authenticator user'),
  ('api.list_user_sessions(uuid,text,app.page_size)', 'authenticator user'),
  ('api.list_users(app.search_text,app.user_status,app.role_name,timestamp with time zone,timestamp with time zone,boolean,app.user_sort,app.count_kind,text,app.page_size)', 'authenticator user'),
  ('api.login(app.identifier,app.password_hash,app.device_name,app.password_hash)', 'anonymous authenticator'),
  ('api.logout(app.token)', 'anonymous authenticator user'),
  ('api.reactivate_user(uuid)', 'authenticator user'),
  ('api.refresh(app.token)', 'anonymous authenticator'),
  ('api.register(app.email,app.username,app.password_hash,boolean,app.person_name,app.person_name,app.phone,app.locale)', 'anonymous authenticator'),
  ('api.remove_role(uuid,app.role_name)', 'authenticator user'),
  ('api.renew_recovery_codes(app.password_hash,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.request_email_verification(app.email)', 'anonymous authenticator user'),
  ('api.reset_user_mfa(uuid)', 'authenticator user'),
  ('api.reset_password(app.token,app.password_hash,boolean,app.password_is_short)', 'anonymous authenticator user'),
  ('api.restore_user(uuid)', 'authenticator user'),
  ('api.revoke_my_other_sessions()', 'authenticator user'),
  ('api.revoke_my_api_key(uuid)', 'authenticator user'),
  ('api.revoke_my_session(uuid)', 'authenticator user'),
  ('api.revoke_user_api_key(uuid,uuid)', 'authenticator user'),
  ('api.revoke_user_sessions(uuid)', 'authenticator user'),
  ('api.set_my_consent(app.purpose,boolean,app.text_version)', 'authenticator user'),
  ('api.suspend_user(uuid)', 'authenticator user'),
  ('api.unlock_user(uuid)', 'authenticator user'),
  ('api.update_me(text[],app.username,app.person_name,app.person_name,app.phone,app.locale,app.web_url,app.metadata,text,app.totp_step,app.recovery_code)', 'authenticator user'),
  ('api.update_role(app.role_name,app.permission_name[],app.role_description,text)', 'authenticator user'),
  ('api.update_user(uuid,text[],app.username,app.person_name,app.person_name,app.phone,app.locale,app.web_url,app.metadata,text)', 'authenticator user'),
  ('api.verify_audit_logs(timestamp with time zone,timestamp with time zone,text)', 'authenticator user'),
  ('api.verify_email(app.token)', 'anonymous authenticator user'),
  ('api.verify_phone(app.phone_code)', 'authenticator user'),
  ('audit.actions()', 'auditor dba owner'),
  ('audit.add_seal(audit.seals)', ''),
  ('audit.append(text,text,text,uuid,text[],jsonb,jsonb,jsonb)', ''),
  ('audit.check_link(audit.seals,audit.seals)', ''),
  ('audit.cover(audit.seals,bigint)', ''),
  ('audit.create_partitions(integer)', 'owner'),
  ('audit.drop_partition(date,timestamp with time zone,boolean)', 'owner'),
  ('audit.epoch_end(integer)', ''),
  ('audit.erase_person(uuid)', 'owner'),
  ('audit.events()', 'auditor dba owner'),
  ('audit.events_of(uuid,timestamp with time zone,bigint,integer)', 'owner'),
  ('audit.export_of(uuid)', 'owner'),
  ('audit.estimate_events(uuid,uuid,text,text,timestamp with time zone,timestamp with time zone)', 'dba user'),
  ('audit.event_filter(boolean,boolean,boolean,boolean,boolean,boolean)', 'dba user'),
  ('audit.find_events(uuid,uuid,text,text,timestamp with time zone,timestamp with time zone,timestamp with time zone,bigint,integer)', 'dba user'),
  ('audit.export_rows(bigint)', 'owner'),
  ('audit.export_seals(date)', 'owner'),
  ('audit.find_break(audit.seals,bigint)', ''),
  ('audit.find_seal(bigint)', 'owner'),
  ('audit.find_stray(bigint,bigint)', ''),
  ('audit.next_seal(audit.seals,timestamp with time zone)', ''),
  ('audit.opening()', ''),
  ('audit.origin_digest(bytea,inet,text)', ''),
  ('audit.partitions()', 'owner'),
  ('audit.places(xid8,bigint,xid8,bigint,bigint,bigint)', ''),
  ('audit.waiting(audit.seals)', ''),
  ('audit.record_archive(date,bytea,text,bigint,bigint,bigint,timestamp with time zone)', 'owner'),
  ('audit.record_event(text,uuid,jsonb)', 'owner'),
  ('audit.rows_as_of(text,uuid,jsonb,timestamp with time zone)', 'owner'),
  ('audit.page_of_seals(bigint,bigint,bigint)', 'owner'),
  ('audit.rows_of(audit.seals,bigint)', ''),
  ('audit.seal(timestamp with time zone,integer)', 'owner'),
  ('audit.seal_batch(timestamp with time zone,integer)', ''),
  ('audit.seal_text(audit.seals)', ''),
  ('audit.seals_between(timestamp with time zone,timestamp with time zone)', 'owner'),
  ('audit.system_identifier()', ''),
  ('audit.seal_lag()', 'owner'),
  ('audit.tg__erase_only()', ''),
  ('audit.tg__guard_ddl()', ''),
  ('audit.tg__record_change()', 'owner'),
  ('audit.tg__refuse_change()', ''),
  ('audit.unsealed()', 'owner'),
  ('audit.values_digest(bytea,jsonb,jsonb)', ''),
  ('http.challenge_totp(text)', 'authenticator'),
  ('http.actions()', 'authenticator dba'),
  ('audit.verify(bigint,bigint)', 'owner'),
  ('audit.was_erased(uuid)', ''),
  ('http.claim_message()', 'authenticator'),
  ('http.count_visit(jsonb)', 'authenticator'),
  ('http.enter(regprocedure,jsonb)', 'authenticator'),
  ('http.fail_message(uuid,integer,text,boolean)', 'authenticator'),
  ('http.finish_message(uuid)', 'authenticator'),
  ('http.limits()', 'authenticator dba'),
  ('http.login_hash(text)', 'authenticator'),
  ('http.messages()', 'authenticator dba'),
  ('http.own_hash()', 'authenticator'),
  ('http.own_totp()', 'authenticator'),
  ('http.pending_totp()', 'authenticator'),
  ('http.own_rules()', 'authenticator'),
  ('http.password_words(text,text,text,text)', 'authenticator'),
  ('http.metrics()', 'authenticator dba'),
  ('http.problems()', 'authenticator dba'),
  ('http.reset_rules(text)', 'authenticator'),
  ('http.remember(regprocedure,jsonb,integer,text)', 'authenticator'),
  ('http.routes()', 'authenticator dba'),
  ('http.tag(json)', 'authenticator'),
  ('http.types()', 'authenticator dba'),
  ('private.api_key_checksum(text)', ''),
  ('private.api_keys_of(uuid)', 'dba user'),
  ('private.ask_second_factor(uuid,app.device_name)', ''),
  ('private.authorize(regprocedure)', 'dba user'),
  ('private.base62_digit(integer)', ''),
  ('private.base64url(bytea)', ''),
  ('private.change_status(uuid,text)', ''),
  ('private.check_batch(integer)', ''),
  ('private.check_grantable(uuid,timestamp with time zone)', ''),
  ('private.check_match(text,bigint)', 'dba user'),
  ('private.check_outranks(uuid)', ''),
  ('private.client_subject(inet)', ''),
  ('private.confirm_email(app.users,text)', ''),
  ('private.consents_of(uuid)', 'dba user'),
  ('private.count_failed_login(app.users)', ''),
  ('private.count_mail(text,boolean,text)', ''),
  ('private.count_request(text,text)', ''),
  ('private.count_route(text[],inet)', ''),
  ('private.create_account(text,text,text,text,text,text,text,boolean,jsonb)', ''),
  ('private.current_actor()', 'audit_owner'),
  ('private.current_consent(uuid,text)', ''),
  ('private.current_session_id()', 'dba user'),
  ('private.current_user_id()', 'dba user'),
  ('private.cursor_mac(text,bytea)', ''),
  ('private.delete_ended_sessions(timestamp with time zone,integer)', ''),
  ('private.delete_some(regclass,text,timestamp with time zone,integer)', ''),
  ('private.declare_consent(uuid,text,boolean,text)', ''),
  ('private.decoy_hash(text)', ''),
  ('private.device_fingerprint(text)', ''),
  ('private.digest(text)', 'anonymous dba user'),
  ('private.end_session(uuid,text)', ''),
  ('private.end_sessions(uuid,text,uuid)', ''),
  ('private.erase_account(uuid,text)', ''),
  ('private.erase_leftovers(integer)', ''),
  ('private.estimate_users(text,uuid[],text,uuid,timestamp with time zone,timestamp with time zone,text,tsquery)', ''),
  ('private.expected_value(text,text)', ''),
  ('private.fail(text,integer)', 'anonymous dba user'),
  ('private.few_users(uuid,timestamp with time zone,timestamp with time zone,boolean,text,tsquery,integer)', ''),
  ('private.find_user(text)', ''),
  ('private.find_users(text,text,text,timestamp with time zone,timestamp with time zone,boolean,text,jsonb,integer,boolean)', ''),
  ('private.fold(text)', 'anonymous dba user'),
  ('private.words(text)', 'dba user'),
  ('private.account_words(text,text)', 'dba user'),
  ('private.name_words(text,text)', 'dba user'),
  ('private.has_permission(text)', 'dba user'),
  ('private.has_second_factor(uuid)', 'dba user'),
  ('private.identify(jsonb)', ''),
  ('private.hide_duration(interval)', ''),
  ('private.ids_in(text)', ''),
  ('private.hold_username(text)', ''),
  ('private.import_row(text)', ''),
  ('private.imported_before(text,text)', ''),
  ('private.in_scope(text)', ''),
  ('private.is_api_key()', 'dba user'),
  ('private.is_totp_exhausted(uuid)', ''),
  ('private.is_dba()', 'anonymous dba user'),
  ('private.issue_api_key(uuid,text,text[],timestamp with time zone)', ''),
  ('private.issue_recovery_codes(uuid)', ''),
  ('private.idempotency_hash(uuid,text)', ''),
  ('private.issue_refresh_token(app.sessions,bytea,text,uuid)', ''),
  ('private.keep_an_admin(uuid)', ''),
  ('private.keyed_digest(text)', ''),
  ('private.load_role(uuid)', 'dba user'),
  ('private.load_user(uuid)', 'dba user'),
  ('private.lock_account(text)', ''),
  ('private.lock_custom_role(text)', ''),
  ('private.lock_own_account()', 'dba user'),
  ('private.login_obstacle(app.users,text)', ''),
  ('private.mail_subject(text,text)', ''),
  ('private.make_cursor(text,jsonb)', 'dba user'),
  ('private.may_give(text,timestamp with time zone)', ''),
  ('private.moot_reason(app.outbox)', ''),
  ('private.needs_second_factor(uuid)', 'dba user'),
  ('private.next_run(interval,time without time zone)', ''),
  ('private.may_run_jobs()', ''),
  ('private.run_job(text)', ''),
  ('private.word_query(text)', ''),
  ('private.forget_failed_logins(uuid)', ''),
  ('private.lock_end(integer)', ''),
  ('private.record_login(uuid)', ''),
  ('private.login_source()', ''),
  ('private.now()', 'anonymous audit_owner dba reporting user'),
  ('private.open_session(uuid,text,interval,app.device_name,text,text[])', ''),
  ('private.outstanding(uuid)', ''),
  ('private.pass_second_factor(app.users,bigint,text)', ''),
  ('private.personal_data(uuid)', ''),
  ('private.personal_tables()', ''),
  ('private.plain_address(text)', ''),
  ('private.random_base62(integer)', ''),
  ('private.random_code()', ''),
  ('private.random_recovery_code()', ''),
  ('private.random_token()', ''),
  ('private.read_cursor(text,text)', 'dba user'),
  ('private.reauthenticate(text,bigint,text)', ''),
  ('private.record_failed_login(app.users,text)', ''),
  ('private.recovery_digest(uuid,text)', ''),
  ('private.refresh_obstacle(app.sessions,app.refresh_tokens,app.refresh_tokens)', ''),
  ('private.refuse_api_key()', 'dba user'),
  ('private.refuse_own_account(uuid)', ''),
  ('private.refuse(text,jsonb)', 'anonymous dba user'),
  ('private.register_privately(text,text,text,text,text,text,text)', ''),
  ('private.remove_personal_rows(uuid)', ''),
  ('private.remove_second_factor(app.users)', ''),
  ('private.request_value(text)', 'anonymous dba user'),
  ('private.reset_kind(uuid)', ''),
  ('private.require_caller()', 'dba user'),
  ('private.request_owner(jsonb)', ''),
  ('private.require_user()', 'dba user'),
  ('private.retry_after(integer)', ''),
  ('private.revoke_api_key(uuid,uuid)', ''),
  ('private.revoke_api_keys(uuid)', ''),
  ('private.revoke_login_challenges(uuid)', ''),
  ('private.revoke_mailed_tokens(uuid)', ''),
  ('private.replay(regprocedure,jsonb,boolean)', ''),
  ('private.roles_as_of(uuid,timestamp with time zone)', ''),
  ('private.rotate_refresh_token(app.sessions,app.refresh_tokens,text,bytea)', ''),
  ('private.route_tags(regprocedure)', ''),
  ('private.seal(bytea,text)', ''),
  ('private.send(uuid,text,text,jsonb,text)', ''),
  ('private.send_email_verification(uuid,text,uuid)', ''),
  ('private.send_notice(uuid,text,jsonb)', ''),
  ('private.send_password_token(app.users,text)', ''),
  ('private.session_reply(app.sessions,text,text,timestamp with time zone)', ''),
  ('private.sessions_of(uuid,text,integer)', 'dba user'),
  ('private.show_second_factor(bigint,text)', 'dba user'),
  ('private.set_header(text,text)', 'anonymous dba user'),
  ('private.set_role_permissions(text,text[])', ''),
  ('private.show_user(uuid)', 'dba user'),
  ('private.sign_in(uuid,app.device_name,text[])', ''),
  ('private.store_password(uuid,text,boolean)', ''),
  ('private.successor_token(text,bytea)', ''),
  ('private.taken_code(text)', 'dba user'),
  ('private.tg__record_postponement()', ''),
  ('private.tg__refuse_moved_end()', ''),
  ('private.tg__refuse_truncate()', ''),
  ('private.tg__touch()', ''),
  ('private.tg__touch_owner()', ''),
  ('private.tg__touch_user()', ''),
  ('private.tg__unverify_phone()', ''),
  ('private.totp_facts(uuid,boolean)', ''),
  ('private.totp_steps()', ''),
  ('private.update_account(uuid,text[],text,text,text,text,text,text,jsonb)', 'dba user'),
  ('private.use_recovery_code(app.users,text)', ''),
  ('private.use_totp_step(uuid,bigint)', ''),
  ('private.user_filter(text[])', ''),
  ('private.user_search()', ''),
  ('private.user_as_of(uuid,timestamp with time zone)', ''),
  ('private.uuid_v7()', 'audit_owner dba user'),
  ('private.welcome(app.users)', '');
select set_eq(
  $$select p.oid::regprocedure::text,
           coalesce(string_agg(pg_temp.short(a.grantee), ' ' order by pg_temp.short(a.grantee) collate "C"), '')
    from pg_proc p
    join our_schemas s on s.oid = p.pronamespace
    left join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a on a.grantee <> p.proowner
    where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    group by 1$$,
  'select signature, roles from declared_callers',
  'each function is executable by exactly these roles');

-- Tables and views: who has which privilege, on all columns (*) or on some

create temp table declared_grants (relation, role, privilege, columns) as values
  ('app.api_keys', 'user', 'select', 'id user_id name prefix scopes created_at last_used_at expires_at revoked_at'),
  ('app.consents', 'user', 'select', '*'),
  ('app.erasures', 'auditor', 'select', '*'),
  ('app.erasures', 'dba', 'select', '*'),
  ('app.jobs', 'dba', 'select', '*'),
  ('app.jobs', 'dba', 'update', 'run_every run_at is_enabled next_run_at'),
  ('app.outbox', 'dba', 'select', 'id user_id channel template attempts next_attempt_at last_error created_at sent_at failed_at'),
  ('app.permissions', 'user', 'select', '*'),
  ('app.rate_limit_policies', 'authenticator', 'select', '*'),
  ('app.rate_limit_policies', 'dba', 'insert', '*'),
  ('app.rate_limit_policies', 'dba', 'select', '*'),
  ('app.rate_limit_policies', 'dba', 'update', '*'),
  ('app.rate_limits', 'dba', 'select', '*'),
  ('app.role_permissions', 'user', 'select', '*'),
  ('app.roles', 'dba', 'update', 'second_factor_required'),
  ('app.roles', 'user', 'select', '*'),
  ('app.schema_migrations', 'authenticator', 'select', '*'),
  ('app.schema_migrations', 'dba', 'select', '*'),
  ('app.login_sources', 'dba', 'select', '*'),
  ('app.sessions', 'user', 'select', 'id user_id device_name client_address user_agent database_role methods created_at last_used_at expires_at revoked_at revoked_reason'),
  ('app.settings', 'dba', 'select', '*'),
  ('app.settings', 'dba', 'update', '*'),
  ('app.totp_factors', 'user', 'select', 'user_id confirmed_at'),
  ('app.user_profiles', 'user', 'select', '*'),
  ('app.user_profiles', 'user', 'update', 'first_name last_name phone locale avatar_url metadata'),
  ('app.user_roles', 'user', 'select', '*'),
  ('app.users', 'user', 'select', 'id email email_key username username_key password_changed_at status is_email_verified is_phone_verified failed_login_attempts locked_until last_login_at gdpr_consent_at data_retention_until suspended_at deleted_at version created_at updated_at'),
  ('app.users', 'user', 'update', 'username'),
  ('audit.archives', 'auditor', 'select', '*'),
  ('audit.audit_logs', 'auditor', 'select', '*'),
  ('audit.audit_logs', 'owner', 'select', 'id occurred_at action entity request_id route changed_fields details'),
  ('audit.audit_logs', 'user', 'select', '*'),
  ('audit.seals', 'auditor', 'select', '*'),
  ('audit.user_audit_log', 'auditor', 'select', '*'),
  ('http.deployed', 'authenticator', 'select', '*'),
  ('reporting.v_active_users_summary', 'reporting', 'select', '*'),
  ('reporting.v_audit_events', 'reporting', 'select', '*'),
  ('reporting.v_users_complete', 'reporting', 'select', '*');
select set_eq(
  $$select s.name || '.' || c.relname, pg_temp.short(a.grantee), lower(a.privilege_type), a.columns
    from pg_class c
    join our_schemas s on s.oid = c.relnamespace,
    lateral (
      select x.grantee, x.privilege_type, '*' as columns from aclexplode(c.relacl) x where x.grantee <> c.relowner
      union all
      select x.grantee, x.privilege_type, string_agg(t.attname, ' ' order by t.attnum)
      from pg_attribute t, aclexplode(t.attacl) x where t.attrelid = c.oid group by 1, 2) a$$,
  'select relation, role, privilege, columns from declared_grants',
  'each table, view and sequence gives exactly these privileges');
select is_empty(
  $$select c.oid::regclass::text, a.grantee from pg_class c join our_schemas s on s.oid = c.relnamespace, aclexplode(c.relacl) a where a.is_grantable and a.grantee <> c.relowner
    union all select p.oid::regprocedure::text, a.grantee from pg_proc p join our_schemas s on s.oid = p.pronamespace, aclexplode(p.proacl) a where a.is_grantable and a.grantee <> p.proowner$$,
  'nobody can pass a privilege on');
select is_empty(
  $$select t.typname from pg_type t join our_schemas s on s.oid = t.typnamespace where t.typacl is not null$$,
  'no type has privileges of its own');

-- Policies: which rows, for whom

create temp table declared_policies (relation, policy, command, roles) as values
  ('app.api_keys', 'api_keys_owner', 'all', 'owner'),
  ('app.api_keys', 'api_keys_read_all', 'select', 'user'),
  ('app.api_keys', 'api_keys_read_own', 'select', 'user'),
  ('app.consents', 'consents_owner', 'all', 'owner'),
  ('app.consents', 'consents_read_own', 'select', 'user'),
  ('app.email_verification_tokens', 'email_verification_tokens_owner', 'all', 'owner'),
  ('app.erasures', 'erasures_dba', 'select', 'auditor dba'),
  ('app.erasures', 'erasures_owner', 'all', 'owner'),
  ('app.idempotency_keys', 'idempotency_keys_owner', 'all', 'owner'),
  ('app.jobs', 'jobs_dba', 'all', 'dba'),
  ('app.jobs', 'jobs_owner', 'all', 'owner'),
  ('app.outbox', 'outbox_dba', 'select', 'dba'),
  ('app.outbox', 'outbox_owner', 'all', 'owner'),
  ('app.login_challenges', 'login_challenges_owner', 'all', 'owner'),
  ('app.password_reset_tokens', 'password_reset_tokens_owner', 'all', 'owner'),
  ('app.permissions', 'permissions_owner', 'all', 'owner'),
  ('app.permissions', 'permissions_read', 'select', 'user'),
  ('app.phone_verification_codes', 'phone_verification_codes_owner', 'all', 'owner'),
  ('app.rate_limit_policies', 'rate_limit_policies_dba', 'all', 'dba'),
  ('app.rate_limit_policies', 'rate_limit_policies_owner', 'all', 'owner'),
  ('app.rate_limit_policies', 'rate_limit_policies_read', 'select', 'authenticator'),
  ('app.rate_limits', 'rate_limits_dba', 'select', 'dba'),
  ('app.rate_limits', 'rate_limits_owner', 'all', 'owner'),
  ('app.recovery_codes', 'recovery_codes_owner', 'all', 'owner'),
  ('app.refresh_tokens', 'refresh_tokens_owner', 'all', 'owner'),
  ('app.role_permissions', 'role_permissions_owner', 'all', 'owner'),
  ('app.role_permissions', 'role_permissions_read', 'select', 'user'),
  ('app.roles', 'roles_dba', 'update', 'dba'),
  ('app.roles', 'roles_owner', 'all', 'owner'),
  ('app.roles', 'roles_read', 'select', 'user'),
  ('app.schema_migrations', 'schema_migrations_owner', 'all', 'owner'),
  ('app.schema_migrations', 'schema_migrations_read', 'select', 'authenticator dba'),
  ('app.login_sources', 'login_sources_dba', 'select', 'dba'),
  ('app.login_sources', 'login_sources_owner', 'all', 'owner'),
  ('app.sessions', 'sessions_owner', 'all', 'owner'),
  ('app.sessions', 'sessions_read_all', 'select', 'user'),
  ('app.sessions', 'sessions_read_own', 'select', 'user'),
  ('app.settings', 'settings_dba', 'all', 'dba'),
  ('app.settings', 'settings_owner', 'all', 'owner'),
  ('app.totp_factors', 'totp_factors_owner', 'all', 'owner'),
  ('app.totp_factors', 'totp_factors_read_all', 'select', 'user'),
  ('app.totp_factors', 'totp_factors_read_own', 'select', 'user'),
  ('app.user_profiles', 'user_profiles_owner', 'all', 'owner'),
  ('app.user_profiles', 'user_profiles_read_all', 'select', 'user'),
  ('app.user_profiles', 'user_profiles_read_own', 'select', 'user'),
  ('app.user_profiles', 'user_profiles_update_own', 'update', 'user'),
  ('app.user_roles', 'user_roles_owner', 'all', 'owner'),
  ('app.user_roles', 'user_roles_read_all', 'select', 'user'),
  ('app.user_roles', 'user_roles_read_own', 'select', 'user'),
  ('app.users', 'users_owner', 'all', 'owner'),
  ('app.users', 'users_read_all', 'select', 'user'),
  ('app.users', 'users_read_own', 'select', 'user'),
  ('app.users', 'users_update_own', 'update', 'user'),
  ('audit.audit_logs', 'audit_logs_append', 'insert', 'audit_owner'),
  ('audit.audit_logs', 'audit_logs_count', 'select', 'owner'),
  ('audit.audit_logs', 'audit_logs_erase', 'update', 'audit_owner'),
  ('audit.audit_logs', 'audit_logs_owner_read', 'select', 'audit_owner'),
  ('audit.audit_logs', 'audit_logs_read', 'select', 'auditor'),
  ('audit.audit_logs', 'audit_logs_read_permitted', 'select', 'user'),
  ('audit.archives', 'archives_append', 'insert', 'audit_owner'),
  ('audit.archives', 'archives_owner_read', 'select', 'audit_owner'),
  ('audit.archives', 'archives_read', 'select', 'auditor'),
  ('audit.seals', 'seals_append', 'insert', 'audit_owner'),
  ('audit.seals', 'seals_owner_read', 'select', 'audit_owner'),
  ('audit.seals', 'seals_read', 'select', 'auditor'),
  ('http.deployed', 'deployed_owner', 'all', 'owner'),
  ('http.deployed', 'deployed_read', 'select', 'authenticator'),
  ('private.clock', 'clock_owner', 'all', 'owner'),
  ('private.secrets', 'secrets_owner', 'all', 'owner');
select set_eq(
  $$select schemaname || '.' || tablename, policyname::text, lower(cmd),
           (select string_agg(replace(r, 'roster_', ''), ' ' order by r collate "C") from unnest(roles::text[]) r)
    from pg_policies join our_schemas s on s.name = schemaname where permissive = 'PERMISSIVE'$$,
  'select relation, policy, command, roles from declared_policies',
  'each table shows rows to exactly these roles');
select is_empty(
  $$select tablename, policyname from pg_policies join our_schemas s on s.name = schemaname
    where qual = 'true' and not roles <@ array['roster_owner', 'roster_audit_owner', 'roster_dba', 'roster_auditor', 'roster_authenticator']::name[]
      and tablename not in ('permissions', 'roles', 'role_permissions')$$,
  'a request sees all rows only of what holds no personal data');

-- What comes later

select set_eq(
  $$select pg_temp.short(d.defaclrole) as owner, d.defaclnamespace::regnamespace::text, d.defaclobjtype::text, pg_temp.short(a.grantee) as grantee, a.privilege_type
    from pg_default_acl d, aclexplode(d.defaclacl) a
    where pg_get_userbyid(d.defaclrole) ~ '^roster_'$$,
  $$values ('owner', '-', 'f', 'owner', 'EXECUTE'), ('audit_owner', '-', 'f', 'audit_owner', 'EXECUTE'), ('owner', 'api', 'f', 'authenticator', 'EXECUTE')$$,
  'a new function is executable by its owner alone, one of schema api by the service as well');
set local role roster_owner;
create function api.not_there_yet() returns void language sql as '';
create table app.not_there_yet (n integer);
reset role;
select ok(
  not has_function_privilege('roster_user', 'api.not_there_yet()', 'execute')
  and not has_function_privilege('roster_anonymous', 'api.not_there_yet()', 'execute')
  and not has_function_privilege('roster_dba', 'api.not_there_yet()', 'execute'),
  'a function without a grant is no route for anybody');
select is_empty(
  $$select rolname from pg_roles where rolname ~ '^roster_' and rolname <> 'roster_owner'
      and has_table_privilege(oid, 'app.not_there_yet', 'select, insert, update, delete, truncate, references, trigger')$$,
  'a table without a grant is closed');

-- What follows from all that, asked the other way round

select is_empty(
  $$select c.oid::regclass from pg_class c join our_schemas s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm') and s.name <> 'reporting' and has_any_column_privilege('roster_reporting', c.oid, 'select, insert, update, references')$$,
  'a reporting tool reaches nothing outside of schema reporting');
select is_empty(
  $$select r.rolname, c.oid::regclass from pg_roles r, pg_class c join our_schemas s on s.oid = c.relnamespace
    where r.rolname ~ '^roster_' and c.relkind in ('r', 'p', 'v') and s.name = 'audit' and c.relowner <> r.oid
      and (has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate, trigger') or has_any_column_privilege(r.oid, c.oid, 'insert, update'))$$,
  'nobody writes to the log but through its functions, the owner of everything else included');
select is_empty(
  $$select r.rolname, p.oid::regprocedure from pg_roles r, pg_proc p join our_schemas s on s.oid = p.pronamespace
    where r.rolname in ('roster_anonymous', 'roster_reporting', 'roster_auditor') and s.name in ('admin', 'audit', 'http')
      and (r.rolname <> 'roster_auditor' or p.provolatile = 'v') and has_function_privilege(r.oid, p.oid, 'execute')$$,
  'requests without a session and reports execute nothing of operators'', the log''s or the service''s, and auditors only what reads');

select * from finish();
rollback;
