-- One household has a whole /64 of IPv6 addresses; counting single ones would count nothing.
create or replace function private.client_subject(address inet) returns text
language sql
immutable
parallel safe
as $$
  select case pg_catalog.family(client_subject.address)
    when 6 then pg_catalog.text(pg_catalog.network(pg_catalog.set_masklen(client_subject.address, 64)))
    else pg_catalog.host(client_subject.address)
  end
$$;
comment on function private.client_subject(inet) is 'Whom a rate limit counts: an IPv4 address, or the /64 of an IPv6 address.';
revoke all on function private.client_subject(inet) from public;
