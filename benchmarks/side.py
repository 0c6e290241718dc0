"""One side of benchmarks.before, which starts it with the atb_db of a checkout: nothing else of benchmarks is there.

Its arguments are the checkout and the URL of an empty database. It says which operations there are, and then answers
each request, an operation with a number of calls, with the milliseconds of each call and, where there is /proc, those
of the server's CPU in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import signature
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Final

import psycopg

import atb_db
from atb_db import Database, Settings
from atb_db.repository import orders, positions, sessions, trades
from atb_db.sqlfile import schema_sql

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
LATER: Final = START + timedelta(hours=1)
FEE: Final = "0.02"
BOOKS_FILLS: Final = "fee_currency" in signature(orders.record_fill).parameters
"""Whether a fill is booked into its position; before, its order noted it, and a second call moved the position."""

Call = Callable[[], object]


class Bot:
    """What a trading bot does; each method prepares one call of an operation, which is then timed."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.numbers = count()
        self.session = db.run(
            sessions.create_trading_session(
                strategy_name="bench", symbol="X", timeframe="1h", mode="PAPER", initial_balance=100_000,
                start_time=START,
            )
        )  # fmt: skip

    def entry_fill(self) -> Call:
        order_id = self._journal("ENTRY")
        if BOOKS_FILLS:
            return lambda: self.db.run(self._fill(order_id, 1, 100))
        fill, opened = self._fill(order_id, 1, 100), self._opened(entry_commission=FEE)
        return lambda: (self.db.run(fill), self.db.run(opened))

    def partial_exit_fill(self) -> Call:
        position_id = self._open()
        if BOOKS_FILLS:
            fill = self._fill(self._journal("PARTIAL_EXIT", position_id, "0.25"), "0.25", 101)
            return lambda: self.db.run(fill)
        return self._partial_exit(position_id)

    def closing_fill(self) -> Call:
        position_id = self._open()
        if BOOKS_FILLS:
            fill = self._fill(self._journal("FULL_EXIT", position_id), 1, 101)
            return lambda: self.db.run(fill)
        return self._close(position_id, commission=FEE)

    def open_position(self) -> Call:
        opened = self._opened()
        return lambda: self.db.run(opened)

    def open_position_with_fee(self) -> Call:
        opened = self._opened(entry_commission=FEE)
        return lambda: self.db.run(opened)

    def partial_exit(self) -> Call:
        return self._partial_exit(self._open())

    def partial_exit_with_fee(self) -> Call:
        return self._partial_exit(self._open(), **({"commission": FEE} if BOOKS_FILLS else {}))

    def close_position(self) -> Call:
        return self._close(self._open())

    def close_position_with_fee(self) -> Call:
        return self._close(self._open(), commission=FEE)

    def create_order(self) -> Call:
        return lambda: self._journal("ENTRY")

    def log_trade(self) -> Call:
        trade = trades.log_trade(
            session_id=self.session, symbol="X", side="LONG", entry_price=100, exit_price=101, size="0.1", quantity=1,
            entry_time=START, exit_time=LATER, pnl=1, commission=FEE, exit_reason="target", strategy_name="bench",
        )  # fmt: skip
        return lambda: self.db.run(trade)

    def _opened(self, **more: object) -> object:
        return positions.open_position(
            session_id=self.session, symbol="X", side="LONG", entry_price=100, size="0.1", quantity=1,
            strategy_name="bench", entry_order_id=f"order-{next(self.numbers)}", entry_time=START, **more,
        )  # fmt: skip

    def _open(self) -> int:
        return self.db.run(self._opened())

    def _journal(self, kind: str, position_id: int | None = None, quantity: object = 1) -> int:
        return self.db.run(
            orders.create_order(
                session_id=self.session, position_id=position_id, order_type=kind, symbol="X", side="LONG",
                quantity=quantity, internal_order_id=f"own-{next(self.numbers)}", strategy_name="bench",
                created_at=START,
            )
        )  # fmt: skip

    def _fill(self, order_id: int, quantity: object, price: object) -> object:
        fee = {"fee": FEE, "fee_currency": "USDT"} if BOOKS_FILLS else {"commission": FEE}
        return orders.record_fill(
            order_id=order_id, exchange_fill_id="fill", quantity=quantity, price=price, filled_at=LATER, **fee
        )

    def _partial_exit(self, position_id: int, **more: object) -> Call:
        left = positions.apply_partial_exit(position_id=position_id, size="0.25", price=101, timestamp=LATER, **more)
        return lambda: self.db.run(left)

    def _close(self, position_id: int, **more: object) -> Call:
        closed = positions.close_position(
            position_id=position_id, exit_price=101, exit_time=LATER, exit_reason="target",
            exit_order_id=f"exit-{next(self.numbers)}", **more,
        )  # fmt: skip
        return lambda: self.db.run(closed)


OPERATIONS: Final[dict[str, Callable[[Bot], Call]]] = {
    "an entry fill with its fee (then record_fill and open_position)": Bot.entry_fill,
    "a partial exit fill with its fee (then apply_partial_exit, which had none)": Bot.partial_exit_fill,
    "a closing fill with its fee (then close_position)": Bot.closing_fill,
    "open_position": Bot.open_position,
    "open_position with its fee": Bot.open_position_with_fee,
    "apply_partial_exit": Bot.partial_exit,
    "apply_partial_exit with its fee (then without)": Bot.partial_exit_with_fee,
    "close_position": Bot.close_position,
    "close_position with its fee": Bot.close_position_with_fee,
    "create_order": Bot.create_order,
    "log_trade": Bot.log_trade,
}


def main() -> None:
    """Answer until there are no more requests."""
    checkout, url = sys.argv[1:]
    if not Path(atb_db.__file__).is_relative_to(checkout):
        raise SystemExit(f"{atb_db.__file__} is not of {checkout}")
    settings = Settings.load(url, environ={})
    with psycopg.connect(settings.conninfo) as connection:
        connection.execute(schema_sql().encode())
    with Database(settings) as db:
        bot = Bot(db)
        _say(list(OPERATIONS))
        for line in sys.stdin:
            name, calls = json.loads(line)
            prepared = [OPERATIONS[name](bot) for _ in range(calls)]
            servers = _servers(settings.conninfo)
            _say([_milliseconds(call, servers) for call in prepared])


def _servers(conninfo: str) -> list[Path]:
    """Where the kernel says how much CPU the engine's server processes have used."""
    with psycopg.connect(conninfo) as connection:
        pids = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        ).fetchall()
    return [path for (pid,) in pids if (path := Path(f"/proc/{pid}/schedstat")).exists()]


def _milliseconds(call: Call, servers: list[Path]) -> tuple[float, float]:
    before = _cpu(servers)
    began = perf_counter()
    call()
    took = perf_counter() - began
    return took * 1000, _cpu(servers) - before


def _cpu(servers: list[Path]) -> float:
    return sum(int(path.read_text(encoding="ascii").split()[0]) for path in servers) / 1e6


def _say(answer: list[object]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
