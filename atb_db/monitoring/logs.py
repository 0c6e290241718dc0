"""Logs in JSON, a line each, by the standard logging module."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

from atb_db.errors import AtbDbError

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest was given as `extra`."""


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time in UTC, level, logger, message, what was given as `extra`, and the error.

        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        logging.basicConfig(level=logging.INFO, handlers=[handler])

    The error of atb_db has its class, statement, sqlstate and request_id in fields of their own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        shown: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        shown |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info and record.exc_info[1] is not None:
            shown |= _error(record.exc_info[1]) | {"traceback": self.formatException(record.exc_info)}
        return json.dumps(shown, default=str, ensure_ascii=False)


def _error(error: BaseException) -> dict[str, object]:
    found: dict[str, object] = {"error": type(error).__name__}
    if isinstance(error, AtbDbError):
        known = {"statement": error.statement, "sqlstate": error.sqlstate, "request_id": error.request_id}
        found |= {name: value for name, value in known.items() if value is not None}
    return found
