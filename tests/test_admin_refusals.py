"""Each documented refusal of what administrators do, and that nothing of it is kept."""

from uuid import uuid4

import pytest

from tests.people import NEW_PASSWORD, Person, grant, holder, member, moved_clock, problem
from tests.server import Service


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


def test_somebody_elses_session_and_account_answer_as_missing_ones(service: Service) -> None:
    ann, bob = member(service), member(service)
    nobody = ann.get(f"/v1/users/{uuid4()}")
    somebody = ann.get(f"/v1/users/{bob.id}")
    assert problem(somebody) == problem(nobody) == (404, "not_found")
    hidden = {"request_id"}
    assert {k: v for k, v in somebody.json().items() if k not in hidden} == {
        k: v for k, v in nobody.json().items() if k not in hidden
    }
    assert ann.get(f"/v1/users/{ann.id}").status_code == 200
    assert problem(ann.request("DELETE", f"/v1/me/sessions/{bob.session['session_id']}")) == (404, "not_found")
    assert bob.get("/v1/me").status_code == 200


def test_a_restore_is_refused_when_the_address_was_taken_or_the_time_has_passed(service: Service) -> None:
    admin = holder(service, "admin")
    ann, eve = member(service), Person(service)
    assert problem(admin.post(f"/v1/users/{ann.id}/restore")) == (409, "status_conflict")
    assert ann.post("/v1/me/delete", {"password": ann.password}).status_code == 204
    assert eve.register(email=ann.email).status_code == 201, "the address is free at once"
    assert problem(admin.post(f"/v1/users/{ann.id}/restore")) == (409, "email_taken")
    assert admin.request("DELETE", f"/v1/users/{eve.id}").status_code == 204
    assert eve.elsewhere().register(email=f"other-{ann.email}", username=ann.username).status_code == 201
    assert problem(admin.post(f"/v1/users/{ann.id}/restore")) == (409, "username_taken")
    bob = member(service)
    assert bob.post("/v1/me/delete", {"password": bob.password}).status_code == 204
    service.database.execute("update app.settings set session_absolute = '90 days'")
    admin.login()
    with moved_clock(service, "30 days 1 minute"):
        assert problem(admin.post(f"/v1/users/{bob.id}/restore")) == (409, "restore_expired")
    assert admin.post(f"/v1/users/{bob.id}/restore").status_code == 200


def test_an_account_changes_status_only_from_one_that_allows_it(service: Service) -> None:
    admin = holder(service, "admin")
    ann = member(service)
    assert problem(admin.post(f"/v1/users/{ann.id}/reactivate")) == (409, "status_conflict")
    assert admin.post(f"/v1/users/{ann.id}/suspend").status_code == 200
    assert problem(admin.post(f"/v1/users/{ann.id}/suspend")) == (409, "status_conflict")
    assert problem(admin.post(f"/v1/users/{uuid4()}/suspend")) == (404, "not_found")
    assert problem(admin.post("/v1/users/ann/suspend")) == (404, "not_found")
    etag = admin.get(f"/v1/users/{ann.id}").headers["etag"]
    assert admin.post(f"/v1/users/{ann.id}/reactivate").status_code == 200
    stale = admin.request("DELETE", f"/v1/users/{ann.id}", headers={"If-Match": etag})
    assert problem(stale) == (412, "precondition_failed")
    etag = admin.get(f"/v1/users/{ann.id}").headers["etag"]
    assert admin.request("DELETE", f"/v1/users/{ann.id}", headers={"If-Match": etag}).status_code == 204
    assert problem(admin.request("DELETE", f"/v1/users/{ann.id}")) == (409, "status_conflict")


def test_the_last_administrator_stays(service: Service) -> None:
    admin = holder(service, "admin")
    service.database.execute(
        "delete from app.user_roles ur using app.roles r"
        " where r.id = ur.role_id and r.name = 'admin' and ur.user_id <> %s",
        [admin.id],
    )
    for method, path, body in [
        ("DELETE", f"/v1/users/{admin.id}/roles/admin", None),
        ("POST", f"/v1/users/{admin.id}/suspend", None),
        ("DELETE", f"/v1/users/{admin.id}", None),
        ("POST", "/v1/me/delete", {"password": admin.password}),
    ]:
        answer = admin.request(method, path, json=body) if body else admin.request(method, path)
        assert problem(answer) == (409, "last_admin"), path
    assert admin.get("/v1/users").status_code == 200


def test_nobody_grants_more_than_they_hold(service: Service) -> None:
    helper = holder(service, "support")
    service.database.execute(
        "insert into app.roles (name) values ('deputy');"
        "insert into app.role_permissions select id, 'roles:assign' from app.roles where name = 'deputy'"
    )
    grant(helper, "deputy")
    for role in ("admin", "auditor"):
        answer = helper.request("PUT", f"/v1/users/{helper.id}/roles/{role}")
        assert problem(answer) == (403, "above_own_permissions")
    assert helper.request("PUT", f"/v1/users/{member(service).id}/roles/support").status_code == 204
    assert problem(helper.request("PUT", f"/v1/users/{helper.id}/roles/unheard_of")) == (404, "not_found")
    assert helper.get("/v1/me").json()["roles"] == ["deputy", "support", "user"]


