-- Ends what begin.sql began: drops what no file made again, records the set and tells the services.

do $$
declare
  v_function record;
begin
  perform set_config('role', current_setting('pgroster.login'), true);

  -- Only something else that still depends on it can make this fail, and the error names that.
  for v_function in
    select p.oid::regprocedure::text as name
    from pg_proc p
    where p.oid::text || ' ' || p.ctid::text = any (string_to_array(current_setting('pgroster.stayed'), ';'))
  loop
    execute 'drop routine ' || v_function.name;
  end loop;

  perform set_config('role', 'roster_owner', true);
  update http.deployed
  set functions_digest = nullif(current_setting('pgroster.functions_digest'), 'none'), deployed_at = clock_timestamp();
  perform pg_notify('pgroster_routes', current_setting('pgroster.functions_digest')),
          set_config('role', current_setting('pgroster.login'), true);
end
$$;
\ir ../migrations/leave_audit_owner.sql
