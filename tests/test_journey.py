"""One person's whole journey, and the administrator who looks after them, over real HTTP."""

from uuid import uuid4

import pytest

from tests.people import NEW_PASSWORD, Person, holder, member, problem
from tests.server import Service

USER_FIELDS = {
    "id", "email", "username", "status", "is_email_verified", "is_phone_verified", "has_second_factor",
    "second_factor_required", "first_name", "last_name", "phone", "locale", "avatar_url", "metadata", "roles",
    "permissions", "gdpr_consent_at", "last_login_at", "created_at", "updated_at", "deleted_at", "version",
}  # fmt: skip
SESSION_FIELDS = {
    "access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_at", "session_id", "user",
}  # fmt: skip


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


def test_one_person_goes_the_whole_way_and_an_administrator_brings_them_back(service: Service) -> None:
    ann = Person(service)
    registered = ann.register(first_name="Änn", last_name="O'Hara", locale="de-CH", phone="+41791234567")
    assert registered.status_code == 201
    assert registered.json().keys() == USER_FIELDS
    assert registered.json()["status"] == "inactive"
    assert registered.json()["roles"] == ["user"]
    assert registered.headers["cache-control"] == "no-store"
    assert registered.headers["x-content-type-options"] == "nosniff"

    by_email = ann.login(ann.email.upper())
    assert by_email.status_code == 200
    assert by_email.json().keys() == SESSION_FIELDS
    assert (by_email.json()["token_type"], by_email.json()["expires_in"]) == ("Bearer", 900)
    assert by_email.headers["cache-control"] == "no-store"
    phone = ann.elsewhere()
    assert phone.login(ann.username.upper(), device_name="Ann's phone").status_code == 200

    me = ann.get("/v1/me")
    assert me.status_code == 200
    assert me.json().keys() == USER_FIELDS
    assert (me.json()["first_name"], me.json()["last_name"]) == ("Änn", "O'Hara")
    assert me.headers["etag"] == f'"{me.json()["version"]}"'

    patched = ann.request(
        "PATCH", "/v1/me", json={"first_name": "Anna", "phone": None}, headers={"If-Match": me.headers["etag"]}
    )
    assert patched.status_code == 200
    assert (patched.json()["first_name"], patched.json()["phone"]) == ("Anna", None)
    assert patched.json()["last_name"] == "O'Hara", "a field that was left out stays"
    assert patched.headers["etag"] != me.headers["etag"]
    stale = ann.request("PATCH", "/v1/me", json={"first_name": "Late"}, headers={"If-Match": me.headers["etag"]})
    assert problem(stale) == (412, "precondition_failed")
    assert ann.get("/v1/me").json()["first_name"] == "Anna"

    used = ann.session
    assert ann.refresh().status_code == 200
    assert ann.session.keys() == SESSION_FIELDS
    assert ann.session["refresh_token"] != used["refresh_token"]
    assert ann.session["session_id"] == used["session_id"]

    sessions = ann.get("/v1/me/sessions").json()["items"]
    assert [(s["is_current"], s["device_name"]) for s in sessions] == [(False, "Ann's phone"), (True, None)]
    assert ann.request("DELETE", f"/v1/me/sessions/{phone.session['session_id']}").status_code == 204
    assert problem(phone.get("/v1/me")) == (401, "session_expired")
    assert problem(ann.request("DELETE", f"/v1/me/sessions/{phone.session['session_id']}")) == (404, "not_found")
    assert phone.login().status_code == 200
    assert ann.request("DELETE", "/v1/me/sessions").status_code == 204
    assert phone.get("/v1/me").status_code == 401
    assert len(ann.get("/v1/me/sessions").json()["items"]) == 1

    assert phone.login().status_code == 200
    changed = ann.post("/v1/me/password", {"current_password": ann.password, "new_password": NEW_PASSWORD})
    assert changed.status_code == 204
    assert problem(phone.get("/v1/me")) == (401, "session_expired")
    assert problem(phone.refresh()) == (401, "session_expired")
    assert ann.get("/v1/me").status_code == 200
    assert problem(phone.login()) == (401, "invalid_credentials")
    ann.password = phone.password = NEW_PASSWORD
    assert phone.login().status_code == 200

    out = phone.client.post("/v1/auth/logout", json={"refresh_token": phone.session["refresh_token"]})
    assert out.status_code == 204
    assert phone.get("/v1/me").status_code == 401
    assert phone.client.post("/v1/auth/logout", json={"refresh_token": "never issued"}).status_code == 204

    gone = ann.post("/v1/me/delete", {"password": ann.password})
    assert gone.status_code == 204
    assert problem(ann.get("/v1/me")) == (401, "session_expired")
    assert problem(ann.login()) == (401, "invalid_credentials")

    admin = holder(service, "admin")
    found = admin.get("/v1/users", params={"q": ann.email, "status": "deleted"}).json()["items"]
    assert [u["id"] for u in found] == [ann.id]
    restored = admin.post(f"/v1/users/{ann.id}/restore")
    assert restored.status_code == 200
    assert (restored.json()["status"], restored.json()["deleted_at"]) == ("inactive", None)
    assert ann.get("/v1/me").status_code == 401, "sessions from before the deletion stay ended"
    assert ann.login().status_code == 200

    suspended = admin.post(f"/v1/users/{ann.id}/suspend")
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    assert problem(ann.get("/v1/me")) == (401, "session_expired")
    assert problem(ann.login()) == (401, "invalid_credentials")
    reactivated = admin.post(f"/v1/users/{ann.id}/reactivate")
    assert (reactivated.status_code, reactivated.json()["status"]) == (200, "inactive")
    assert ann.login().status_code == 200

    assert problem(ann.get("/v1/users")) == (403, "forbidden")
    assert admin.request("PUT", f"/v1/users/{ann.id}/roles/support").status_code == 204
    assert ann.get("/v1/users").status_code == 200, "the token from before the role was assigned works with it"
    assert ann.get("/v1/me").json()["roles"] == ["support", "user"]
    assert admin.request("DELETE", f"/v1/users/{ann.id}/roles/support").status_code == 204
    assert problem(ann.get("/v1/users")) == (403, "forbidden")

    rows = admin.get("/v1/audit-logs", params={"user_id": ann.id, "limit": 100}).json()["items"]
    assert {
        "account.registered", "login.succeeded", "login.failed", "password.changed", "session.logged_out",
        "users.inserted", "users.updated", "sessions.updated", "user_roles.inserted", "user_roles.deleted",
    } <= {row["action"] for row in rows}  # fmt: skip
    for answer, action, actor in [
        (registered, "account.registered", None),
        (by_email, "login.succeeded", ann.id),
        (patched, "user_profiles.updated", ann.id),
        (changed, "password.changed", ann.id),
        (gone, "users.updated", ann.id),
        (suspended, "users.updated", admin.id),
    ]:
        request_id = answer.headers["x-request-id"]
        of_request = [row for row in rows if row["request_id"] == request_id]
        assert action in {row["action"] for row in of_request}
        assert {(row["actor_user_id"] or actor) for row in of_request} == {actor}
        assert {(row["database_role"], row["client_address"]) for row in of_request} == {
            ("roster_authenticator", "127.0.0.1")
        }
    text = str(admin.get("/v1/audit-logs", params={"limit": 100}).json())
    for secret in (ann.password, used["refresh_token"], ann.token, "$argon2id$"):
        assert secret not in text


