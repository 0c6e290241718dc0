"""Many rows at once: decisions, and a backtest's trades with their metrics and ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import asyncpg
import orjson
import psycopg

from atb_db import Database, Settings
from atb_db.embedded import Server
from atb_db.repository import events, trades
from atb_db.values import new_request_id
from benchmarks.contenders import Contender, Core, Orm
from benchmarks.contenders.base import DECLARED, every_argument
from benchmarks.contenders.handwritten import sql_of
from benchmarks.failures import Failures
from benchmarks.measuring import Measured, compared
from benchmarks.operations import Arguments, Operation, Scale, execution, trade
from benchmarks.seeding import copy_of
from benchmarks.world import World


class Spent(NamedTuple):
    """What a load took; connecting is not among it."""

    seconds: float
    cpu: float
    """The client's, in seconds."""


Load = Callable[[str, World, Sequence[Arguments]], Spent]
"""Loads the rows."""

EXECUTIONS = DECLARED["events.copy_strategy_executions"]
_BY_HAND = """
COPY strategy_executions (
    session_id, timestamp, strategy_name, symbol, timeframe, signal_type, signal_strength, confidence_score,
    action_taken, price, indicators, reasons
) FROM STDIN
"""
_EXECUTED = """
SELECT count(*), sum(price), max(timestamp), count(DISTINCT request_id)
  FROM strategy_executions
 WHERE session_id = %(session)s
"""
_BOOKED = """
SELECT (SELECT (count(*), sum(net_pnl), sum(pnl_percent))::text FROM trades WHERE session_id = %(session)s),
       (SELECT (count(*), sum(delta))::text FROM account_balances WHERE session_id = %(session)s),
       (SELECT array_agg((m.period_start, m.total_trades, m.net_pnl, m.current_streak, m.max_drawdown)::text
                         ORDER BY period, period_start)::text
          FROM performance_metrics AS m WHERE session_id = %(session)s)
"""


class Bulk(NamedTuple):
    """Rows to load, and what they leave behind."""

    name: str
    rows: int
    row: Callable[[World, int], Arguments]
    loads: dict[str, Load]
    few: dict[str, int]
    """Those who load only so many, and are shown as if they went on at that pace."""
    fingerprint: str


def _spent(work: Callable[[], object]) -> Spent:
    start, cpu = perf_counter(), process_time()
    work()
    return Spent(perf_counter() - start, process_time() - cpu)


def _executions_by_atb(url: str, _: World, rows: Sequence[Arguments]) -> Spent:
    with Database(Settings.load(url, environ={})) as db:
        return _spent(lambda: db.copy_in((events.copy_strategy_executions(**row) for row in rows), timeout=600))


def _executions_as_rows(url: str, _: World, rows: Sequence[Arguments]) -> Spent:
    with Database(Settings.load(url, environ={})) as db:
        return _spent(lambda: db.copy_in(events.copy_strategy_executions.rows(rows), timeout=600))


def _executions_by_column(url: str, _: World, rows: Sequence[Arguments]) -> Spent:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    with Database(Settings.load(url, environ={})) as db:
        return _spent(lambda: db.copy_in(events.copy_strategy_executions.columns(columns), timeout=600))


def _executions_by_hand(url: str, _: World, rows: Sequence[Arguments]) -> Spent:
    """As one who knows psycopg writes it: tuples of plain values, documents by orjson, no request's hash."""
    with psycopg.connect(url, autocommit=True) as connection:

        def load() -> None:
            with connection.cursor().copy(_BY_HAND) as copy:
                for row in rows:
                    copy.write_row(
                        (
                            row["session_id"],
                            row["timestamp"],
                            row["strategy_name"],
                            row["symbol"],
                            row["timeframe"],
                            row["signal_type"],
                            row["signal_strength"],
                            row["confidence_score"],
                            row["action_taken"],
                            row["price"],
                            orjson.dumps(row["indicators"]).decode(),
                            orjson.dumps(row["reasons"]).decode(),
                        )
                    )

        return _spent(load)


def _executions_as_text(url: str, _: World, rows: Sequence[Arguments]) -> Spent:
    return _copy_text(url, [(EXECUTIONS.text, EXECUTIONS.order, rows)])


