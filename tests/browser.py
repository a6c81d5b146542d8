"""A headless Chromium for the tests, spoken to over two pipes in its own protocol (Chrome DevTools Protocol)."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from tests.waiting import until

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""Where the browser is; None on a machine without one."""
START = """
import os, sys
from fcntl import F_DUPFD, fcntl
pipes = [fcntl(int(number), F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(pipes[0], 3), os.dup2(pipes[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Gives the browser the pipes as the descriptors 3 and 4, where its protocol wants them."""


class Page:
    """One tab. `requests`: every address it asked for; `complaints`: what its console showed as an error."""

    def __init__(self, sending: int, receiving: int) -> None:
        self._sending = sending
        self._receiving = os.fdopen(receiving, "rb")
        self._numbers = count(1)
        self._session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def open(self) -> None:
        """Attach to a new tab."""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def go(self, address: str) -> None:
        """Open an address as a click on a link does."""
        self._ask("Page.navigate", url="about:blank")
        self._ask("Page.navigate", url=address)
        until(lambda: self.run("document.readyState") == "complete" and self.run("location.href") != "about:blank")

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self) -> str:
        """What a person can read."""
        return str(self.run("document.body.innerText"))

    def type(self, text: str) -> None:
        """Type where the cursor is."""
        self._ask("Input.insertText", text=text)

    def click(self, what: str) -> None:
        """Click in the middle of an element."""
        where = self.run(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({what}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def _ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        question = {"id": number, "method": method, "params": parameters}
        if self._session:
            question["sessionId"] = self._session
        os.write(self._sending, json.dumps(question).encode() + b"\0")
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _read(self) -> bytes:
        content = bytearray()
        while (letter := self._receiving.read(1)) != b"\0":
            assert letter, "the browser has ended"
            content += letter
        return bytes(content)

    def _note(self, event: dict[str, Any]) -> None:
        facts = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(f"{facts['request']['method']} {facts['request']['url']}")
        elif event.get("method") == "Log.entryAdded" and facts["entry"]["level"] == "error":
            self.complaints.append(facts["entry"]["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(facts["exceptionDetails"]))


@contextmanager
def browsing() -> Iterator[Page]:
    """A browser with one tab, ended and forgotten afterwards."""
    assert PROGRAM is not None
    to_browser, sending = os.pipe()
    receiving, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(to_browser), str(from_browser), PROGRAM, "--headless=new",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
             "--disable-background-networking", f"--user-data-dir={profile}", "--remote-debugging-pipe"],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        page = Page(sending, receiving)
        try:
            page.open()
            yield page
        finally:
            process.kill()
            process.wait()
            os.close(sending)
            page._receiving.close()
