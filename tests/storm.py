"""A mixed load for the fault tests: people who do everything that people do.

Each actor has an administrator and a few people of their own and does one thing after the other, each under a request
id of its own. So whatever the answer was, or was not, the log tells what came of it.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import psycopg

from tests.journal import Entry, Journal
from tests.mailbox import mailed_token
from tests.people import PASSWORD, WRONG_PASSWORD, Person, grant
from tests.server import Service
from tests.waiting import until

BACK_SECONDS = 120
PATIENCE_SECONDS = 20  # longer than the service tries to answer
PASSWORDS = ("nine kites above Lake Thun", "ten otters in the Aare river", "six foxes behind the barn")


@dataclass
class Guest:
    """Somebody whom an actor plays: the tokens of their session, oldest first, and the passwords that may be theirs."""

    person: Person
    tokens: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=lambda: [PASSWORD])
    is_refresh_lost: bool = False


class Actor:
    """One thread's part of the load."""

    def __init__(self, service: Callable[[], Service], journal: Journal, seed: int) -> None:
        self.service = service
        self.journal = journal
        self.random = random.Random(seed)  # noqa: S311 no secret
        self.seed = seed
        self.numbers = itertools.count(1)
        self.done = 0
        self.guests: list[Guest] = []
        self.admin = self._admin()

    def play(self, operations: int) -> None:
        """Do so many things."""
        acts: list[Callable[[Guest], Any]] = [
            self.refresh, self.refresh, self.refresh, self.retry, self.retry, self.theft, self.login, self.login,
            self.wrong_login, self.logout, self.profile, self.profile, self.profile, self.consent, self.grant,
            self.ungrant, self.suspend, self.delete, self.password, self.reset, self.email, self.forgot, self.revoke,
        ]  # fmt: skip
        while self.done < operations:
            if len(self.guests) < 3 or self.random.random() < 0.04:
                self.register()
            else:
                self.random.choice(acts)(self.random.choice(self.guests[-6:]))

    def _admin(self) -> Guest:
        person = Person(self.service(), "admin")
        assert person.register().status_code == 201
        grant(person, "admin")
        assert person.login().status_code == 200
        return Guest(person, [person.session["refresh_token"]])

    def _send(self, kind: str, guest: Guest, method: str, path: str, body: Any = None, by: Guest | None = None) -> Any:
        """One request; the answer, or None where it is not known what came of it."""
        person = (by or guest).person
        request_id = f"storm-{self.seed}-{next(self.numbers)}"
        headers = {"X-Request-Id": request_id}
        if person.session and not path.startswith("/v1/auth"):
            headers["Authorization"] = f"Bearer {person.token}"
        status, answer = None, None
        try:
            answer = person.client.request(method, path, json=body, headers=headers, timeout=PATIENCE_SECONDS)
            status = answer.status_code if answer.status_code < 500 else None
            if answer.status_code >= 500 and answer.status_code != 503:
                self.journal.complaints.append(f"{kind}: {answer.status_code} {answer.text}")
            if answer.status_code == 503 and int(answer.headers["retry-after"]) < 1:
                self.journal.complaints.append(f"{kind}: {answer.headers}")
        except httpx.TransportError:
            pass
        self.done += 1
        self.journal.entries.append(Entry(kind, request_id, status, guest.person))
        if status is None:
            until(self._is_back, BACK_SECONDS, "the service is back")
        return answer if status is not None else None

    def _is_back(self) -> bool:
        try:
            return httpx.get(f"{self.service().base_url}/health/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _as_admin(self, kind: str, guest: Guest, method: str, path: str) -> Any:
        answer = self._send(kind, guest, method, f"/v1/users/{guest.person.id}{path}", by=self.admin)
        if answer is not None and answer.status_code == 401:
            self.login(self.admin)
        return answer

    def register(self) -> None:
        """A new account."""
        guest = Guest(until(self._newcomer, BACK_SECONDS, "the service is back"))  # type: ignore[arg-type]
        person = guest.person
        body = {"email": person.email, "username": person.username, "password": PASSWORD, "gdpr_consent": True}
        answer = self._send("register", guest, "POST", "/v1/auth/register", body)
        if answer is not None:
            person.id = answer.json()["id"]
            self.guests.append(guest)
            self.login(guest)

    def _newcomer(self) -> Person | None:
        try:
            return Person(self.service(), "storm")
        except (httpx.TransportError, AssertionError):
            return None

    def login(self, guest: Guest) -> None:
        """A new session in place of the old one, with each password that might be the right one."""
        for password in guest.passwords[::-1]:
            body = {"identifier": guest.person.username, "password": password}
            answer = self._send("login", guest, "POST", "/v1/auth/login", body)
            if answer is not None and answer.status_code == 200:
                guest.person.session = answer.json()
                guest.tokens, guest.is_refresh_lost = [guest.person.session["refresh_token"]], False
                guest.passwords = [password]
                return

    def wrong_login(self, guest: Guest) -> None:
        """A wrong password."""
        body = {"identifier": guest.person.username, "password": WRONG_PASSWORD}
        self._send("wrong login", guest, "POST", "/v1/auth/login", body)

    def _present(self, kind: str, guest: Guest, token: str) -> Any:
        return self._send(kind, guest, "POST", "/v1/auth/refresh", {"refresh_token": token})

    def refresh(self, guest: Guest) -> None:
        """The next pair of tokens; where the last answer was lost this is the retry."""
        if not guest.tokens:
            return self.login(guest)
        answer = self._present("refresh" if not guest.is_refresh_lost else "retry", guest, guest.tokens[-1])
        if answer is None:
            guest.is_refresh_lost = True
        elif answer.status_code == 200:
            guest.person.session = answer.json()
            guest.tokens.append(answer.json()["refresh_token"])
            guest.is_refresh_lost = False
        else:
            guest.tokens = []

    def retry(self, guest: Guest) -> None:
        """The token that was used last, once more: the same successor, unless the session has ended."""
        if len(guest.tokens) < 2 or guest.is_refresh_lost:
            return self.refresh(guest)
        answer = self._present("retry", guest, guest.tokens[-2])
        if answer is not None and answer.status_code == 200 and answer.json()["refresh_token"] != guest.tokens[-1]:
            self.journal.complaints.append("a retry got another successor")
        if answer is not None and answer.status_code != 200:
            guest.tokens = []

    def theft(self, guest: Guest) -> None:
        """A token whose successor was used: the session ends."""
        if len(guest.tokens) < 3:
            return self.refresh(guest)
        self._present("theft", guest, guest.tokens[-3])
        guest.tokens = []

    def logout(self, guest: Guest) -> None:
        """The end of the session."""
        if guest.tokens:
            self._send("logout", guest, "POST", "/v1/auth/logout", {"refresh_token": guest.tokens[-1]})
            guest.tokens = []

    def profile(self, guest: Guest) -> None:
        """Another name."""
        self._send("profile", guest, "PATCH", "/v1/me", {"first_name": f"N{next(self.numbers)}"})

    def consent(self, guest: Guest) -> None:
        """Another version of a consent."""
        body = {"granted": self.random.random() < 0.5, "text_version": f"{next(self.numbers)}"}
        self._send("consent", guest, "PUT", "/v1/me/consents/newsletter", body)

    def grant(self, guest: Guest) -> None:
        """A role."""
        self._as_admin("grant", guest, "PUT", "/roles/auditor")

    def ungrant(self, guest: Guest) -> None:
        """No role."""
        self._as_admin("ungrant", guest, "DELETE", "/roles/auditor")

    def suspend(self, guest: Guest) -> None:
        """Shut out and let in again."""
        self._as_admin("suspend", guest, "POST", "/suspend")
        self._as_admin("reactivate", guest, "POST", "/reactivate")

    def delete(self, guest: Guest) -> None:
        """Deleted and restored."""
        self._as_admin("delete", guest, "DELETE", "")
        self._as_admin("restore", guest, "POST", "/restore")

    def password(self, guest: Guest) -> None:
        """Another password; where the answer is lost it may be either."""
        new = self._new_password(guest)
        body = {"current_password": guest.passwords[-1], "new_password": new}
        self._note_password(guest, new, self._send("password", guest, "POST", "/v1/me/password", body))

    def reset(self, guest: Guest) -> None:
        """Another password with a mailed token."""
        token = self._mailed(guest, "reset")
        new = self._new_password(guest)
        body = {"token": token, "password": new}
        self._note_password(guest, new, self._send("reset", guest, "POST", "/v1/auth/password/reset", body))

    def _new_password(self, guest: Guest) -> str:
        return self.random.choice([p for p in PASSWORDS if p != guest.passwords[-1]])

    def _note_password(self, guest: Guest, new: str, answer: Any) -> None:
        if answer is None:
            guest.passwords = [*(p for p in guest.passwords if p != new), new]
        elif answer.status_code == 204:
            guest.passwords = [new]

    def email(self, guest: Guest) -> None:
        """Another address, which is asked for and then confirmed."""
        address = f"{next(self.numbers)}-{guest.person.email}"
        body = {"new_email": address, "password": guest.passwords[-1]}
        self._send("email", guest, "POST", "/v1/me/email", body)
        token = self._mailed(guest, "verification", address)
        self._send("verify", guest, "POST", "/v1/auth/email/verify", {"token": token})

    def forgot(self, guest: Guest) -> None:
        """A mail is asked for."""
        self._send("forgot", guest, "POST", "/v1/auth/password/forgot", {"email": guest.person.email})

    def revoke(self, guest: Guest) -> None:
        """All sessions of somebody end."""
        self._as_admin("revoke", guest, "DELETE", "/sessions")

    def _mailed(self, guest: Guest, purpose: str, address: str | None = None) -> str:
        """A token that was just mailed, as soon as there is a database to ask; none to whom nothing may be mailed."""
        service = self.service()
        may_sign_in = "select from app.users where id = %s and status in ('active', 'inactive') for update"

        def ask() -> str | None:
            try:
                with psycopg.connect(service.admin_dsn, autocommit=True) as database, database.transaction():
                    if database.execute(may_sign_in, [guest.person.id]).fetchone() is None:
                        return "none"
                    return mailed_token(replace(service, database=database), guest.person.id, purpose, address)
            except psycopg.OperationalError:
                return None

        return until(ask, BACK_SECONDS, "the database is back") or ""
