"""Where links in mails lead, unless PGROSTER_LINK_TEMPLATE says otherwise: one static page for every mailed token.

The page asks no other host for anything, and runs nothing but its own script: the policy names it by its digest.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from api import ROOT
from api.answers import Answer
from api.errors import Problem
from api.settings import Settings

PATH = "/account"
_FILE = ROOT / "api" / "pages" / "account.html"
_ACTION = re.compile(r'<form data-action="(\w+)"')
_INLINE = r"<{0}>(.*?)</{0}>"


@dataclass(frozen=True, slots=True)
class Page:
    """The page as it is sent. `actions`: the names of the messages whose links it takes."""

    content: bytes
    headers: dict[str, str]
    actions: frozenset[str]


def link_template(settings: Settings) -> str:
    """Where links in mails lead, with {action} and {token}; what stands behind the # reaches no server."""
    return settings.link_template or f"{settings.origin}{PATH}/{{action}}#token={{token}}"


def account_page() -> HTTPRouteHandler:
    """The handler that serves the page, under the name of each message whose link leads to it."""

    async def handle(request: Request[Any, Any, Any]) -> ASGIApp:
        if request.path_params["action"] not in page().actions:
            raise Problem("not_found")
        return Answer(200, page().content, b"text/html; charset=utf-8", page().headers)

    path = f"{PATH}/{{action:str}}"
    return HTTPRouteHandler(path, http_method=["GET", "HEAD"], status_code=200, opt={"template": path})(handle)


@cache
def page() -> Page:
    """The page, read once."""
    source = _FILE.read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_digest(source, 'script')}; style-src {_digest(source, 'style')}; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return Page(source.encode(), headers, frozenset(_ACTION.findall(source)))


def _digest(source: str, element: str) -> str:
    (content,) = re.findall(_INLINE.format(element), source, re.DOTALL)
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
