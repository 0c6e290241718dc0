"""What of a file's executions `--since` leaves out: what is older, and the rest of the positions that it opened."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal

from atb_db.importing.executions import Execution, through_zero


def begun_since(
    executions: Iterable[Execution], since: datetime | None, known: Collection[tuple[str, str]]
) -> list[Execution]:
    """Those from a moment on that are not of a position which was opened before; all of them with None.

    They must be in order of time. What is `known`, by table and key, is in the books, and stays. An execution that
    closes an older position and opens another stays with what it opens.
    """
    if since is None:
        return list(executions)
    left_out: dict[tuple[str, str], Decimal] = {}
    wanted = []
    for one in executions:
        place = (one.book, one.symbol)
        held = left_out.get(place, Decimal(0))
        if (one.table, one.key) in known:
            if one.at >= since:
                wanted.append(one)
        elif one.at < since:
            left_out[place] = held + one.units
        elif not held:
            wanted.append(one)
        elif held * one.units > 0 or abs(one.units) <= abs(held):
            left_out[place] = held + one.units
        else:
            del left_out[place]
            wanted.append(_opening(one, abs(held)))
    return wanted


def _opening(execution: Execution, closing: Decimal) -> Execution:
    """What an execution opens after it has closed a position that is left out."""
    opens = through_zero(execution, closing)[1]
    left_out = f"{closing} of it closed a position from before --since, which is left out"
    return execution._replace(
        quantity=opens.quantity,
        fee=opens.fee,
        commission=opens.commission,
        note=f"{execution.note}; {left_out}" if execution.note else left_out,
    )