def test_a_role_with_an_end_ends_by_the_clock(service: Service) -> None:
    admin, ann = holder(service, "admin"), member(service)
    soon = service.database.execute("select (private.now() + interval '5 minutes')::text").fetchone()
    assert soon
    iso = soon[0].replace(" ", "T") + ":00"
    answer = admin.request("PUT", f"/v1/users/{ann.id}/roles/auditor", json={"expires_at": iso})
    assert answer.status_code == 204, answer.text
    assert ann.get("/v1/audit-logs").status_code == 200
    with moved_clock(service, "6 minutes"):
        assert problem(ann.get("/v1/audit-logs")) == (403, "forbidden")


def test_what_cannot_be_done_to_an_account_is_refused_with_its_reason(service: Service) -> None:
    admin, ann, erased = holder(service, "admin"), member(service), member(service)
    assert admin.post(f"/v1/users/{erased.id}/anonymize").status_code == 202
    fresh, nobody = Person(service), uuid4()
    invited = {"email": fresh.email, "username": fresh.username}
    for method, path, body, expected in [
        ("POST", "/v1/users", invited | {"email": ann.email.upper()}, (409, "email_taken")),
        ("POST", "/v1/users", invited | {"username": ann.username.upper()}, (409, "username_taken")),
        ("POST", "/v1/users", invited | {"email": "no address"}, (422, "invalid_request")),
        ("POST", "/v1/users", invited | {"password": NEW_PASSWORD}, (422, "invalid_request")),
        ("PATCH", f"/v1/users/{ann.id}", {"username": admin.username}, (409, "username_taken")),
        ("PATCH", f"/v1/users/{ann.id}", {"email": fresh.email}, (422, "invalid_request")),
        ("PATCH", f"/v1/users/{ann.id}", {"metadata": {"a": "b" * 9000}}, (422, "metadata_too_large")),
        ("PATCH", f"/v1/users/{erased.id}", {"first_name": "E"}, (404, "not_found")),
        ("POST", f"/v1/users/{erased.id}/anonymize", None, (409, "status_conflict")),
        ("POST", f"/v1/users/{erased.id}/restore", None, (409, "restore_expired")),
        *[
            (method, f"/v1/users/{nobody}{step}", body, (404, "not_found"))
            for method, step, body in [
                ("PATCH", "", {"first_name": "N"}),
                ("DELETE", "", None),
                ("DELETE", "/sessions", None),
                ("GET", "/sessions", None),
                ("PUT", "/roles/auditor", None),
                *[("POST", f"/{step}", None) for step in ("restore", "reactivate", "unlock", "anonymize")],
            ]
        ],
    ]:
        answer = admin.request(method, path, json=body) if body else admin.request(method, path)
        assert problem(answer) == expected, (method, path, body)
    stale = admin.request("PATCH", f"/v1/users/{ann.id}", json={"first_name": "A"}, headers={"If-Match": '"0"'})
    assert problem(stale) == (412, "precondition_failed")
    assert ann.get("/v1/me").json()["first_name"] is None
    assert fresh.register().status_code == 201, "of a refused invitation nothing is left"


def test_what_cannot_be_done_to_a_role_is_refused_with_its_reason(service: Service) -> None:
    admin = holder(service, "admin")
    made = admin.post("/v1/roles", {"name": "readers", "permissions": ["users:read"]})
    assert (made.status_code, made.headers["etag"]) == (201, f'"{made.json()["version"]}"')
    for method, path, body, headers, expected in [
        ("POST", "/v1/roles", {"name": "readers", "permissions": []}, {}, (409, "role_taken")),
        ("POST", "/v1/roles", {"name": "fliers", "permissions": ["pigs:fly"]}, {}, (422, "unknown_permission")),
        ("POST", "/v1/roles", {"name": "No Name", "permissions": []}, {}, (422, "invalid_request")),
        ("PATCH", "/v1/roles/admin", {"permissions": []}, {}, (409, "system_role")),
        ("PATCH", "/v1/roles/nobody", {"description": "x"}, {}, (404, "not_found")),
        ("PATCH", "/v1/roles/readers", {"description": "x"}, {"If-Match": '"0"'}, (412, "precondition_failed")),
        ("DELETE", "/v1/roles/admin", None, {}, (409, "system_role")),
        ("DELETE", "/v1/roles/nobody", None, {}, (404, "not_found")),
        ("DELETE", "/v1/roles/readers", None, {"If-Match": '"0"'}, (412, "precondition_failed")),
    ]:
        more = {"json": body} if body else {}
        assert problem(admin.request(method, path, headers=headers, **more)) == expected, (method, path)
    (role,) = [r for r in admin.get("/v1/roles").json()["items"] if r["name"] == "readers"]
    assert role == made.json()
    gone = admin.request("DELETE", "/v1/roles/readers", headers={"If-Match": made.headers["etag"]})
    assert gone.status_code == 204
