-- Keys that grow with time keep index inserts on one page; PostgreSQL has uuidv7() only from 18.
create or replace function private.uuid_v7() returns uuid
language sql
volatile
parallel safe
as $$
  select pg_catalog.encode(
    pg_catalog.set_byte(
      pg_catalog.overlay(
        pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
        pg_catalog.substr(
          pg_catalog.int8send((extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint), 3),
        1, 6),
      6, 112 | (pg_catalog.get_byte(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()), 6) & 15)),
    'hex')::pg_catalog.uuid
$$;
comment on function private.uuid_v7() is 'A time-ordered UUID: 48 bits of Unix milliseconds, 74 random bits (RFC 9562, 5.7).';
revoke all on function private.uuid_v7() from public;
grant execute on function private.uuid_v7() to roster_user, roster_dba, roster_audit_owner;
