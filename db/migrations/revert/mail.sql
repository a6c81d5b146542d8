-- Revert pgroster:mail from pg

begin;
set local role roster_owner;
drop table app.outbox, app.email_verification_tokens, app.password_reset_tokens;
delete from app.schema_migrations where step = 'mail';
commit;
