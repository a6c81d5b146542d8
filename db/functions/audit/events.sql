-- The vocabulary of what is recorded besides changes of rows. Whoever records something new adds it here first;
-- docs/reference/audit-actions.md is generated from it.
create or replace function audit.events() returns table (action text, meaning text, details text)
language sql
immutable
as $$
  values
    ('account.imported',             'An operator brought an account in from elsewhere.', null),
    ('account.invited',              'An administrator made an account and had the invitation mailed.', null),
    ('account.locked',               'Wrong passwords locked the account.', 'failures: how many; scope: source, or everywhere'),
    ('account.registered',           'Somebody registered.', null),
    ('audit_logs.read',              'Somebody read the audit log.', 'the filters; user_id is whose rows, else the reader''s own id'),
    ('audit_logs.verified',          'Somebody verified the log, or a part of it, over HTTP.', 'from, to: which part'),
    ('audit_partitions.archived',    'A month of the log was written to a file.', 'month, rows, last_seal; file: its name; sha256: its digest'),
    ('audit_partitions.dropped',     'A month left the log, its retention having passed.', 'month, rows, first_seal, last_seal; archive: the file that holds it'),
    ('data.exported',                'A person took everything that is held about them.', null),
    ('email.change_requested',       'A new address was asked for; it waits for its verification.', null),
    ('email.changed',                'A new address was verified and took effect.', null),
    ('email.verification_requested', 'A verification mail was asked for, also for an address without an account.', null),
    ('email.verified',               'The address was verified.', null),
    ('job.rescheduled',              'Somebody moved the time at which a job is due.', 'name: which job; next_run_at: when now; was: when before'),
    ('login.failed',                 'A sign-in, or a password that was asked for again, was refused.', 'reason: unknown, locked, wrong_password, unverified, or the account''s status'),
    ('login.succeeded',              'Somebody signed in.', null),
    ('mfa.confirmed',                'A code of the enrolled authenticator app put the second factor in force; all other sessions ended.', null),
    ('mfa.disabled',                 'The second factor was taken away: by its owner, an administrator, an operator, or a reset.', null),
    ('mfa.enrolled',                 'An authenticator app was enrolled; it is in force when it is confirmed.', null),
    ('mfa.failed',                   'A code of the second factor was refused.', 'reason: wrong_code, used_code, exhausted, locked, unverified, or the account''s status'),
    ('operator.acted_as',            'An operator began to act as a person, by admin.act_as().', null),
    ('password.changed',             'A person changed their password.', null),
    ('password.rehashed',            'A sign-in replaced an outdated hash of the same password.', null),
    ('password.reset',               'A mailed token set a password.', 'purpose: reset, or invitation'),
    ('password.reset_requested',     'A reset was asked for, also for an address without an account.', null),
    ('phone.verification_failed',    'A wrong code was given.', null),
    ('phone.verified',               'The telephone number was verified.', null),
    ('recovery_code.used',           'A recovery code stood in for the authenticator app.', 'left: how many are left'),
    ('recovery_codes.renewed',       'A person had new recovery codes made; the old ones stopped working.', null),
    ('refresh_token.refused',        'A refresh token was refused: unknown, expired, revoked, or of an ended session.', 'code: the problem that was answered'),
    ('refresh_token.retried',        'The last used refresh token was presented again at once and got the same successor: an answer was lost, or somebody shares the session.', 'session_id: which'),
    ('refresh_token.reused',         'A used refresh token was presented again; its session was ended.', 'session_id: which'),
    ('request.rate_limited',         'A limit was reached, once a window however many requests follow.', 'policy: which limit'),
    ('request.refused',              'A request was not allowed: no session, no permission, no valid token.', 'code: the problem that was answered'),
    ('session.logged_out',           'A person signed out.', 'session_id: which'),
    ('user_api_keys.read',           'Somebody looked at a person''s API keys.', null),
    ('user_history.read',            'Somebody looked up how an account was at a time.', 'at: which time'),
    ('user_sessions.read',           'Somebody looked at a person''s open sessions.', null),
    ('users.seeded',                 'An operator filled the database with made-up accounts.', 'count: how many; seed: of the generator')
$$;
comment on function audit.events() is 'Every event that is no change of a row, with what it means and what its details hold.';
revoke all on function audit.events() from public;
grant execute on function audit.events() to roster_dba, roster_auditor, roster_owner;
