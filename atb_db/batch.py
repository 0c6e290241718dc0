"""A batch: several queries whose results make one value, run in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar, cast

from atb_db.errors import StatementError
from atb_db.rows import is_row_type
from atb_db.statement import Kind, Statement

R_co = TypeVar("R_co", covariant=True)


class Batch(Generic[R_co]):
    """A NamedTuple and the query for each of its fields, for `Database.run_batch`.

        Batch(Overview, balance=account.get_current_balance(session_id=42), trades=…)

    Raises:
        TypeError: the queries do not have the names of the NamedTuple's fields, in their order.
        StatementError: one of them is not a query.
    """

    __slots__ = ("_make", "parts")

    def __init__(self, row: type[R_co], /, **parts: Statement[object]) -> None:
        if not is_row_type(row) or row._fields != tuple(parts):  # type: ignore[attr-defined]  # a NamedTuple's
            raise TypeError(
                f"the queries of a batch must have the names of the fields of {row.__name__}, in their order"
            )
        for statement in parts.values():
            if statement.declaration.kind is not Kind.QUERY:
                raise StatementError("is not a query, and a batch only reads", statement=statement.name)
        self._make = cast("Callable[[Iterable[object]], R_co]", row._make)  # type: ignore[attr-defined]
        self.parts = parts

    @property
    def statements(self) -> list[Statement[object]]:
        """The queries, in order."""
        return list(self.parts.values())

    def assemble(self, results: Sequence[object]) -> R_co:
        """The value from the results of `statements`, in their order."""
        return self._make(results)

    def __repr__(self) -> str:
        return f"Batch({', '.join(f'{name}={statement}' for name, statement in self.parts.items())})"
