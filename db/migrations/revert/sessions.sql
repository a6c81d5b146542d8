-- Revert pgroster:sessions from pg

begin;
set local role roster_owner;
drop view private.admins, private.live_sessions;
drop table app.refresh_tokens, app.login_sources, app.sessions;
drop function if exists private.current_session_id, private.tg__refuse_moved_end;
delete from app.schema_migrations where step = 'sessions';
commit;
