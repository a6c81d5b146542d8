"""What one worker process has while it serves: the parts that requests share, and the set of routes of the moment."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from litestar import Litestar

from api.binding import Binding
from api.catalog import Catalog, ProblemFacts
from api.database import Database
from api.keyring import Keyring
from api.operations import Operation
from api.passwords import Hasher
from api.sealing import Sealer
from api.settings import Settings
from api.statements import Statements
from api.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Route:
    """One operation, ready to be served."""

    operation: Operation
    binding: Binding
    statements: Statements


@dataclass(frozen=True, slots=True)
class RouteSet:
    """All routes of one catalog and the application that serves them; replaced as a whole."""

    catalog: Catalog
    routes: dict[tuple[str, str], Route]
    document: bytes
    app: Litestar

    @property
    def problems(self) -> dict[str, ProblemFacts]:
        """The registry of errors."""
        return self.catalog.problems


@dataclass(slots=True)
class Service:
    """The shared parts. `stale` holds the reasons why a newer catalog could not be taken over."""

    settings: Settings
    database: Database
    hasher: Hasher
    keyring: Keyring
    tokens: Tokens
    sealer: Sealer
    refresh: Callable[["RouteSet"], Awaitable[None]]
    current: RouteSet = field(init=False)
    stale: list[str] = field(default_factory=list)
