"""Lists: pages that cover everything once, filters that find who fits, cursors that cannot be made up."""

from typing import Any

import pytest

from tests.people import (
    grant,
    holder,
    member,
    problem,
)
from tests.server import Service


@pytest.fixture
def service(shared_service: Service) -> Service:
    """These tests leave each other alone, so they share one service."""
    return shared_service


def test_lists_come_in_pages_that_cover_everybody_once(service: Service) -> None:
    admin = holder(service, "admin")
    crowd = {member(service, "crowd").id for _ in range(5)}
    for sort in ("created_at", "-created_at", "email", "username", "last_login_at"):
        seen: list[str] = []
        target: str | None = f"/v1/users?q=crowd-&limit=2&sort={sort}"
        while target:
            page = admin.get(target)
            assert page.status_code == 200, page.text
            assert len(page.json()["items"]) <= 2
            seen += [u["id"] for u in page.json()["items"]]
            follow = page.links.get("next", {}).get("url")
            assert (follow is None) == (page.json()["next_cursor"] is None)
            target = follow
        assert len(seen) == len(set(seen)), f"{sort}: nobody twice"
        assert crowd <= set(seen), f"{sort}: nobody left out"
        by_hand = admin.get("/v1/users", params={"q": "crowd-", "limit": 2, "sort": sort}).json()
        rest = admin.get("/v1/users", params={"q": "crowd-", "sort": sort, "cursor": by_hand["next_cursor"]}).json()
        assert [u["id"] for u in by_hand["items"] + rest["items"]] == seen


def test_filters_find_who_fits_and_nobody_else(service: Service) -> None:
    admin = holder(service, "admin")
    ann, bob, cid = (member(service, "filter") for _ in range(3))
    for person, step in [(bob, "suspend")]:
        assert admin.post(f"/v1/users/{person.id}/{step}").status_code == 200
    assert admin.request("DELETE", f"/v1/users/{cid.id}").status_code == 204
    grant(ann, "support")

    def ids(**filters: Any) -> set[str]:
        answer = admin.get("/v1/users", params={"limit": 100, "q": "filter-"} | filters)
        assert answer.status_code == 200, answer.text
        return {u["id"] for u in answer.json()["items"]} & {ann.id, bob.id, cid.id}

    assert ids() == {ann.id, bob.id}
    assert ids(include_deleted="true") == {ann.id, bob.id, cid.id}
    assert ids(status="suspended") == {bob.id}
    assert ids(status="deleted") == {cid.id}
    assert ids(role="support") == {ann.id}
    assert ids(q=bob.username.upper()) == {bob.id}
    assert ids(q="%") == set()
    created = bob.elsewhere().register() and admin.get(f"/v1/users/{bob.id}").json()["created_at"]
    assert ids(created_after=created) == {bob.id}
    assert ids(created_before=created) == {ann.id}


def test_what_is_looked_for_has_its_limit(service: Service) -> None:
    admin = holder(service, "admin")
    for q, status in [("a" * 254, 200), ("\u3316" * 254, 200), ("a " * 127, 200), ("a" * 255, 422)]:
        assert admin.get("/v1/users", params={"q": q}).status_code == status, q


def test_roles_come_in_pages(service: Service) -> None:
    admin = holder(service, "admin")
    every = admin.get("/v1/roles", params={"limit": 100}).json()
    first = admin.get("/v1/roles?limit=3")
    rest = admin.get(first.links["next"]["url"])
    assert every["next_cursor"] is None
    assert (first.json()["items"] + rest.json()["items"])[:4] == every["items"][:4]
    assert problem(admin.get("/v1/roles", params={"cursor": "made up"})) == (400, "cursor_invalid")


def test_how_many_there_are_is_told_when_asked_for(service: Service) -> None:
    admin = holder(service, "admin")
    for _ in range(3):
        member(service, "counted")
    search: dict[str, Any] = {"q": "counted-", "limit": 2}
    assert admin.get("/v1/users", params=search).json()["estimated_count"] is None
    assert admin.get("/v1/users", params=search | {"count": "estimated"}).json()["estimated_count"] >= 1
    assert admin.get("/v1/users", params={"q": "counted-", "count": "estimated"}).json()["estimated_count"] == 3
    assert problem(admin.get("/v1/users", params={"count": "exact"})) == (422, "invalid_request")


def test_a_forged_cursor_is_refused(service: Service) -> None:
    admin = holder(service, "admin")
    member(service)
    cursor = admin.get("/v1/users", params={"limit": 1}).json()["next_cursor"]
    forged = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    for path, value in [
        ("/v1/users", forged),
        ("/v1/users", "not a cursor"),
        ("/v1/audit-logs", cursor),
        ("/v1/me/sessions", cursor),
        ("/v1/users?sort=email", cursor),
    ]:
        answer = admin.get(path, params=None if "?" in path else {"cursor": value})
        answer = admin.get(f"{path}&cursor={value}") if "?" in path else answer
        assert problem(answer) == (400, "cursor_invalid"), path
