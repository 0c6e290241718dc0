"""What every contender can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache, partial
from time import perf_counter_ns, process_time_ns
from typing import ClassVar, NamedTuple

from psycopg.types.json import Jsonb

from atb_db.batch import Batch
from atb_db.report import Report, report_batch
from atb_db.repository import statements
from atb_db.repository.dashboard import Dashboard, dashboard
from atb_db.statement import Declared
from atb_db.types import NEW, NOW
from atb_db.values import new_request_id
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World

DECLARED: dict[str, Declared[object]] = {declared.name: declared for declared in statements()}
GENERIC_PLANS = {"plan_cache_mode": "force_generic_plan"}
"""As atb_db's connections have it: for those who run the same SQL, which is made for it."""
OPTIONS = " ".join(f"-c {name}={value}" for name, value in GENERIC_PLANS.items())
BATCHES: dict[str, Callable[..., Batch[object]]] = {
    "dashboard.dashboard": dashboard,
    "report.report_batch": report_batch,
}
"""No statements but several together."""


class Timing(NamedTuple):
    """What a series of calls took, in ns."""

    calls: list[int]
    cpu: int
    """Of this process, for all of them."""


class Contender(ABC):
    """One connection pool, or what stands for it, on one database."""

    name: ClassVar[str]
    answers: ClassVar[bool] = True
    """Whether what it answers and leaves behind is compared with the others'."""
    in_loop: ClassVar[bool] = False
    """Whether its calls belong into an event loop, so that one of them alone says nothing."""

    def __init__(self, url: str, world: World) -> None:
        self.url = url
        self.world = world

    @classmethod
    def can(cls, operation: Operation) -> bool:
        """Whether it knows how to do this."""
        return operation.statement not in BATCHES

    @abstractmethod
    def prepare(self, operation: Operation, arguments: Arguments) -> object:
        """What `call` wants, made of the arguments beforehand: nobody is timed for what only the benchmark needs."""

    @abstractmethod
    def call(self, operation: Operation, prepared: object) -> object:
        """Do it once; its result."""

    def timed(self, operation: Operation, numbers: Sequence[int]) -> Timing:
        """Do it once for each of these numbers."""
        prepared = [self.prepare(operation, operation.arguments(self.world, number)) for number in numbers]
        call, taken = self.call, []
        cpu = process_time_ns()
        for one in prepared:
            start = perf_counter_ns()
            call(operation, one)
            taken.append(perf_counter_ns() - start)
        return Timing(taken, process_time_ns() - cpu)

    @abstractmethod
    def close(self) -> None:
        """Leave the database."""


@cache
def _defaults(statement: str) -> Arguments:
    return {
        parameter.name: None if parameter.required else parameter.default
        for parameter in DECLARED[statement].parameters
    }


def every_argument(statement: str, arguments: Arguments) -> Arguments:
    """All that the SQL file asks for, also what has a default; documents as psycopg wants them."""
    found = _defaults(statement) | arguments
    for name, value in found.items():
        if value is NEW:
            found[name] = new_request_id()
        elif value is NOW:
            raise ValueError(f"{statement}: the benchmark must give {name}")
        elif isinstance(value, dict | list):
            found[name] = Jsonb(value)
    return found | {"request_hash": 0}


def shown(operation: Operation, result: object) -> object:
    """What the result says, however it is shaped: equal for all contenders."""
    rows = result if isinstance(result, list) else [result]
    of = partial(_of, operation.statement)
    match operation.statement:
        case "positions.get_active_positions":
            return _positions(rows)
        case "trades.get_recent_trades":
            return [(of("id", row), of("net_pnl", row)) for row in rows]
        case "metrics.get_performance_metrics":
            names = ("total_trades", "winning_trades", "gross_profit", "net_pnl", "max_drawdown")
            return [round(Decimal(of(name, rows[0])), 8) for name in names]
        case "metrics.get_total_metrics":
            return of("total_trades", rows[0]), round(Decimal(of("net_pnl", rows[0])), 8)
        case "dashboard.dashboard":
            trades, equity = _parts(rows, Dashboard._fields, "trades", "equity")
            return [_of("trades.get_recent_trades", "id", row) for row in trades], len(equity)
        case "report.report_batch":
            return [len(part) for part in _parts(rows, Report._fields, "equity", "drawdowns", "days")]
        case "metrics.get_daily_metrics":
            return len(rows)
        case "reports.get_equity_curve":
            equities = [float(of("equity", row)) for row in rows]  # asyncpg writes 100000 as 1.0E+5
            return min(equities), max(equities)
        case "predictions.get_prediction":
            return str(of("cache_key", rows[0]))
    return None


def _parts(rows: list[object], fields: Sequence[str], *names: str) -> list[list[object]]:
    """Some of a batch's answers, which has fields, or of the answers to its statements."""
    answers = list(rows[0]) if hasattr(rows[0], "_fields") else rows
    return [answers[fields.index(name)] for name in names]


def _of(statement: str, name: str, row: object) -> object:
    if hasattr(row, name):
        return getattr(row, name)
    # A plain row of the statement's file.
    return row[_places(statement)[name]]  # type: ignore[index]


@cache
def _places(statement: str) -> dict[str, int]:
    return {column.name: place for place, column in enumerate(DECLARED[statement].reader.columns)}


def _positions(rows: list[object]) -> object:
    """Ids and their numbers of orders, from positions with orders or from joined rows."""
    if rows and hasattr(rows[0], "orders"):
        return {row.id: len(row.orders) for row in rows}
    counts: dict[object, int] = {}
    for row in rows:
        counts[row[0]] = counts.get(row[0], 0) + 1  # type: ignore[index]
    return counts
