-- A hash from elsewhere takes another time to verify than one made here, which would tell who has an account. So who has
-- none is given the hash of some account, always the same for the same identifier, and useless: its end is cut off.
-- Where to look is drawn from a power of two of the table's blocks, so that it stays the same while the table grows.
create or replace function private.decoy_hash(identifier text) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_draw   bigint := ('x' || left(encode(private.keyed_digest(private.fold(decoy_hash.identifier)), 'hex'), 12))::bit(48)::bigint;
  v_blocks bigint := pg_relation_size('app.users') / current_setting('block_size')::bigint;
  v_hash   text;
  v_width  integer;
  v_block  bigint := v_draw % power(2, floor(log(2, greatest(v_blocks, 1))))::bigint;
begin
  foreach v_width in array '{4,64}'::integer[] loop
    select u.password_hash into v_hash
    from app.users u
    where u.ctid >= format('(%s,0)', v_block)::tid and u.ctid < format('(%s,0)', v_block + v_width)::tid
      and u.password_hash is not null
    order by u.id
    limit 1;
    exit when found;
  end loop;
  return left(v_hash, -31) || repeat('A', 31);
end
$$;
comment on function private.decoy_hash(text) is 'A hash that no password fits and that takes as long to verify as some account''s; null where there is none at hand.';
revoke all on function private.decoy_hash(text) from public;
