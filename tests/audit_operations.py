"""What the product can be asked to do, for a random walk."""

from typing import TYPE_CHECKING

from tests.audit_changes import Change, Maker, call

if TYPE_CHECKING:
    from tests.audit_walk import Walk

HASH = "$2b$12$" + "a" * 53
OTHER_HASH = "$2b$12$" + "b" * 53
CHALLENGE = "nullif(current_setting('response.problem', true), '')::jsonb ->> 'challenge'"
"""What a login leaves behind that wants a second factor."""
STEP = "floor(extract(epoch from private.now()) / 30)::bigint + "


def _register(walk: "Walk") -> Change:
    name = walk.name()
    return Change(
        "register",
        "roster_anonymous",
        call("select (api.register({}, {}, {}, true, {})).id", f"{name}@walk.example", name, HASH, name),
    )


def _login(walk: "Walk") -> Change | None:
    name = walk.pick("select username from app.users where status <> 'deleted'")
    statement = call("select (api.login({}, {})).refresh_token", name, walk.random.choice([HASH, HASH, OTHER_HASH]))
    return Change("login", "roster_anonymous", statement, hands_out=True) if name else None


def _login_with_factor(walk: "Walk") -> Change | None:
    name = walk.pick("select u.username from app.users u join app.totp_factors f on f.user_id = u.id")
    if not name:
        return None
    step = STEP + str(walk.random.randrange(3))
    statement = call(
        "select case when (api.login({}, {})).refresh_token is null"
        f" then (api.complete_login({CHALLENGE}, {walk.random.choice([step, step, 'null'])})).refresh_token end",
        name,
        HASH,
    )
    return Change("complete_login", "roster_anonymous", statement, hands_out=True)


def _refresh(walk: "Walk") -> Change | None:
    if not walk.tokens:
        return None
    token = walk.random.choice(walk.tokens[-8:])
    return Change("refresh", "roster_anonymous", call("select (api.refresh({})).refresh_token", token), hands_out=True)


def _logout(walk: "Walk") -> Change | None:
    return (
        Change("logout", "roster_anonymous", call("select api.logout({})", walk.random.choice(walk.tokens)))
        if walk.tokens
        else None
    )


def _mine(walk: "Walk") -> Change | None:
    if not walk.secrets:
        return None
    name = walk.name()
    statement = walk.random.choice(
        [
            call(
                "select api.update_me('{{first_name,metadata}}', first_name => {}, metadata => {})",
                name,
                f'{{"at": "{name}"}}',
            ),
            call("select api.update_me('{{username}}', username => {})", name),
            call(
                "select api.update_me('{{avatar_url,phone}}', phone => {})",
                f"+4179{walk.random.randrange(10**6, 10**7)}",
            ),
            call(
                "select api.set_my_consent({}, {})",
                walk.random.choice(["newsletter", "research"]),
                walk.random.random() < 0.5,
            ),
            call("select api.change_email({}, {})", f"{name}@walk.example", HASH),
            call("select api.change_phone({})", f"+4178{walk.random.randrange(10**6, 10**7)}"),
            call("select api.change_password({}, {})", HASH, HASH),
            "select api.verify_phone('000000')",
            call("select api.create_my_api_key({}, '{{}}', null, {})", name, HASH),
            call(
                f"select case when (api.enrol_mfa({{}}, {{}})).issuer is not null then api.confirm_mfa({STEP}0) end",
                f"0123456789abcdef.{'A' * 64}",
                HASH,
            ),
            "select api.revoke_my_api_key((k).id) from api.list_my_api_keys() l, unnest(l.items) k limit 1",
            "select api.revoke_my_other_sessions()",
        ]
    )
    return Change(statement.split("(")[0], "roster_user", statement, session=walk.random.choice(walk.secrets[-12:]))


