"""freqtrade's sqlite file read as plain rows, in one read transaction and without a write."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from atb_db.importing.errors import UnusableSource
from atb_db.importing.plan import Row

_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "trades": frozenset({"id", "pair", "is_open", "open_rate", "amount", "open_date", "fee_open"}),
    "orders": frozenset({"id", "ft_trade_id", "ft_order_side", "order_id", "status", "filled"}),
}
_OTHERS: Final = ("pairlocks", "trade_custom_data", "wallet_history", "KeyValueStore")


class Contents(NamedTuple):
    """The rows of a freqtrade database, by table."""

    name: str
    """The file's name, which is also the bot's to us."""
    tables: Mapping[str, list[Row]]


def read_freqtrade(path: Path) -> Contents:
    """All rows of a freqtrade database, those that are still in its write-ahead log included.

    Raises:
        UnusableSource: it cannot be read, is no sqlite file, or is not freqtrade's.
    """
    if not path.is_file():
        raise UnusableSource(f"{path} is no file")
    try:
        with closing(_opened(path)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            there = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table, columns in _NEEDED.items():
                if table not in there:
                    raise UnusableSource(f"{path.name} is not freqtrade's: it has no table {table}")
                has = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}
                if missing := sorted(columns - has):
                    raise UnusableSource(
                        f"{path.name} has no column {missing[0]} in {table}: start the newest freqtrade on it once, "
                        "which brings it up to date"
                    )
            return Contents(
                path.name,
                {
                    table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY id')]  # noqa: S608
                    for table in (*_NEEDED, *_OTHERS)
                    if table in there
                },
            )
    except sqlite3.DatabaseError as error:
        raise UnusableSource(f"{path.name} cannot be read as a sqlite file: {error}") from None


def _opened(path: Path) -> sqlite3.Connection:
    """Read-only; where the folder cannot be written and so no log be opened, as the file alone."""
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if (log := path.with_name(f"{path.name}-wal")).exists() and log.stat().st_size:
            raise UnusableSource(
                f"{path.name} has a write-ahead log that cannot be read from here ({error}): copy {path.name} and "
                f"{log.name} together into a folder of yours"
            ) from None
        return sqlite3.connect(f"{uri}&immutable=1", uri=True)
    return connection
