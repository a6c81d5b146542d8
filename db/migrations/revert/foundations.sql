-- Revert pgroster:foundations from pg
-- The record of the steps ends here, and with it the rows of this step and the one before.

begin;
set local role roster_owner;
drop table app.settings;
drop domain app.page_size, app.audit_action, app.text_version, app.purpose, app.token, app.phone_code, app.role_description, app.permission_name,
  app.role_name, app.user_status, app.device_name, app.identifier,
  app.count_kind, app.search_text, app.user_sort, app.json_list, app.metadata, app.web_url, app.locale, app.phone, app.person_name, app.password_is_short, app.password_hash,
  app.username, app.email;
drop function if exists private.tg__touch, private.digest;
drop domain app.digest;
drop function if exists private.words, private.fold, private.uuid_v7, private.now;
drop table private.secrets, private.clock, app.schema_migrations;
commit;
