-- Domains say in their comments what they hold.
create or replace function private.expected_value(field text, domain_name text) returns text
language sql
stable
as $$
  select case
    when expected_value.domain_name <> '' then
      pg_catalog.obj_description(pg_catalog.to_regtype('app.' || expected_value.domain_name), 'pg_type')
    when expected_value.field = 'is_email_verified' then 'Either true or false.'
    when expected_value.field in ('row', 'metadata') then 'A JSON object.'
    else 'A field of this name and kind is not known.'
  end
$$;
comment on function private.expected_value(text, text) is 'What a field of a domain has to be, or one without a domain, as a sentence.';
revoke all on function private.expected_value(text, text) from public;
