"""What is mailed to people, read before it is delivered, since delivery erases it."""

from tests.server import Service

_SENDERS = {
    "verification": """
        select private.send_email_verification(u.id, coalesce(%(to)s, u.email)) from app.users u where u.id = %(id)s""",
    "reset": "select private.send_password_token(u, 'reset') from app.users u where u.id = %(id)s",
    "invitation": "select private.send_password_token(u, 'invitation') from app.users u where u.id = %(id)s",
}


def mailed_token(service: Service, user_id: str, purpose: str, address: str | None = None) -> str:
    """A token of that purpose that was just mailed to the account, or to an address that becomes its own by it."""
    with service.database.transaction():
        service.database.execute(_SENDERS[purpose], {"id": user_id, "to": address})
        newest = "select payload ->> 'token' from app.outbox where user_id = %s order by id desc limit 1"
        row = service.database.execute(newest, [user_id]).fetchone()
    assert row, "the message is in the outbox"
    return str(row[0])
