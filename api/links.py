"""Where links in mails lead, unless PGROSTER_LINK_TEMPLATE says otherwise: one static page for every mailed token.

The page asks no other host for anything, and runs nothing but its own script: the policy names it by its digest.
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256

from api import ROOT

PAGE = ROOT / "api" / "pages" / "account.html"
PATH = "/account/{action:str}"
_ACTION = re.compile(r'<form data-action="(\w+)"')
_INLINE = r"<{0}>(.*?)</{0}>"


@cache
def page() -> tuple[bytes, frozenset[str], dict[str, str]]:
    """The page, the actions that it knows (the names of the messages with a token), and the headers it is sent with."""
    source = PAGE.read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_digest(source, 'script')}; style-src {_digest(source, 'style')}; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
    return source.encode(), frozenset(_ACTION.findall(source)), headers


def _digest(source: str, element: str) -> str:
    (content,) = re.findall(_INLINE.format(element), source, re.DOTALL)
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
