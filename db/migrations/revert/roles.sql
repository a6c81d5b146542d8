-- Revert pgroster:roles from pg
-- Roles that another database of the cluster uses stay, and so does pgcrypto, which may have been there before.

begin;
\ir ../join_audit_owner.sql
do $$
declare
  v_setting text;
begin
  foreach v_setting in array array['log_parameter_max_length', 'log_error_verbosity'] loop
    if pg_catalog.has_parameter_privilege(current_user, v_setting, 'set') then
      execute pg_catalog.format('alter database %I reset %I', pg_catalog.current_database(), v_setting);
    end if;
  end loop;
  execute pg_catalog.format('alter database %I reset log_parameter_max_length_on_error', pg_catalog.current_database());
  execute pg_catalog.format('alter database %I reset search_path', pg_catalog.current_database());
end
$$;
drop schema audit, http, reporting, private, admin, api, app;
alter default privileges for role roster_owner grant execute on functions to public;
alter default privileges for role roster_audit_owner grant execute on functions to public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['roster_authenticator', 'roster_dba', 'roster_reporting', 'roster_auditor', 'roster_user',
                                'roster_anonymous', 'roster_audit_owner', 'roster_owner'] loop
    begin
      execute pg_catalog.format('drop role %I', v_role);
    exception
      when dependent_objects_still_exist then
        raise notice 'role % is used by another database and stays', v_role;
    end;
  end loop;
end
$$;
commit;
