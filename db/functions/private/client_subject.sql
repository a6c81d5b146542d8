-- One household has a whole /64 of IPv6 addresses; counting single ones would count nothing. A socket that takes both
-- shows an IPv4 client as ::ffff:192.0.2.1, and all of those share one /64. Who has no address shares one counter.
create or replace function private.client_subject(address inet) returns text
language sql
immutable
parallel safe
as $$
  select case
    when client_subject.address is null then 'unknown'
    when pg_catalog.family(client_subject.address) = 4 then pg_catalog.host(client_subject.address)
    when client_subject.address <<= '::ffff:0:0/96' then pg_catalog.split_part(pg_catalog.host(client_subject.address), ':', 4)
    else pg_catalog.text(pg_catalog.network(pg_catalog.set_masklen(client_subject.address, 64)))
  end
$$;
comment on function private.client_subject(inet) is 'Whom a rate limit counts: an IPv4 address, or the /64 of an IPv6 address; `unknown` for null.';
revoke all on function private.client_subject(inet) from public;
