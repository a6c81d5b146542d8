-- The texts are files of the service, so both sides need one list of them: private.send() takes only what stands here,
-- and the service refuses to start when a text lacks something that stands here, or asks for something that does not.
create or replace function http.messages() returns table (template text, channel text, keys text[])
language sql
immutable
as $$
  values
    ('verify_email',           'email', array['token']),
    ('reset_password',         'email', array['token']),
    ('invitation',             'email', array['token']),
    ('email_change_requested', 'email', array['new_email']),
    ('email_changed',          'email', array['new_email']),
    ('email_already_used',     'email', array[]::text[]),
    ('username_already_used',  'email', array[]::text[]),
    ('password_changed',       'email', array[]::text[]),
    ('mfa_enabled',            'email', array[]::text[]),
    ('mfa_disabled',           'email', array[]::text[]),
    ('recovery_code_used',     'email', array['left']),
    ('api_key_created',        'email', array['name']),
    ('verify_phone',           'sms',   array['code'])
$$;
comment on function http.messages() is 'Every message to a person: the name of its text, its channel, and what its payload holds besides username and service_name.';
revoke all on function http.messages() from public;
grant execute on function http.messages() to roster_authenticator, roster_dba;
