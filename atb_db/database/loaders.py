"""Making rows of a statement's results, with loaders that are found once and kept."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Final

from psycopg import abc
from psycopg.adapt import Loader, Transformer
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.pq.abc import PGresult

from atb_db.database.connecting import Adapters
from atb_db.rows import Reader

_CHEAPEST: Final = types["bool"].oid
"""Its loader looks at one byte and makes nothing."""


class StatementLoaders:
    """The loaders of one statement on one connection."""

    def __init__(self, reader: Reader, result: PGresult, context: Adapters) -> None:
        for place, members in reader.labels.items():
            context.adapters.register_loader(result.ftype(place), _label_loader(tuple(members.items())))
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
        """The result's rows, made but not joined."""
        self._whole.set_pgresult(result, set_loaders=False)
        if self._joined is None:
            made = self._whole.load_rows(0, result.ntuples, self._new)
        else:
            made = self._rows_of_a_join(result, self._joined)
        self._whole.set_pgresult(None, set_loaders=False)  # or the result would stay in memory
        return made

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


@cache
def _label_loader(members: tuple[tuple[object, object], ...]) -> type[Loader]:
    """Loads the labels of one of the database's enums as members, by a look-up and nothing else.

    One class an enum, not one a connection: psycopg keeps every class of loaders that it has met.
    """
    by_label = {str(label).encode(): member for label, member in members}
    return type("LabelLoader", (Loader,), {"load": staticmethod(by_label.__getitem__)})
