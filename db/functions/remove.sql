-- Generated from the files of db/functions by `pgroster migrate`; edit those.
-- Takes the functions away but those that the tables need: psql -1 -f db/functions/remove.sql
\set ON_ERROR_STOP on
set local pgroster.functions_digest = 'none';
\ir begin.sql

-- In whatever order they name each other.
set local check_function_bodies = off;
\ir private/now.sql
\ir private/uuid_v7.sql
\ir private/fold.sql
\ir private/words.sql
\ir private/digest.sql
\ir private/tg__touch.sql
\ir private/is_api_key.sql
\ir private/in_scope.sql
\ir private/current_actor.sql
\ir private/current_user_id.sql
\ir private/is_dba.sql
\ir private/has_permission.sql
set local role roster_audit_owner;
\ir audit/values_digest.sql
\ir audit/origin_digest.sql
\ir audit/tg__refuse_change.sql
\ir audit/tg__erase_only.sql
\ir audit/create_partitions.sql
\ir audit/append.sql
\ir audit/record_event.sql
\ir audit/tg__record_change.sql
set local role roster_owner;
\ir private/account_words.sql
\ir private/name_words.sql
\ir private/tg__refuse_truncate.sql
\ir private/tg__touch_user.sql
\ir private/tg__touch_owner.sql
\ir private/tg__unverify_phone.sql
\ir private/tg__refuse_moved_end.sql
\ir private/current_session_id.sql
\ir private/ids_in.sql
\ir private/tg__record_postponement.sql
set local role roster_audit_owner;
\ir audit/opening.sql
\ir audit/tg__guard_ddl.sql
set local role roster_owner;

-- Once more, now that all is there: a mistake in a body is found with its line.
set local check_function_bodies = on;
\ir private/now.sql
\ir private/uuid_v7.sql
\ir private/fold.sql
\ir private/words.sql
\ir private/digest.sql
\ir private/tg__touch.sql
\ir private/is_api_key.sql
\ir private/in_scope.sql
\ir private/current_actor.sql
\ir private/current_user_id.sql
\ir private/is_dba.sql
\ir private/has_permission.sql
set local role roster_audit_owner;
\ir audit/values_digest.sql
\ir audit/origin_digest.sql
\ir audit/tg__refuse_change.sql
\ir audit/tg__erase_only.sql
\ir audit/create_partitions.sql
\ir audit/append.sql
\ir audit/record_event.sql
\ir audit/tg__record_change.sql
set local role roster_owner;
\ir private/account_words.sql
\ir private/name_words.sql
\ir private/tg__refuse_truncate.sql
\ir private/tg__touch_user.sql
\ir private/tg__touch_owner.sql
\ir private/tg__unverify_phone.sql
\ir private/tg__refuse_moved_end.sql
\ir private/current_session_id.sql
\ir private/ids_in.sql
\ir private/tg__record_postponement.sql
set local role roster_audit_owner;
\ir audit/opening.sql
\ir audit/tg__guard_ddl.sql
set local role roster_owner;

\ir finish.sql
