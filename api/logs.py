"""One line a log record: JSON for machines, or plain text for a terminal, each with the id of its request.

What goes into a line is chosen here, so that no password, token or row content gets there by accident: a database
error is written without its message, which may quote values.
"""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import psycopg

from api.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered; None outside a request."""

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """A JSON object: time (RFC 3339, UTC), level, logger, message, request_id, then whatever `extra=` added."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return json.dumps(fields(record), default=str, ensure_ascii=False)


class ConsoleFormatter(logging.Formatter):
    """Time, level and message, then the other fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the frames of an error below it."""
        line = fields(record)
        time, level, message = (str(line.pop(name)) for name in ("time", "level", "message"))
        frames = line.pop("frames", [])
        del line["logger"]
        rest = "".join(f" {name}={value}" for name, value in line.items())
        return "\n  ".join([f"{time[11:23]} {level:<7} {message}{rest}", *frames])


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says."""
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    if (current := request_id.get()) is not None:
        line["request_id"] = current
    line |= {name: value for name, value in vars(record).items() if name not in STANDARD}
    if record.exc_info and record.exc_info[1]:
        line |= describe(record.exc_info[1], record.exc_info[2])
    return line


def describe(error: BaseException, trace: TracebackType | None) -> dict[str, Any]:
    """An error as fields: its class, where it happened, and what it says unless it comes from the database."""
    described: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, psycopg.Error):
        described["sqlstate"] = error.sqlstate
    else:
        described["reason"] = str(error)
    described["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]
    return described


def configuration(settings: Settings) -> dict[str, Any]:
    """The logging set-up for `logging.config.dictConfig`; uvicorn applies it in each of its processes."""
    formatter = JsonFormatter if settings.log_format == "json" else ConsoleFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {"uvicorn.error": {"level": "WARNING"}},  # else eight lines about its own coming and going
        "root": {"handlers": ["stderr"], "level": settings.log_level.upper()},
    }
