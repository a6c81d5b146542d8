-- Nobody stays a member of the role that owns the audit log.
do $$
begin
  if not (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user) then
    execute pg_catalog.format('revoke roster_audit_owner from %I', current_user);
  end if;
end
$$;
