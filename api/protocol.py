"""HTTP/1.1 as uvicorn reads it, with limits: how large the head of a request may be and how long a request may take to
arrive, and with a problem document where uvicorn would answer in plain text.
"""

from asyncio import TimerHandle
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_URL = 8 * 1024
MAX_HEAD = 64 * 1024
"""Bytes; an access token is one."""
MAX_HEADERS = 100
_VERSIONS = ("1.0", "1.1")
_WISHES = (b"upgrade", b"connection", b"http2-settings")


class RefusedError(Exception):
    """Ends the reading of a request; the protocol knows the code of the reason."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    _reason = "malformed_request"
    _head = 0
    """Bytes of the head that is being read; 0 outside of one."""
    _in_body = False
    """Whether the head has been read, so that the newest cycle is that of the request that is being read."""
    _is_declining = False
    """Whether the request that is being read asks for another protocol."""
    _deadline: TimerHandle | None = None

    @property
    def _owner(self) -> Any:
        return self.config.loaded_app

    def connection_made(self, transport: Any) -> None:
        """Start the clock: a connection that sends nothing is closed."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop it."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a request has to be complete a fixed time after its first byte, however it trickles in."""
        self._unset_keepalive_if_required()
        if self._deadline is None and not self._is_answering():
            self._arm()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as wish:
            self._decline(data[wish.args[0] :])
        except httptools.HttpParserError:
            self.refuse(self._reason)
        else:
            self._head += len(data) if self._head else 0
            if self._head > MAX_HEAD:
                self.refuse("headers_too_large")

    def on_message_begin(self) -> None:
        """Count a new head."""
        super().on_message_begin()
        self._head = 1
        if self._deadline is None:
            self._arm()

    def on_url(self, url: bytes) -> None:
        """Limit the request line."""
        super().on_url(url)
        if len(self.url) > MAX_URL:
            self._give_up("uri_too_long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Limit the number of headers. A trailer is none: it comes after everything has been decided."""
        if self._in_body:
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._give_up("headers_too_large")

    def on_headers_complete(self) -> None:
        """Limit the size of the head, and pass the request on."""
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD:
            self._give_up("headers_too_large")
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if version not in _VERSIONS or method == b"CONNECT" or b"#" in self.url:
            self._give_up("malformed_request")
        self._is_declining = self.parser.should_upgrade()
        if not self._is_declining:
            super().on_headers_complete()
            self._head, self._in_body = 0, True

    def on_message_complete(self) -> None:
        """The request has arrived."""
        if not self._is_declining:
            self._disarm()
            super().on_message_complete()
            self._in_body = False

    def refuse(self, code: str) -> None:
        """Answer with a problem and close the connection; not before an earlier request has got its answer."""
        if self.pipeline or (self._is_answering() and not self._in_body):
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if not self._in_body or not self.cycle.response_started:
            status, headers, body = self._owner.refusal(code)
            headers = [*self.server_state.default_headers, *headers]  # uvicorn's: the date
            lines = [STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in headers)]
            self.transport.write(b"".join([*lines, b"connection: close\r\n\r\n", body]))
        if self._in_body:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _decline(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 (RFC 9110, 7.8). The parser has stopped, so another reads the request without the wish."""
        head = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        head += b"".join(b"%s: %s\r\n" % header for header in self.headers if header[0] not in _WISHES)
        self._is_declining = False
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + b"\r\n" + rest)

    def _give_up(self, code: str) -> NoReturn:
        self._reason = code
        raise RefusedError(code)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self._owner.request_timeout, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if self.pipeline or (self._is_answering() and not self._in_body):
            self._arm()  # nobody reads what the client sends while it waits for an answer
        elif self._head or self._in_body:
            self.refuse("request_timeout")
        else:
            self.transport.close()
