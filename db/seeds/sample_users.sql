-- Six accounts, one for each state and each seeded role, with profiles, consents, sessions and the history of all that,
-- made by the functions that everybody else uses.
-- The caller has put six Argon2id strings, as a JSON array, into the setting pgroster.sample_password_hashes;
-- the last query returns the new accounts in the order of those, and nothing where there were users before.

set local role roster_owner;
select pg_advisory_xact_lock(hashtext('pgroster'), hashtext('sample_users'));

create temporary table sample_users on commit drop as
select s.*, current_setting('pgroster.sample_password_hashes')::jsonb ->> (s.number - 1) as password_hash
from (values
  (1, 'ada.admin',      'Ada',  'Brunner',  '+41790000001', 'de-CH', 'active',    'admin'),
  (2, 'sam.support',    'Sam',  'Okafor',   '+41790000002', 'en-GB', 'active',    'support'),
  (3, 'aude.auditor',   'Aude', 'Moret',    '+41790000003', 'fr-CH', 'active',    'auditor'),
  (4, 'uma.unverified', 'Uma',  'Larsen',   null,           'en',    'inactive',  null),
  (5, 'sol.suspended',  'Sol',  'Martinez', null,           'es',    'suspended', null),
  (6, 'dov.deleted',    'Dov',  'Shapiro',  null,           'en',    'deleted',   null)
) as s (number, username, first_name, last_name, phone, locale, status, role)
where not exists (select from app.users);

-- Everybody registers from an address that is reserved for examples (RFC 5737), verifies the email address, but for one,
-- and says what else the data may be used for.
alter table sample_users add id uuid, add address text;
update sample_users s set address = '192.0.2.' || s.number;
do $$
declare
  v_person  record;
  v_account app.users;
begin
  for v_person in select s.* from sample_users s order by s.number loop
    perform set_config('request.context', jsonb_build_object('address', v_person.address, 'user_agent', 'sample')::text, true);
    v_account.id := (api.register(
      v_person.username || '@example.com', v_person.username, v_person.password_hash, true, v_person.first_name,
      v_person.last_name, v_person.phone, v_person.locale)).id;
    update sample_users s set id = v_account.id where s.number = v_person.number;
    insert into app.user_roles (user_id, role_id) select v_account.id, r.id from app.roles r where r.name = v_person.role;
    continue when v_person.status = 'inactive';
    select u.* into v_account from app.users u where u.id = v_account.id;
    perform private.confirm_email(v_account, v_account.email);
    update app.email_verification_tokens t set used_at = private.now() where t.user_id = v_account.id;
    update app.outbox o set sent_at = private.now(), recipient = null, payload = null, next_attempt_at = null
    where o.user_id = v_account.id;
  end loop;
end
$$;

-- They sign in, two of them with a wrong password first; what follows is done in that session.
do $$
declare
  v_visit record;
begin
  for v_visit in
    select s.*, v.device, v.agent, v.is_right, v.purpose, v.is_granted, v.ending
    from (values
      (1,  4, 'Tablet', 'Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)', false, null,         null,  null),
      (2,  4, 'Tablet', 'Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)', true,  'newsletter', true,  null),
      (3,  5, 'Laptop', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6)',  true,  null,         null,  null),
      (4,  6, 'Phone',  'Mozilla/5.0 (Linux; Android 15; Pixel 9)',      true,  'newsletter', false, 'deletion'),
      (5,  3, 'Office', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)',     true,  'statistics', true,  'logout'),
      (6,  3, 'Phone',  'Mozilla/5.0 (Linux; Android 15; Pixel 9)',      true,  null,         null,  null),
      (7,  2, 'Desk',   'Mozilla/5.0 (X11; Linux x86_64; rv:133.0)',     false, null,         null,  null),
      (8,  2, 'Desk',   'Mozilla/5.0 (X11; Linux x86_64; rv:133.0)',     true,  'newsletter', true,  null),
      (9,  2, 'Phone',  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1)',      true,  'newsletter', false, null),
      (10, 1, 'Phone',  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1)',      true,  null,         null,  null),
      (11, 1, 'Laptop', 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0)',     true,  null,         null,  null)
    ) as v (place, number, device, agent, is_right, purpose, is_granted, ending)
    join sample_users s using (number)
    order by v.place
  loop
    perform set_config('request.session', '', true),
            set_config('request.context', jsonb_build_object('address', v_visit.address, 'user_agent', v_visit.agent)::text, true);
    perform api.login(v_visit.username, case when v_visit.is_right then v_visit.password_hash end, v_visit.device);
    if v_visit.purpose is not null then
      perform api.set_my_consent(v_visit.purpose, v_visit.is_granted);
    end if;
    if v_visit.ending = 'logout' then
      perform private.end_session(private.current_session_id(), 'logout');
    elsif v_visit.ending = 'deletion' then
      perform api.delete_me(v_visit.password_hash);
    end if;
  end loop;
  -- The last one is the administrator.
  perform private.change_status(s.id, 'suspend') from sample_users s where s.status = 'suspended';
  perform set_config('request.context', '', true), set_config('request.session', '', true);
end
$$;

select u.username, u.status,
       (select string_agg(r.name, ', ' order by r.name)
        from app.user_roles g join app.roles r on r.id = g.role_id where g.user_id = u.id)
from app.users u
join sample_users s on s.id = u.id
order by s.number;
