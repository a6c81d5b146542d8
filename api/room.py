"""How many connections of clients a process keeps, and whose goes when one more comes.

Nobody goes who is being answered. First goes who has done nothing for longest since the last answer, then whose request
has been arriving for longest, then who has left an answer lying for longest. An ordinary request arrives within
moments, so thousands of clients that never end theirs take each other's places and nobody else's.
"""

from itertools import chain
from typing import Protocol


class Guest(Protocol):
    """A connection as the room knows it."""

    @property
    def is_served(self) -> bool:
        """Whether the next move is the service's."""

    def dismiss(self) -> None:
        """Say what there is to say, and close."""


class Room:
    """The connections of one process, by what they do; in each group who has done so for longest comes first."""

    def __init__(self, places: int) -> None:
        self.idle: dict[Guest, None] = {}
        self.arriving: dict[Guest, None] = {}
        self.leaving: dict[Guest, None] = {}
        """Those that do not take their answer."""
        self.is_closing = False
        """Whether the service stops, so that nobody stays after the next answer."""
        self._places = places
        self._present: set[Guest] = set()

    def enter(self, guest: Guest) -> None:
        """Let a new connection in."""
        self._present.add(guest)

    def leave(self, guest: Guest) -> None:
        """Forget a connection."""
        self._present.discard(guest)
        for group in (self.idle, self.arriving, self.leaving):
            group.pop(guest, None)

    def has_place_for(self, guest: Guest) -> bool:
        """Whether there is a place for everybody, if need be because somebody other than this one goes."""
        while len(self._present) > self._places:
            groups = chain(self.idle, self.arriving, self.leaving)
            other = next((each for each in groups if each is not guest and not each.is_served), None)
            if other is None:
                return False
            self.leave(other)
            other.dismiss()
        return True
