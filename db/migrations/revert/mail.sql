-- Revert pgroster:mail from pg

begin;
set local role roster_owner;
drop table app.outbox, app.phone_verification_codes, app.email_verification_tokens, app.password_reset_tokens;
drop domain app.message_payload;
delete from app.schema_migrations where step = 'mail';
commit;
