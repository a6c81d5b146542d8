-- The registry of every error that a client can meet, also those that only the service can notice.
-- docs/errors.md is generated from it.
create or replace function http.problems() returns table (code text, status integer, title text, hint text)
language sql
immutable
as $$
  values
    ('malformed_json',          400, 'The body is not valid JSON.', 'Send UTF-8 JSON without duplicate keys, NUL characters or more than 32 levels.'),
    ('cursor_invalid',          400, 'The cursor is not one of this list''s.', 'Start again without a cursor.'),
    ('code_invalid',            400, 'The code is not valid.', 'Check it, or ask for a new one.'),
    ('authentication_required', 401, 'This needs a signed-in user.', 'Send an access token as Authorization: Bearer; in psql call admin.act_as() first.'),
    ('invalid_credentials',     401, 'The sign-in was refused.', 'Check the identifier and the password; after several failures wait, or reset the password.'),
    ('token_invalid',           401, 'The token is not valid or not valid any more.', 'Sign in again, or ask for a new token.'),
    ('token_reused',            401, 'The refresh token was used before; its session has been ended.', 'Sign in again. If it was not you who used it, change your password.'),
    ('session_expired',         401, 'The session has ended.', 'Sign in again.'),
    ('mfa_required',            401, 'The sign-in needs the second factor.', 'Send the challenge with a code of the authenticator app, or a recovery code, to /v1/auth/mfa.'),
    ('second_factor_failed',    401, 'The second factor was refused.', 'Send the code that the app shows now, or an unused recovery code; after several failures wait.'),
    ('reauthentication_failed', 401, 'The password is not right.', 'Send the current password.'),
    ('session_required',        403, 'This takes a person who has signed in; an API key cannot do it.', 'Sign in and send an access token.'),
    ('forbidden',               403, 'You are not allowed to do this.', 'Ask an administrator for a role with the permission that the route names.'),
    ('above_own_permissions',   403, 'This goes beyond your own permissions.', 'Ask somebody who holds all permissions of that role or account.'),
    ('audit_append_only',       403, 'The audit log is append-only.', 'Rows leave the log only with their whole partition, when its retention has passed.'),
    ('not_found',               404, 'There is no such thing here.', 'Check the path and the id.'),
    ('method_not_allowed',      405, 'This path does not take that method.', 'Use one of the methods in the Allow header.'),
    ('email_taken',             409, 'The email address belongs to another account.', 'Use another address, or reset the password of that account.'),
    ('username_taken',          409, 'The username belongs to another account.', 'Choose another username.'),
    ('role_taken',              409, 'There is a role of that name already.', 'Choose another name, or change that role.'),
    ('system_role',             409, 'System roles stay as they are.', 'Make a role of your own.'),
    ('last_admin',              409, 'Somebody has to remain administrator.', 'Make another user administrator first.'),
    ('restore_expired',         409, 'The time in which the account could be restored has passed.', 'Create a new account.'),
    ('status_conflict',         409, 'The account is not in a state that allows this.', 'Look at its status first.'),
    ('session_end_fixed',       409, 'A session''s end and its user never change.', 'Sign in again to get a new session.'),
    ('second_factor_active',    409, 'There is a second factor already.', 'Disable it first.'),
    ('no_second_factor',        409, 'There is no second factor that this could be about.', 'Enrol one first.'),
    ('too_many_api_keys',       409, 'The account has as many API keys as it may.', 'Revoke one that is not needed any more.'),
    ('account_needs_consent',   409, 'The account rests on this consent.', 'To withdraw it, delete the account: POST /v1/me/delete.'),
    ('precondition_failed',     412, 'The thing has changed since you read it.', 'Read it again and repeat the change with the new ETag.'),
    ('body_too_large',          413, 'The body is larger than 64 KiB.', 'Send less.'),
    ('unsupported_media_type',  415, 'The body is not JSON.', 'Send Content-Type: application/json.'),
    ('invalid_request',         422, 'The request does not fit this route.', 'See errors: each names a field and what it should be.'),
    ('expiry_passed',           422, 'The time has passed already.', 'Send a time in the future, or none.'),
    ('code_missing',            422, 'A code is needed.', 'Send code, or recovery_code.'),
    ('password_missing',        422, 'A password is needed.', 'Send one; to shut somebody out, suspend the account.'),
    ('metadata_too_large',      422, 'The metadata is larger than 8 KiB.', 'Keep large data elsewhere and a reference here.'),
    ('hash_too_costly',         422, 'The hash would take the service seconds to verify.', 'Import the account without it; the person then resets the password.'),
    ('unknown_permission',      422, 'There is no such permission.', 'Use those that GET /v1/roles shows for admin.'),
    ('consent_required',        422, 'An account needs consent to the processing of its data.', 'Send gdpr_consent: true once the person has agreed.'),
    ('password_unacceptable',   422, 'The password is not acceptable.', 'See errors for the reason.'),
    ('rate_limited',            429, 'Too many requests.', 'Wait as long as Retry-After says.'),
    ('internal_error',          500, 'Something went wrong on our side.', 'Try again; if it stays, report the request_id.'),
    ('busy',                    503, 'The service is at its limit.', 'Try again after Retry-After.'),
    ('timeout',                 503, 'The database took too long.', 'Try again after Retry-After.'),
    ('database_unavailable',    503, 'The database cannot serve this now.', 'Try again after Retry-After.')
$$;
comment on function http.problems() is 'Every error code with its HTTP status, its title and what to do about it.';
revoke all on function http.problems() from public;
grant execute on function http.problems() to roster_dba, roster_authenticator;
