"""Waiting without sleeping for time: for a condition with a deadline, or for each other."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.05
BARRIER_SECONDS = 120


def until(condition: Callable[[], T], seconds: float = 60, what: str = "") -> T:
    """Ask until the answer is true and return it; fail when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        pause.wait(POLL_SECONDS)
    return answer


def together(*actions: Callable[[], T]) -> list[T]:
    """Run actions at the same moment, each in a thread behind one barrier; returns what each returned."""
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], T]) -> T:
        barrier.wait(BARRIER_SECONDS)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


class Load:
    """What went on while a `with under_load(...)` block ran: how often each action was done, and what went wrong."""

    def __init__(self) -> None:
        self.done = 0
        self.failures: list[Any] = []
        self._lock = threading.Lock()

    def note(self, failure: Any) -> None:
        """Count one action and keep what it complains about, if anything."""
        with self._lock:
            self.done += 1
            if failure is not None:
                self.failures.append(failure)


@contextmanager
def under_load(*actions: Callable[[], Any]) -> Iterator[Load]:
    """Repeat each action in a thread of its own while the block runs; an action returns None or a complaint."""
    load = Load()
    stopped = threading.Event()

    def repeat(action: Callable[[], Any]) -> None:
        while not stopped.is_set():
            try:
                complaint = action()
            except Exception as error:
                complaint = repr(error)
            load.note(complaint)

    with ThreadPoolExecutor(len(actions)) as pool:
        for action in actions:
            pool.submit(repeat, action)
        try:
            yield load
        finally:
            stopped.set()