def _executions_by_asyncpg(url: str, _: World, rows: Sequence[Arguments]) -> Spent:
    async def load() -> Spent:
        connection = await asyncpg.connect(url)
        records = (_values(EXECUTIONS.order, row, json.dumps) for row in rows)
        start, cpu = perf_counter(), process_time()
        await connection.copy_records_to_table("strategy_executions", columns=EXECUTIONS.order, records=records)
        taken = Spent(perf_counter() - start, process_time() - cpu)
        await connection.close()
        return taken

    return asyncio.run(load())


def _executions_by_core(url: str, world: World, rows: Sequence[Arguments]) -> Spent:
    core = Core(url, world)

    def load() -> None:
        with core.engine.begin() as connection:
            core.copy_strategy_executions(connection, [row | {"request_id": new_request_id()} for row in rows])

    try:
        return _spent(load)
    finally:
        core.close()


def _one_by_one(contender: type[Contender], name: str) -> Load:
    operation = Operation(name, name, lambda *_: {}, "bulk")

    def load(url: str, world: World, rows: Sequence[Arguments]) -> Spent:
        running = contender(url, world)
        prepared = [running.prepare(operation, row) for row in rows]
        try:
            return _spent(lambda: [running.call(operation, one) for one in prepared])
        finally:
            running.close()

    return load


def _trades_by_atb(url: str, world: World, rows: Sequence[Arguments]) -> Spent:
    with Database(Settings.load(url, environ={})) as db:

        def load() -> None:
            new = [trades.NewTrade(**{name: row[name] for name in row if name != "session_id"}) for row in rows]
            db.run(trades.log_trades(session_id=world.backtest, trades=new), timeout=600)

        return _spent(load)


def _trades_by_hand(url: str, world: World, rows: Sequence[Arguments]) -> Spent:
    names = trades.NewTrade._fields
    with psycopg.connect(url, autocommit=True) as connection:

        def load() -> None:
            columns = {name: [_plain(row.get(name, _ZERO.get(name))) for row in rows] for name in names}
            same = {name: texts[0] for name, texts in columns.items() if len(set(texts)) == 1}
            each = {name: _array(texts) for name, texts in columns.items() if name not in same}
            document = json.dumps({"all": same | {"rows": len(rows)}, "each": each})
            values = every_argument("trades.log_trades", {"session_id": world.backtest, "trades_by_column": document})
            connection.execute(sql_of("trades.log_trades"), values).fetchall()

        return _spent(load)


_ZERO = {"commission": 0, "margin_interest_cost": 0, "funding": 0}


def _plain(value: object) -> str | None:
    if value is None:
        return None
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _array(texts: Sequence[str | None]) -> str:
    """PostgreSQL's text of it; the benchmark has no text that contains a quote."""
    return "{" + ",".join("NULL" if text is None else f'"{text}"' for text in texts) + "}"


def _trades_as_text(url: str, world: World, rows: Sequence[Arguments]) -> Spent:
    balance, entries, booked = Decimal(100_000), [], []
    for number, row in enumerate(rows, 2):
        net = row["pnl"] - row["commission"]
        request_id = new_request_id()
        booked.append(row | {"source": "PAPER", "pnl_percent": row["pnl"] / 5, "request_id": request_id})
        entries.append(
            {
                "session_id": world.backtest,
                "entry_number": number,
                "entry_type": "TRADE",
                "previous_balance": balance,
                "pnl": row["pnl"],
                "commission": row["commission"],
                "delta": net,
                "total_balance": balance + net,
                "base_currency": "USDT",
                "update_reason": row["exit_reason"],
                "updated_by": "engine",
                "last_updated": row["exit_time"],
                "request_id": request_id,
            }
        )
        balance += net
    parts = [
        (f"COPY {table} ({', '.join(every[0])}) FROM STDIN", tuple(every[0]), every)
        for table, every in (("trades", booked), ("account_balances", entries))
    ]
    return _copy_text(url, parts)


