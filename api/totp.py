"""One-time codes of authenticator apps (TOTP, RFC 6238): their arithmetic, and how an app gets its secret.

Which codes are taken, when and how often, is decided in the database, which also has the clock: it names the time steps
to try, and this module says which of them a code belongs to. SHA-1, six digits and thirty seconds are what every app
can do; RFC 6238 and NIST SP 800-63B-4 allow them, since nothing here rests on collisions.
"""

import hmac
import secrets
from base64 import b32encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode

import segno

SECRET_BYTES = 20
"""Length of a secret (RFC 4226, 4, R6: 160 bits recommended)."""
PERIOD = 30
DIGITS = 6
NO_STEP = 0
"""What a code belongs to that belongs to no step; the real ones are large."""
SHOWN = ("secret", "provisioning_uri", "qr_code")
"""What the service adds to the answer that enrols an app, beside `issuer` and `account`."""


def new_secret() -> bytes:
    """A secret for one app."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a time step (RFC 4226, 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def step_of(secret: bytes, code: str, steps: Iterable[int]) -> int:
    """The first of the time steps whose code this is, or NO_STEP."""
    return next((step for step in steps if hmac.compare_digest(code_at(secret, step), code)), NO_STEP)


def enrolment(secret: bytes, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer that enrols an app, with the secret as text, as the URI that apps read, and as a picture of that."""
    text = b32encode(secret).decode().rstrip("=")
    label = ":".join(quote(answer[part], safe="") for part in ("issuer", "account"))
    query = urlencode({"secret": text, "issuer": answer["issuer"], "digits": DIGITS, "period": PERIOD}, quote_via=quote)
    uri = f"otpauth://totp/{label}?{query}"
    picture = segno.make(uri, error="m", micro=False).svg_data_uri(scale=4)
    return answer | dict(zip(SHOWN, (text, uri, picture), strict=True))
