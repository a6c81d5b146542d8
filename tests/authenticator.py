"""An authenticator app for the tests: a real generator of codes, which goes by the database's clock."""

from typing import Any

import httpx
import pyotp

from tests.people import Person, one


class App:
    """Somebody's app; `codes` are the recovery codes that came with it."""

    def __init__(self, person: Person, enrolment: dict[str, Any]) -> None:
        self.person = person
        self.enrolment = enrolment
        self.codes: list[str] = []
        self._totp = pyotp.parse_uri(enrolment["provisioning_uri"])

    def code(self, shift: int = 0) -> str:
        """What the app shows; `shift`: seconds by which its clock is wrong."""
        now = int(one(self.person.service, "select floor(extract(epoch from private.now()))"))
        assert isinstance(self._totp, pyotp.TOTP)
        return self._totp.at(now + shift)

    def wrong_code(self) -> str:
        """What it shows at no time that could be taken."""
        shown = {self.code(shift) for shift in range(-120, 121, 30)}
        return next(code for code in ("000000", "111111", *map(str, range(222222, 222240))) if code not in shown)


def enrol(person: Person) -> App:
    """Set up somebody's app; nothing is in force yet."""
    answer = person.post("/v1/me/mfa", {"password": person.password})
    assert answer.status_code == 201, answer.text
    return App(person, answer.json())


def protect(person: Person) -> App:
    """Set up and confirm somebody's app."""
    app = enrol(person)
    answer = person.post("/v1/me/mfa/confirm", {"code": app.code()})
    assert answer.status_code == 200, answer.text
    app.codes = answer.json()["recovery_codes"]
    return app


def challenge(person: Person) -> str:
    """The challenge that the password gets."""
    answer = person.login()
    assert answer.status_code == 401, answer.text
    return str(answer.json()["challenge"])


def complete(person: Person, challenge: str, **body: str) -> httpx.Response:
    """The second step of a login; a good answer's tokens are kept."""
    answer = person.client.post("/v1/auth/mfa", json={"challenge": challenge} | body)
    if answer.status_code == 200:
        person.session = answer.json()
    return answer
