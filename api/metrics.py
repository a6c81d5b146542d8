"""What the service counts, as Prometheus reads it: requests and their time, and what the database says of itself.

The figures of the database are rows of `http.metrics()`, so a new one is a new row there. Several workers keep their
counts in files of one directory, and whichever of them is asked tells of all.
"""

import json
import os
from collections.abc import Iterable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.database import Database
from api.errors import ConflictError, Problem, RoutesReplacedError
from api.grammar import METHODS
from api.settings import SHARED_COUNTS
from api.statements import Statement

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
DATABASE_SECONDS = 2.0
"""How long the database may take; who collects figures does not wait for long, and wants to hear of a slow one."""
_FIGURES = Statement(b"select coalesce(json_agg(m), '[]') from http.metrics() m")
_METHODS = frozenset({*METHODS, "HEAD", "OPTIONS"})
_REGISTRY = CollectorRegistry()
_REQUESTS = Counter(
    "pgroster_http_requests", "Requests that were answered.", ["method", "route", "status"], registry=_REGISTRY
)
_DURATION = Histogram(
    "pgroster_http_request_duration_seconds",
    "Time from a request's head to the end of its answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_REGISTRY,
)


class Figures(Collector):
    """The rows of `http.metrics()`; none where the database could not be asked, which is a figure as well."""

    def __init__(self, rows: list[dict[str, Any]] | None) -> None:
        self._rows = rows

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One gauge a name."""
        yield GaugeMetricFamily("pgroster_database_up", "Whether the database answers.", float(self._rows is not None))
        families: dict[str, GaugeMetricFamily] = {}
        for row in self._rows or ():
            labels: dict[str, str] = row["labels"] or {}
            family = families.setdefault(
                row["name"], GaugeMetricFamily(f"pgroster_{row['name']}", row["help"], labels=sorted(labels))
            )
            family.add_metric([labels[name] for name in sorted(labels)], row["value"])
        yield from families.values()


def count(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count an answer. The route is its template, never the path, so that nobody makes up new ones."""
    method = method if method in _METHODS else "other"
    _REQUESTS.labels(method, route or "none", status).inc()
    _DURATION.labels(method, route or "none").observe(seconds)


def count_refusal(status: int) -> None:
    """Count what got an answer before anybody could say what it asks for."""
    _REQUESTS.labels("other", "none", status).inc()


async def page(database: Database) -> bytes:
    """Everything, in the text format of Prometheus."""
    counts = _REGISTRY
    if SHARED_COUNTS in os.environ:
        counts = CollectorRegistry()
        MultiProcessCollector(counts)  # type: ignore[no-untyped-call]
    figures = CollectorRegistry()
    figures.register(Figures(await _figures(database)))
    return generate_latest(counts) + generate_latest(figures)


async def _figures(database: Database) -> list[dict[str, Any]] | None:
    try:
        rows: list[dict[str, Any]] = json.loads(await database.shared_value(_FIGURES, DATABASE_SECONDS) or "[]")
    except (Problem, RoutesReplacedError, ConflictError):
        return None
    return rows
