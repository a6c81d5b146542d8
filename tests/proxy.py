"""A TCP proxy between a service and its database that swallows, delays or breaks off what passes it. Loopback only."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.server import free_port

CHUNK = 65536
STOP_SECONDS = 10


class Proxy:
    """Passes bytes on, in a thread with a loop of its own; the methods may be called from any thread."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.latency = 0.0
        """Seconds that each piece of data is held back."""
        self._target = target
        self._is_swallowing = False
        self._deaf: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def swallow(self) -> None:
        """From now on nothing passes any more, in neither direction; nobody is told."""
        self._call(self._set_swallowing, True)

    def pass_new_connections(self) -> None:
        """New connections work again; what is open stays deaf and open, as behind a firewall that forgot about it."""
        self._call(self._set_swallowing, False)

    def reset(self) -> None:
        """Break off every open connection with a TCP reset."""
        self._call(self._reset)

    def _set_swallowing(self, value: bool) -> None:
        self._is_swallowing = value
        if value:
            self._deaf |= self._writers

    def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _call(self, function: Any, *values: Any) -> None:
        done = threading.Event()

        def call() -> None:
            function(*values)
            done.set()

        assert self._loop is not None
        self._loop.call_soon_threadsafe(call)
        assert done.wait(STOP_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await self._connect(reader, writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._is_swallowing:
            self._deaf.add(writer)
            await self._pass_on(reader, None, writer)
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(to_server)
        await asyncio.gather(
            self._pass_on(reader, to_server, writer), self._pass_on(from_server, writer, writer), return_exceptions=True
        )

    async def _pass_on(
        self, reader: asyncio.StreamReader, target: asyncio.StreamWriter | None, pair: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.latency:
                    await asyncio.sleep(self.latency)
                if target is not None and pair not in self._deaf:
                    target.write(data)
                    await target.drain()
        if target is not None and pair not in self._deaf:
            target.close()

    async def _run(self, is_up: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        async with await asyncio.start_server(self._serve, "127.0.0.1", self.port):
            is_up.set()
            await self._stop.wait()
            self._reset()


@contextmanager
def proxy_before(port: int) -> Iterator[Proxy]:
    """A proxy before a port of the loopback address."""
    proxy, is_up = Proxy(port), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(proxy._run(is_up)), daemon=True)
    thread.start()
    try:
        assert is_up.wait(STOP_SECONDS)
        yield proxy
    finally:
        proxy._call(proxy._stop.set)
        thread.join(STOP_SECONDS)
        assert not thread.is_alive()