def _copy_text(url: str, parts: Sequence[tuple[str, tuple[str, ...], Sequence[Arguments]]]) -> Spent:
    texts = [(copy, _text(order, rows)) for copy, order, rows in parts]
    with psycopg.connect(url) as connection:

        def load() -> None:
            for command, blocks in texts:
                with connection.cursor().copy(command) as copy:
                    for block in blocks:
                        copy.write(block)
            connection.commit()

        return _spent(load)


def _text(order: tuple[str, ...], rows: Sequence[Arguments]) -> list[bytes]:
    lines = ("\t".join(map(_field, _values(order, row, json.dumps))) + "\n" for row in rows)
    text = "".join(lines).encode()
    return [text[start : start + 131_072] for start in range(0, len(text), 131_072)]


def _field(value: object) -> str:
    return "\\N" if value is None else str(value).replace("\\", "\\\\")


def _values(order: Iterable[str], row: Arguments, document: Callable[[object], object]) -> tuple[object, ...]:
    own = {"request_id": new_request_id(), "request_hash": 0} | row
    return tuple(document(value) if isinstance(value := own.get(name), dict | list) else value for name in order)


def bulks(scale: Scale) -> list[Bulk]:
    """What is loaded."""
    executions = {
        "atb_db": _executions_as_rows,
        "atb_db, by column": _executions_by_column,
        "atb_db, a value each": _executions_by_atb,
        "psycopg, by hand": _executions_by_hand,
        "asyncpg": _executions_by_asyncpg,
        "SQLAlchemy Core": _executions_by_core,
        "SQLAlchemy ORM": _one_by_one(Orm, "events.log_strategy_execution"),
        "COPY of text": _executions_as_text,
    }
    booked = {
        "atb_db": _trades_by_atb,
        "psycopg, by hand": _trades_by_hand,
        "SQLAlchemy Core": _one_by_one(Core, "trades.log_trade"),
        "SQLAlchemy ORM": _one_by_one(Orm, "trades.log_trade"),
        "COPY of text": _trades_as_text,
    }
    return [
        *(
            Bulk(
                f"{rows:,} strategy executions",
                rows,
                lambda world, n: execution(world.backtest, n),
                executions,
                {
                    "SQLAlchemy ORM": scale.few,
                    "SQLAlchemy Core": 50_000,
                    "asyncpg": 200_000,
                    "atb_db, a value each": 200_000,
                },
                _EXECUTED,
            )
            for rows in scale.bulk
        ),
        Bulk(
            f"{scale.trades:,} backtest trades, with metrics and ledger",
            scale.trades,
            lambda world, n: trade(world.backtest, n),
            booked,
            {"SQLAlchemy ORM": scale.few, "SQLAlchemy Core": scale.few},
            _BOOKED,
        ),
    ]


def measure_bulk(server: Server, world: World, bulk: Bulk, scale: Scale, failures: Failures) -> dict[str, Measured]:
    """What loading all the rows takes, by contender, in ms; who breaks or leaves something else behind is left out."""
    rows = [bulk.row(world, number) for number in range(bulk.rows)]
    taken: dict[str, list[float]] = {name: [] for name in bulk.loads}
    cpu: dict[str, list[float]] = {name: [] for name in bulk.loads}
    traces: dict[str, object] = {}
    names = list(bulk.loads)
    rounds = min(scale.rounds, 2 if bulk.rows > 100_000 else 5)
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            part = rows[: bulk.few.get(name, bulk.rows)]
            if (number and len(part) < len(rows)) or failures.has(bulk.name, name):
                continue
            with failures.of(bulk.name, name), copy_of(server, "books", "loads") as url:
                spent = bulk.loads[name](url, world, part)
                each = 1000 * len(rows) / len(part)
                taken[name].append(spent.seconds * each)
                cpu[name].append(spent.cpu * each)
                if len(part) == len(rows) and name != "COPY of text":
                    traces[name] = _trace(url, bulk, world)
    failures.differing(bulk.name, "left behind", traces)
    sound = {name: found for name, found in taken.items() if not failures.has(bulk.name, name)}
    return compared(sound, {name: (len(found), median(cpu[name])) for name, found in sound.items()})


def _trace(url: str, bulk: Bulk, world: World) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(bulk.fingerprint.encode(), {"session": world.backtest}).fetchone()
