"""What an audit has found sound, in a file: the next one passes over what no transaction has written since."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.connection import Connection, ask
from atb_db.admin.errors import Unusable
from atb_db.admin.whole_files import written_whole
from atb_db.repository.audit import (
    PositionBlock,
    audit_orders,
    audit_positions,
    audit_trades,
    get_doubtful_positions,
)

WIDTH: Final = 4096
"""Ids of positions in a block."""
MOST_TRANSACTIONS: Final = 1_000_000_000
"""After so many, a row's transaction can no longer be compared with the one of a mark."""
PAUSE: Final = 1.0
"""Seconds between two writes of the file: so much of its work a killed audit does again."""
_FORMAT: Final = 1


class _Database(NamedTuple):
    system_identifier: str
    timeline: int
    database: int


class Marks:
    """The blocks of each session's positions that were sound, each with what it had then.

    They hold for one database of one server, between two of its recoveries, and for the rules of one release; where
    any of them is another, there are none.
    """

    def __init__(self, path: Path, connection: Connection, *, width: int = WIDTH, pause: float = PAUSE) -> None:
        """Read them from a file, if there is one.

        Raises:
            Unusable: the file cannot be read, or is something else.
        """
        self._path = path
        [place] = ask(connection, "marked_database", _Database)
        self._of = [_FORMAT, width, _rules(), *place]
        self._pause = pause
        self._written = 0.0
        self._sound: dict[str, dict[str, list[int]]] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if not isinstance(kept["of"], list):
                raise TypeError
            if kept["of"] == self._of:
                self._sound = {
                    session: {block: [int(number) for number in mark] for block, mark in blocks.items()}
                    for session, blocks in kept["sound"].items()
                }
        except OSError as error:
            raise Unusable(f"{self._path} cannot be read: {error.strerror or error}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unusable(f"{self._path} is no file of `atb-db audit --marks`: give another name") from None

    def untouched(self, session_id: int, block: PositionBlock) -> bool:
        """Whether a block is as it was when it was found sound: no transaction has written any of its rows since."""
        mark = self._sound.get(str(session_id), {}).get(str(block.block))
        if mark is None:
            return False
        rows, ids, since = mark
        return (
            (rows, ids) == (block.row_count, int(block.id_sum))
            and block.newest < since <= block.oldest_running
            and block.oldest_running - since < MOST_TRANSACTIONS
        )

    def keep(self, session_id: int, sound: Iterable[PositionBlock], unsound: Iterable[PositionBlock]) -> None:
        """Note what was audited: in the file, unless it was written in the last second.

        Raises:
            Unusable: the file cannot be written.
        """
        blocks = self._sound.setdefault(str(session_id), {})
        for one in unsound:
            blocks.pop(str(one.block), None)
        for one in sound:
            blocks[str(one.block)] = [one.row_count, int(one.id_sum), one.oldest_running]
        if time.monotonic() - self._written >= self._pause:
            self.write()

    def write(self) -> None:
        """Write the file.

        Raises:
            Unusable: it cannot be written.
        """
        self._written = time.monotonic()
        with written_whole(self._path) as part:
            part.write_text(json.dumps({"of": self._of, "sound": self._sound}), encoding="utf-8")


def _rules() -> str:
    """What changes with the rules of the statements whose findings the marks stand for."""
    compared = (get_doubtful_positions, audit_positions, audit_orders, audit_trades)
    return sha256(b"".join(one.sql for one in compared)).hexdigest()[:16]