def _my_factor(walk: "Walk") -> Change | None:
    session = walk.pick(
        """select given from unnest(%s::text[]) given join app.sessions s on s.secret_hash = private.digest(given)
           join app.totp_factors f on f.user_id = s.user_id where s.revoked_at is null""",
        walk.secrets,
    )
    name = walk.random.choice(["renew_recovery_codes", "disable_mfa"])
    statement = call(f"select api.{name}({{}}, {STEP}{walk.random.randrange(3)})", HASH)
    return Change(name, "roster_user", statement, session=session) if session else None


def _anybody(walk: "Walk") -> Change | None:
    email = walk.pick("select email from app.users where status <> 'deleted'")
    token = walk.pick(
        "select payload ->> 'token' from app.outbox where payload ? 'token' and template ~ 'verify|changed'"
    )
    reset = walk.pick(
        "select payload ->> 'token' from app.outbox where payload ? 'token' and template ~ 'reset|invitation'"
    )
    statement = walk.random.choice(
        [
            call("select api.forgot_password({})", email or "nobody@walk.example"),
            call("select api.request_email_verification({})", email or "nobody@walk.example"),
            call("select api.verify_email({})", token or "made up"),
            call("select api.reset_password({}, {}, true)", reset or "made up", HASH),
        ]
    )
    return Change(statement.split("(")[0], "roster_anonymous", statement)


def _operator(walk: "Walk") -> Change | None:
    user, name = walk.pick("select id::text from app.users"), walk.name()
    role = walk.pick("select name from app.roles where name <> 'admin'")
    key, owner = walk.pick("select array[id, user_id]::text[] from app.api_keys") or (None, None)
    statement = walk.random.choice(
        [
            call("select api.create_user_api_key({}, {}, '{{users:read}}')", user, name),
            call("select api.revoke_user_api_key({}, {})", owner, key),
            call("select admin.reset_mfa({})", walk.pick("select user_id::text from app.totp_factors")),
            call("select api.assign_role({}, {})", user, role),
            call("select api.assign_role({}, {}, private.now() + interval '10 days')", user, role),
            call("select api.remove_role({}, {})", user, role),
            call("select api.create_role({}, '{{users:read}}')", name),
            call("select api.update_role({}, '{{audit:read,users:read}}', {})", role, name),
            call("select api.drop_role({})", role),
            call("select api.suspend_user({})", user),
            call("select api.reactivate_user({})", user),
            call("select api.unlock_user({})", user),
            call("select api.delete_user({})", user),
            call("select api.restore_user({})", user),
            call("select api.update_user({}, '{{last_name}}', last_name => {})", user, name),
            call("select api.create_user({}, {})", f"{name}@walk.example", name),
            call("select admin.import_user({}, {}, {})", f"{name}@walk.example", name, HASH),
            call("select admin.set_data_retention({}, private.now() + interval '200 days')", user),
            call("select admin.anonymize_user({})", user),
            "select admin.cleanup_expired_data()",
            "select admin.erase_expired_salts()",
        ]
    )
    return Change(
        statement.split("(")[0],
        "roster_dba",
        statement,
        keeps_origin="anonymize" not in statement and "cleanup" not in statement,
    )


def _time(walk: "Walk") -> Change | None:
    """Time passes, and a message is delivered; partitions reach half a year ahead."""
    if walk.random.random() < 0.2 and walk.rows("select from private.clock where shift < interval '120 days'"):
        walk.admin.execute(
            "update private.clock set shift = shift + %s * interval '1 hour'", [walk.random.randrange(1, 200)]
        )
    return Change("claim", "roster_authenticator", "select http.finish_message(m.id) from http.claim_message() m")


OPERATIONS: list[Maker] = [
    _register,
    _login,
    _login,
    _login_with_factor,
    _refresh,
    _refresh,
    _logout,
    _mine,
    _mine,
    _mine,
    _my_factor,
    _anybody,
    _operator,
    _operator,
    _operator,
    _time,
]
"""Each as often as it is to happen."""
