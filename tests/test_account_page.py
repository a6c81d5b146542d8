"""The page that links in mails lead to, as bytes and in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api import links
from tests.browser import PROGRAM, Page, browsing
from tests.databases import TestDatabase
from tests.mailserver import MailServer, mail_server
from tests.people import NEW_PASSWORD, Person, holder, member, problem
from tests.server import Service, serving
from tests.waiting import until


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    """The mail server of these tests."""
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def service(
    module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory, post: MailServer
) -> Iterator[Service]:
    """One service for these tests, whose links lead to itself."""
    with serving(module_database, tmp_path_factory.mktemp("service"), **post.environment()) as service:
        yield service


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A browser."""
    if PROGRAM is None:
        pytest.skip("there is no Chromium on this machine, so the page was NOT tried; apt install chromium")
    with browsing() as page:
        yield page


def test_there_is_a_page_for_each_message_with_a_token_and_no_other(service: Service) -> None:
    rows = service.database.execute("select template from http.messages() where 'token' = any (keys)").fetchall()
    assert links.page().actions == {template for (template,) in rows}
    for action in links.page().actions:
        for method in ("GET", "HEAD"):
            answer = service.client.request(method, f"/account/{action}")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path in ("/account", "/account/", "/account/nothing", "/account/verify_email/", "/account/../docs/x"):
        assert service.client.get(path).status_code == 404
    assert problem(service.client.get("/account/nothing")) == (404, "not_found")
    assert service.client.post("/account/verify_email").status_code == 405


def test_the_page_runs_its_own_script_only_and_asks_nobody_else(service: Service) -> None:
    answer = service.client.get("/account/verify_email")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for part in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", policy[part])
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"https?://|//[a-z]|\son\w+=|style=", answer.text.replace("// ", ""))
    assert "/v1/" not in answer.text, "where a function is served stands in the document"


def test_to_open_a_link_uses_nothing_up(service: Service, post: MailServer) -> None:
    ann = Person(service)
    ann.register()
    (mail,) = post.to(ann.email)
    for _ in range(3):
        assert httpx.get(mail.link, trust_env=False).status_code == 200
    assert ann.client.post("/v1/auth/email/verify", json={"token": mail.token}).status_code == 204
    assert mail.token not in service.log.read_text()


def test_a_front_end_of_ones_own_gets_the_links(database: TestDatabase, tmp_path: Path, post: MailServer) -> None:
    own = post.environment(PGROSTER_LINK_TEMPLATE="https://www.example.org/app/{action}?token={token}")
    with serving(database, tmp_path, **own) as service:
        ann = Person(service, "own")
        ann.register()
        (mail,) = post.to(ann.email)
        assert re.fullmatch(r"https://www\.example\.org/app/verify_email\?token=[A-Za-z0-9_-]{43}", mail.link)


def press(page: Page) -> None:
    """Press the button that shows, and wait for an answer."""
    page.click("document.querySelector('form:not([hidden]) button')")
    until(
        lambda: page.run("document.getElementById('status').textContent") not in ("", "One moment …"), 60, "an answer"
    )


def enter(page: Page, password: str) -> None:
    """Type a password into the form that shows, in place of what stands there."""
    page.click("document.querySelector('form:not([hidden]) input')")
    page.run("document.querySelector('form:not([hidden]) input').select()")
    page.type(password)


def test_a_person_confirms_an_address_with_one_click(service: Service, post: MailServer, page: Page) -> None:
    ann = Person(service)
    ann.register()
    (mail,) = post.to(ann.email)
    page.requests.clear()
    page.complaints.clear()
    page.go(mail.link)
    assert "Confirm your email address" in page.text()
    assert [r for r in page.requests if "about:blank" not in r and "data:" not in r] == [
        f"GET {service.base_url}/account/verify_email"
    ], "nothing is asked of anybody before the button is pressed, and the token is not in the address that is"
    press(page)
    assert "the address is confirmed" in page.text()
    assert "Confirm your email address" not in page.text()
    assert page.run("location.hash") == "", "a used token does not stay in the history"
    assert page.complaints == []
    assert all(r.split()[1].startswith((service.base_url, "data:", "about:")) for r in page.requests), page.requests
    assert ann.login().json()["user"]["status"] == "active"

    page.go(mail.link)
    press(page)
    assert "not valid" in page.text()
    assert page.run("document.getElementById('status').className") == "bad"


def test_a_person_sets_a_new_password_and_is_told_why_one_will_not_do(
    service: Service, post: MailServer, page: Page
) -> None:
    ann = member(service)
    ann.client.post("/v1/auth/password/forgot", json={"email": ann.email})
    mail = post.to(ann.email, 2)[-1]
    page.go(mail.link)
    assert page.run("document.querySelector('form:not([hidden]) input').autocomplete") == "new-password"
    enter(page, "short")
    press(page)
    assert page.run("document.getElementById('status').className") == "bad"
    assert "15" in page.text(), page.text()
    enter(page, NEW_PASSWORD)
    press(page)
    until(lambda: "The new password is set" in page.text(), 60, "done")
    assert ann.login(password=NEW_PASSWORD).status_code == 200
    assert NEW_PASSWORD not in service.log.read_text()


def test_an_invited_person_starts_on_the_page(service: Service, post: MailServer, page: Page) -> None:
    admin, bob = holder(service, "admin"), Person(service, "bob")
    assert admin.post("/v1/users", {"email": bob.email, "username": bob.username}).status_code == 201
    (mail,) = post.to(bob.email)
    page.go(mail.link)
    assert "Welcome" in page.text()
    enter(page, bob.password)
    page.click("document.querySelector('form:not([hidden]) button')")
    assert page.run("document.querySelector('form:not([hidden])').checkValidity()") is False, "without consent"
    assert problem(bob.login()) == (401, "invalid_credentials")
    page.click("document.querySelector('form:not([hidden]) input[type=checkbox]')")
    press(page)
    assert "Your password is set" in page.text()
    assert bob.login().status_code == 200


def test_a_link_that_was_cut_off_says_so(service: Service, page: Page) -> None:
    page.go(f"{service.base_url}/account/verify_email")
    assert "not complete" in page.text()
    assert page.run("[...document.forms].every(form => form.hidden)") is True
