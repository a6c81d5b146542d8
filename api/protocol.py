"""HTTP/1.1 as uvicorn reads it, with limits on how large the head of a request may be."""

from typing import NoReturn

import httptools

from api.connection import Connection

MAX_URL = 8 * 1024
MAX_HEAD = 64 * 1024
"""Bytes; an access token is one."""
MAX_HEADERS = 100
MAX_FRAMING = 512 * 1024
"""Bytes round the chunks of a body: the largest body may come in chunks of one byte, trailers have an end."""
_ALIVE = b"/health/live"
"""What is answered also where there is no place for another connection."""
_OLD = "1.0"
_VERSIONS = (_OLD, "1.1")


class RefusedError(Exception):
    """Ends the reading of a request; the protocol knows the code of the reason."""


class Protocol(Connection):
    """One connection and what is read from it."""

    _reason = "malformed_request"
    _is_declining = False
    """Whether the request that is being read asks for another protocol."""
    _framing = 0
    """Bytes that came with the body that is being read and are none of it."""

    def data_received(self, data: bytes) -> None:
        """Read on; a request has to be complete a fixed time after its first byte, however it trickles in."""
        self._unset_keepalive_if_required()
        self._room.idle.pop(self, None)
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
            self._framing += len(data) if self._in_body else 0
            if self._head > MAX_HEAD:
                self.refuse("headers_too_large")
            elif self._framing > MAX_FRAMING:
                self.refuse("body_too_large")

    def on_message_begin(self) -> None:
        """Count a new head."""
        super().on_message_begin()
        self._head = 1
        if self._deadline is None or self._room.is_closing:
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
        self._has_place = self._has_place or self._room.has_place_for(self)
        if not self._has_place and self.url != _ALIVE:
            self._give_up("busy")
        self._is_declining = self.parser.should_upgrade()
        if not self._is_declining:
            self.expect_100_continue = self.expect_100_continue and version != _OLD  # RFC 9110, 10.1.1
            super().on_headers_complete()
            self._head, self._in_body, self._framing = 0, True, 0
            if self._room.is_closing:
                self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._framing -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has arrived."""
        if not self._is_declining:
            self._disarm()
            super().on_message_complete()
            self._in_body = False
            self._rest()

    def _decline(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 (RFC 9110, 7.8). The parser has stopped, so another reads the request without the wish."""
        head = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        head += b"".join(b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade")
        self._is_declining = False
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + b"\r\n" + rest)

    def _give_up(self, code: str) -> NoReturn:
        self._reason = code
        raise RefusedError(code)
