-- Revert pgroster:second_factor from pg

begin;
set local role roster_owner;
drop table app.login_challenges, app.recovery_codes, app.totp_factors;
drop domain app.recovery_code, app.totp_step, app.sealed_secret;
delete from app.schema_migrations where step = 'second_factor';
commit;
