"""Making rows of a statement's results, with loaders that are found once and kept."""

from __future__ import annotations

from enum import Enum
from functools import cache
from itertools import pairwise, product
from typing import Final

from psycopg import abc
from psycopg.adapt import Loader, Transformer
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.pq.abc import PGresult

from atb_db.database.connecting import Adapters
from atb_db.errors import SchemaMismatch
from atb_db.rows import Reader

_CHEAPEST: Final = types["bool"].oid
"""Its loader looks at one byte and makes nothing."""


class StatementLoaders:
    """The loaders of one statement on one connection."""

    def __init__(self, reader: Reader, result: PGresult, context: Adapters) -> None:
        for place, labels in reader.labels.items():
            loader = _label_loader(tuple(labels.members.items()), is_open=labels.is_open)
            context.adapters.register_loader(result.ftype(place), loader)
        self._reader = reader
        self._new = reader.new
        self._whole = Transformer(context)
        self._whole.set_pgresult(result)
        self._joined: abc.Transformer | None = None
        if reader.join is not None:
            self._joined = Transformer(context)
            read = [place == 0 or column.nested for place, column in enumerate(reader.columns)]
            kinds = [result.ftype(place) if needed else _CHEAPEST for place, needed in enumerate(read)]
            self._joined.set_loader_types(kinds, Format.TEXT)

    def rows(self, result: PGresult) -> list[object]:
        """The result's rows, made but not joined.

        Raises:
            SchemaMismatch: a label is none that this version knows.
        """
        self._whole.set_pgresult(result, set_loaders=False)
        try:
            if self._joined is None:
                return self._whole.load_rows(0, result.ntuples, self._new)
            return self._rows_of_a_join(result, self._joined)
        except KeyError:
            raise self._unknown_label(result) from None
        finally:
            self._whole.set_pgresult(None, set_loaders=False)  # or the result would stay in memory

    def _unknown_label(self, result: PGresult) -> SchemaMismatch:
        """Which label made a loader fail: a loader gets the value, and not the column."""
        for row, (place, labels) in product(range(result.ntuples), self._reader.labels.items()):
            value = result.get_value(row, place)
            if value is not None and not labels.is_open and (label := bytes(value).decode()) not in labels.members:
                return self._reader.unknown(place, label)
        return SchemaMismatch("has a label that this version of atb_db does not know", statement=self._reader.statement)

    def _rows_of_a_join(self, result: PGresult, joined: abc.Transformer) -> list[object]:
        """What is repeated for each of the rows that are joined to one is read for the first of them only."""
        joined.set_pgresult(result, set_loaders=False)
        keys = [result.get_value(row, 0) for row in range(result.ntuples)]
        made = [
            (joined if key == before else self._whole).load_row(row, self._new)
            for row, (before, key) in enumerate(pairwise([None, *keys]))
        ]
        joined.set_pgresult(None, set_loaders=False)
        return made


class _OpenLabels(dict[bytes, object]):
    """A label that is not among them is text."""

    def __missing__(self, label: bytes) -> str:
        return bytes(label).decode()


@cache
def _label_loader(members: tuple[tuple[str, Enum], ...], *, is_open: bool) -> type[Loader]:
    """Loads the labels of one of the database's enums as members, by a look-up and nothing else.

    One class an enum, not one a connection: psycopg keeps every class of loaders that it has met.
    """
    by_label = (_OpenLabels if is_open else dict[bytes, object])((label.encode(), member) for label, member in members)
    return type("LabelLoader", (Loader,), {"load": staticmethod(by_label.__getitem__)})
