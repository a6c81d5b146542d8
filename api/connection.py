"""The life of a connection: how long a request may take to arrive and its answer to be taken, who goes where there is
no room, what a stop of the service lets end. Refusals are problem documents, where uvicorn would answer in plain text.
"""

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.room import Room

ANSWER_SECONDS = 60
"""How long an answer may lie before the client has taken it."""
MOMENT_SECONDS = 1
"""How long an answer is on its way rather than left lying."""
LAST_CALL_SECONDS = 0.5
"""At a stop, how long a silent connection is kept: a request may be on its way that its sender would miss otherwise."""
LAST_REQUEST_SECONDS = 5
"""At a stop, how long what has begun to arrive may take."""
LAST_ANSWER_SECONDS = 25
"""At a stop, when whoever is still there is cut off; the database ends each statement after ten."""


class Connection(HttpToolsProtocol):
    """One connection; what is read from it is somebody else's."""

    _head = 0
    """Bytes of the head that is being read; 0 outside of one."""
    _in_body = False
    """Whether the head has been read, so that the newest cycle is that of the request that is being read."""
    _deadline: TimerHandle | None = None
    """Ends the wait for a request."""
    _patience: TimerHandle | None = None
    """Ends the wait for the client to take its answer."""
    _has_place = True

    @property
    def _owner(self) -> Any:
        return self.config.loaded_app

    @property
    def _room(self) -> Room:
        room: Room = self._owner.room
        return room

    def connection_made(self, transport: Any) -> None:
        """Start the clock: a connection that sends nothing is closed."""
        super().connection_made(transport)
        self._room.enter(self)
        self._arm()
        self._has_place = self._room.has_place_for(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop it."""
        self._disarm()
        self._keep_patience()
        self._room.leave(self)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """An answer has been written."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._lose_patience()
        else:
            self._rest()

    def pause_writing(self) -> None:
        """The client does not take what is written to it, so nothing more is."""
        super().pause_writing()
        self._lose_patience()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._keep_patience()
            self._rest()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is not used any more, once its last answer has been taken."""
        if self.transport.get_write_buffer_size():
            self._lose_patience()
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """The service stops: take on what is on its way already, and see that it ends in time."""
        self._room.is_closing = True
        self._unset_keepalive_if_required()
        if self._is_answering():
            self.cycle.keep_alive = False
        if self._in_body or not self._is_answering():
            self._arm(LAST_REQUEST_SECONDS if self._is_reading() else LAST_CALL_SECONDS)
        self.loop.call_later(LAST_ANSWER_SECONDS, self.transport.abort)

    @property
    def is_served(self) -> bool:
        """Whether the next move is the service's: a whole request is here, or an answer on its way."""
        if self in self._room.leaving:
            return False
        return self._owes_answer() or self.transport.get_write_buffer_size() > 0

    def dismiss(self) -> None:
        """Make room for others: with an answer, if there is something to answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self.cycle is None or self._is_reading():
            self.refuse("busy")
        else:
            self.transport.close()

    def refuse(self, code: str) -> None:
        """Answer with a problem and close the connection; not before an earlier request has got its answer."""
        if self._owes_answer():
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
        self._lose_patience()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _owes_answer(self) -> bool:
        """Whether a request that has arrived whole waits for its answer."""
        return bool(self.pipeline) or (self._is_answering() and not self._in_body)

    def _is_reading(self) -> bool:
        return bool(self._head) or self._in_body

    def _rest(self) -> None:
        """Note that nothing is going on, if nothing is."""
        if self._deadline is None and not self.pipeline and not self._is_answering():
            self._room.idle[self] = None

    def _arm(self, seconds: float | None = None) -> None:
        self._disarm()
        seconds = seconds or self._owner.request_timeout
        if self._room.is_closing:
            seconds = min(seconds, LAST_REQUEST_SECONDS)
        self._deadline = self.loop.call_later(seconds, self._expire)
        self._room.arriving[self] = None

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self._room.arriving.pop(self, None)

    def _expire(self) -> None:
        self._disarm()
        if self._owes_answer():
            self._arm()  # nobody reads what the client sends while it waits for an answer
        elif self._is_reading():
            self.refuse("request_timeout")
        else:
            self.transport.close()
            self._lose_patience()

    def _lose_patience(self) -> None:
        """Give a client a moment, and then a while as one of those who go where there is no room."""
        if self._patience is None and self.transport.get_write_buffer_size():
            self._patience = self.loop.call_later(MOMENT_SECONDS, self._mark)

    def _mark(self) -> None:
        self._room.leaving[self] = None
        self._patience = self.loop.call_later(ANSWER_SECONDS - MOMENT_SECONDS, self.transport.abort)

    def _keep_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
            self._room.leaving.pop(self, None)