def test_a_request_id_of_the_client_reaches_the_audit_row(service: Service) -> None:
    admin = holder(service, "admin")
    ann = member(service)
    mine = f"ticket-{uuid4()}"
    answer = admin.post(f"/v1/users/{ann.id}/suspend", headers={"X-Request-Id": mine})
    assert answer.headers["x-request-id"] == mine
    rows = admin.get("/v1/audit-logs", params={"request_id": mine}).json()["items"]
    ended = {"sessions.updated", "refresh_tokens.updated", "email_verification_tokens.updated"}
    assert {row["action"] for row in rows} == {"users.updated"} | ended
    assert {row["route"] for row in rows} == {"api.suspend_user(uuid)"}
    assert {row["actor_user_id"] for row in rows} == {admin.id}


def test_reading_the_audit_log_leaves_a_row_in_it(service: Service) -> None:
    auditor = holder(service, "auditor")
    read = auditor.get("/v1/audit-logs", params={"action": "login.succeeded", "user_id": auditor.id})
    assert [row["actor_user_id"] for row in read.json()["items"]] == [auditor.id]
    seen = auditor.get("/v1/audit-logs", params={"request_id": read.headers["x-request-id"]}).json()["items"]
    assert [(row["action"], row["actor_user_id"]) for row in seen] == [("audit_logs.read", auditor.id)]
