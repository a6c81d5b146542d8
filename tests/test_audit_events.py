"""What a request leaves in the log besides the changes of its operation: refusals of every kind, and reads."""

from typing import Any

import pytest

from tests.people import NEW_PASSWORD, Person, holder, member, problem
from tests.server import Service


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


def rows_of(service: Service, answer: Any) -> list[tuple[Any, ...]]:
    """What a request left in the log: action, whom it is about, who did it, details."""
    return service.database.execute(
        "select action, user_id::text, actor_user_id::text, details"
        " from audit.audit_logs where request_id = %s order by id",
        [answer.headers["x-request-id"]],
    ).fetchall()


def test_a_refusal_that_undid_everything_is_in_the_log(service: Service) -> None:
    """BR-230: the operation raised, so that nothing of its own could stay."""
    support, admin = holder(service, "support"), holder(service, "admin")
    answer = support.post(f"/v1/users/{admin.id}/suspend")
    assert problem(answer) == (403, "above_own_permissions")
    assert rows_of(service, answer) == [
        ("request.refused", support.id, support.id, {"code": "above_own_permissions"}),
    ]


def test_a_mailed_token_that_is_none_is_in_the_log(service: Service) -> None:
    """BR-230: also where the request was counted before the password was hashed."""
    ann = Person(service)
    answer = ann.post("/v1/auth/password/reset", {"token": "made-up", "password": NEW_PASSWORD})
    assert problem(answer) == (400, "token_invalid")
    assert rows_of(service, answer) == [("request.refused", None, None, {"code": "token_invalid"})]
    answer = ann.post("/v1/auth/email/verify", {"token": "made-up"})
    assert problem(answer) == (400, "token_invalid")
    assert rows_of(service, answer) == [("request.refused", None, None, {"code": "token_invalid"})]


def test_an_access_token_that_is_none_is_in_the_log(service: Service) -> None:
    """BR-230: the service verifies it, the database hears of it."""
    answer = service.client.get("/v1/me", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
    assert problem(answer) == (401, "token_invalid")
    assert rows_of(service, answer) == [("request.refused", None, None, {"code": "token_invalid"})]


def test_a_mistake_is_no_event(service: Service) -> None:
    """BR-230: what is no question of rights stays out of the log."""
    admin, ann = holder(service, "admin"), member(service)
    assert admin.post(f"/v1/users/{ann.id}/suspend").status_code == 200
    for answer in (
        admin.post(f"/v1/users/{ann.id}/suspend"),
        admin.get(f"/v1/users/{admin.id[::-1]}"),
        admin.post("/v1/roles", {"name": "?"}),
    ):
        assert answer.status_code in (404, 409, 422)
        assert rows_of(service, answer) == []


def test_a_read_says_what_was_looked_at(service: Service) -> None:
    """BR-204: who saw what when, with the filters."""
    auditor, admin, ann = holder(service, "auditor"), holder(service, "admin"), member(service)
    at = "2999-01-01T00:00:00Z"
    reads = [
        (auditor.get("/v1/audit-logs"), "audit_logs.read", auditor, auditor, None),
        (auditor.get(f"/v1/audit-logs?user_id={ann.id}"), "audit_logs.read", ann, auditor, None),
        (
            auditor.get(f"/v1/audit-logs?action=login.failed&to={at}&limit=1"),
            "audit_logs.read", auditor, auditor, {"action": "login.failed", "to": at},
        ),
        (auditor.get(f"/v1/users/{ann.id}/history?at={at}"), "user_history.read", ann, auditor, {"at": at}),
        (admin.get(f"/v1/users/{ann.id}/sessions"), "user_sessions.read", ann, admin, None),
        (ann.get("/v1/me/export"), "data.exported", ann, ann, None),
    ]  # fmt: skip
    for answer, action, about, actor, details in reads:
        assert answer.status_code == 200, answer.text
        assert rows_of(service, answer) == [(action, about.id, actor.id, details)]


def test_a_read_that_found_nothing_is_no_event(service: Service) -> None:
    """BR-204: nobody saw anything."""
    auditor = holder(service, "auditor")
    answer = auditor.get(f"/v1/users/{auditor.id[:-4]}0000/history")
    assert problem(answer) == (404, "not_found")
    assert rows_of(service, answer) == []


def test_the_person_sees_that_somebody_looked_and_not_from_where(service: Service) -> None:
    """BR-309: one's own activity tells what others did, without their origin."""
    auditor, ann = holder(service, "auditor"), member(service)
    assert auditor.get(f"/v1/users/{ann.id}/history").status_code == 200
    assert service.client.post("/v1/auth/refresh", json={"refresh_token": ann.session["refresh_token"]}).is_success
    service.database.execute("update app.refresh_tokens set successor_salt = null")
    answer = service.client.post("/v1/auth/refresh", json={"refresh_token": ann.session["refresh_token"]})
    assert problem(answer) == (401, "token_reused")
    ann.login()
    seen = {item["action"]: item for item in ann.get("/v1/me/activity?limit=100").json()["items"]}
    assert (seen["user_history.read"]["client_address"], seen["user_history.read"]["by_myself"]) == (None, False)
    assert (seen["refresh_token.reused"]["client_address"], seen["refresh_token.reused"]["by_myself"]) == (
        "127.0.0.1",
        False,
    )


def test_the_vocabulary_is_offered_and_is_what_the_log_holds(service: Service) -> None:
    """BR-231: every action of the log is one of the list."""
    auditor = holder(service, "auditor")
    actions = {item["action"] for item in auditor.get("/v1/audit-logs/actions").json()["items"]}
    held = service.database.execute("select distinct action from audit.audit_logs").fetchall()
    assert {action for (action,) in held} <= actions
