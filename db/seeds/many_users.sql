-- Made-up people by the thousand: COPY brings them into a staging table, one statement a batch puts them in their
-- places. (COPY straight into a table under row-level security is refused, even to its owner.)
--
-- A superuser's batches skip the triggers, which write an audit row a row and would take twenty times as long; the batch
-- itself is one event in the log, users.seeded. For any other login the triggers run as always.

select set_config('session_replication_role', 'replica', false) from pg_roles where rolname = session_user and rolsuper;
set role roster_owner;
set synchronous_commit = off;
set work_mem = '64MB';
set temp_buffers = '64MB';
-- The word indexes take their entries in fewer, larger portions.
set gin_pending_list_limit = '64MB';

-- Times are seconds since 1970, which are quick to write and to read.
create temporary table staged_users (
  id                    uuid,
  email                 text,
  username              text,
  status                text,
  is_email_verified     boolean,
  is_phone_verified     boolean,
  failed_login_attempts integer,
  created               double precision,
  signed_in             double precision,
  locked                double precision,
  suspended             double precision,
  deleted               double precision,
  retained              double precision,
  first_name            text,
  last_name             text,
  phone                 text,
  locale                text,
  metadata              jsonb,
  role                  text,
  news_id               uuid,
  wants_news            boolean
) on commit delete rows;

-- The plan of the first batch, when the table is empty, has to do for all.
create function pg_temp.keep_staged_users(seed text, password_hash app.password_hash) returns bigint
language plpgsql set enable_seqscan = off as $$
declare
  -- Checked once instead of once a row.
  c_processing constant app.purpose := 'data_processing';
  c_newsletter constant app.purpose := 'newsletter';
  -- A batch is filled from its beginning: if nobody of the first is there, nobody is.
  v_is_known boolean := exists (
    select from app.users u
    where u.email_key collate "C" = any (array(select private.fold(s.email) from staged_users s limit 20)));
  v_added bigint;
begin
  with added as (
    insert into app.users (
      id, email, username, password_hash, password_changed_at, status, is_email_verified, is_phone_verified,
      failed_login_attempts, last_login_at, locked_until, suspended_at, deleted_at, data_retention_until,
      gdpr_consent_at, created_at, updated_at)
    select s.id, s.email, s.username, keep_staged_users.password_hash,
           case when keep_staged_users.password_hash is not null then to_timestamp(s.created) end,
           s.status, s.is_email_verified, s.is_phone_verified, s.failed_login_attempts,
           to_timestamp(s.signed_in), to_timestamp(s.locked), to_timestamp(s.suspended), to_timestamp(s.deleted),
           to_timestamp(s.retained), to_timestamp(s.created), to_timestamp(s.created),
           to_timestamp(greatest(s.created, s.suspended, s.deleted))
    from staged_users s
    -- The unique indexes know living accounts only; who was deleted is not made anew either.
    where not v_is_known
      or (select u.id from app.users u where u.email_key collate "C" = private.fold(s.email) limit 1) is null
    order by s.email  -- and so of the usernames, which are alike: each page of four large indexes is wanted once a batch
    on conflict do nothing
    returning id
  ), people as (
    select s.* from staged_users s join added a on a.id = s.id
  ), profiles as (
    insert into app.user_profiles (user_id, first_name, last_name, phone, locale, metadata, created_at, updated_at)
    select p.id, p.first_name, p.last_name, p.phone, p.locale, p.metadata, to_timestamp(p.created), to_timestamp(p.created)
    from people p
  ), grants as (
    insert into app.user_roles (user_id, role_id, granted_at)
    select p.id, (select r.id from app.roles r where r.name = 'user'), to_timestamp(p.created) from people p
    union all
    select p.id, r.id, to_timestamp(p.created) from people p join app.roles r on r.name = p.role
  ), declarations as (
    insert into app.consents (id, user_id, purpose, is_granted, created_at)
    select p.id, p.id, c_processing, true, to_timestamp(p.created) from people p
    union all
    select p.news_id, p.id, c_newsletter, p.wants_news, to_timestamp(p.created) from people p where p.news_id is not null
  )
  select count(*) into v_added from added;
  if v_added > 0 then
    perform audit.record_event('users.seeded', null, jsonb_build_object('count', v_added, 'seed', keep_staged_users.seed));
  end if;
  return v_added;
end
$$;

-- Made-up people have addresses under names that are reserved for examples (RFC 2606).
create function pg_temp.has_other_people() returns boolean
language sql as $$
  select exists (
    select from app.users u
    where u.email_key not like '%.example' and u.email_key not like '%@example.com' and u.email_key not like '%.invalid')
$$;

create function pg_temp.settle_seeded_users() returns void
language plpgsql as $$
begin
  analyze app.users, app.user_profiles, app.user_roles, app.consents;
  perform admin.refresh_reporting();
end
$$;
