-- Ends what begin.sql began: checks every body, drops what no file made again, records the set and tells the services.

do $$
declare
  v_function record;
  v_message  text;
  v_detail   text;
  v_context  text;
begin
  perform set_config('role', current_setting('pgroster.login'), true);
  perform set_config('check_function_bodies', 'on', true);

  -- Only something else that still depends on it can make this fail, and the error names that.
  for v_function in
    select p.oid::regprocedure::text as name
    from pg_proc p
    where p.oid::text || ' ' || p.ctid::text = any (string_to_array(current_setting('pgroster.stayed'), ';'))
  loop
    execute 'drop routine ' || v_function.name;
  end loop;

  for v_function in
    select p.oid, p.oid::regprocedure::text as name, l.lanvalidator::regproc::text as validator
    from pg_proc p
    join pg_language l on l.oid = p.prolang
    where p.pronamespace = any (array['private', 'audit', 'http', 'admin', 'api']::regnamespace[]::oid[])
      and l.lanname in ('sql', 'plpgsql')
    order by name
  loop
    begin
      execute format('select %s(%s)', v_function.validator, v_function.oid);
    exception when others then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_context = pg_exception_context;
      raise exception using
        errcode = sqlstate,
        message = format('%s: %s', v_function.name, v_message),
        detail = concat_ws(E'\n', nullif(v_detail, ''), split_part(v_context, E'\n', 1));
    end;
  end loop;

  perform set_config('role', 'roster_owner', true);
  update http.deployed
  set functions_digest = nullif(current_setting('pgroster.functions_digest'), 'none'), deployed_at = clock_timestamp();
  perform pg_notify('pgroster_routes', current_setting('pgroster.functions_digest')),
          set_config('role', current_setting('pgroster.login'), true);
end
$$;
\ir ../migrations/leave_audit_owner.sql
