-- A superuser may act as any role. Another login becomes a member of the owners first;
-- leave_audit_owner.sql ends its membership in roster_audit_owner in the same transaction.
do $$
begin
  if not (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user) then
    execute pg_catalog.format('grant roster_owner, roster_audit_owner to %I', current_user);
  end if;
end
$$;
