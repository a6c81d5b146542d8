-- Six accounts, one for each state and each seeded role, made by the functions that everybody else uses.
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

alter table sample_users add id uuid;
update sample_users s set id = (api.register(
  s.username || '@example.com', s.username, s.password_hash, true, s.first_name, s.last_name, s.phone, s.locale)).id;

update app.users u set is_email_verified = true, status = 'active'
from sample_users s where s.id = u.id and s.status <> 'inactive';

insert into app.user_roles (user_id, role_id)
select s.id, r.id from sample_users s join app.roles r on r.name = s.role;

insert into app.consents (user_id, purpose, is_granted)
select s.id, 'newsletter', s.number % 2 = 0 from sample_users s;

select private.change_status(s.id, 'suspend') from sample_users s where s.status = 'suspended';
select private.change_status(s.id, 'delete') from sample_users s where s.status = 'deleted';

select u.username, u.status,
       (select string_agg(r.name, ', ' order by r.name)
        from app.user_roles g join app.roles r on r.id = g.role_id where g.user_id = u.id)
from app.users u
join sample_users s on s.id = u.id
order by s.number;
