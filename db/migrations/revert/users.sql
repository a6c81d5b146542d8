-- Revert pgroster:users from pg

begin;
set local role roster_owner;
drop table app.user_profiles, app.users;
drop function if exists private.tg__unverify_phone, private.tg__touch_owner, private.tg__touch_user,
  private.tg__refuse_truncate, private.name_words, private.account_words;
delete from app.schema_migrations where step = 'users';
commit;
