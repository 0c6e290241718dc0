"""freqtrade's sqlite file read as plain rows, in one read transaction and without a write, beside it as in it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

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
        with _opened(path) as connection:
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
            tables: dict[str, list[Row]] = {
                table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY id')]  # noqa: S608
                for table in (*_NEEDED, *_OTHERS)
                if table in there
            }
    except OSError as error:
        raise UnusableSource(f"{path} cannot be read: {error.strerror or error}") from None
    except sqlite3.DatabaseError as error:
        raise UnusableSource(f"{path.name} cannot be read as a sqlite file: {error}") from None
    for table, rows in tables.items():
        for row in rows:
            if with_nul := [name for name, value in row.items() if isinstance(value, str) and "\0" in value]:
                raise UnusableSource(
                    f"{path.name} has the character NUL in {with_nul[0]} of row {row['id']} of {table}, "
                    "which cannot be stored"
                )
    return Contents(path.name, tables)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Read-only, and no file is made beside it, as SQLite would for one with a write-ahead log that nobody has open.

    A log that lies there without its locks is read in a copy; without a log, the file is all there is.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    wal, journal, locks = (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal", "-shm"))
    logs = [log for log in (wal, journal) if log.exists() and log.stat().st_size]
    with ExitStack() as stack:
        connection = None
        if not _has_wal(path) or (wal.exists() and locks.exists()):
            connection = _connected(uri)
        if connection is None and not logs:
            connection = _connected(f"{uri}&immutable=1")
        if connection is None:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="atb-db-")))
            for one in (path, *logs):
                shutil.copy(one, folder)
            connection = sqlite3.connect(folder / path.name)
        yield stack.enter_context(closing(connection))


def _has_wal(path: Path) -> bool:
    """Whether the file says that it is written with a write-ahead log."""
    with path.open("rb") as file:
        return file.read(20)[18:19] == b"\x02"


def _connected(uri: str) -> sqlite3.Connection | None:
    """A connection that reads; None where what it needs to be opened cannot be written from here."""
    connection = sqlite3.connect(uri, uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        if error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            return None
        raise
    return connection
