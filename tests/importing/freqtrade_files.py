"""Small freqtrade databases, with the columns that an import reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

TRADE: Final[Mapping[str, object]] = {
    "id": 1,
    "exchange": "binance",
    "pair": "ETH/USDT",
    "base_currency": "ETH",
    "stake_currency": "USDT",
    "is_open": 1,
    "fee_open": 0.001,
    "fee_close": 0.001,
    "open_rate": 3000.0,
    "amount": 0.9,
    "funding_fees": 0.0,
    "close_profit_abs": None,
    "open_date": "2026-03-02 14:00:00.000000",
    "close_date": None,
    "stop_loss": 2800.0,
    "initial_stop_loss": 2700.0,
    "is_stop_loss_trailing": 0,
    "exit_reason": None,
    "strategy": "Sample",
    "enter_tag": "rsi",
    "timeframe": 60,
    "amount_precision": 0.001,
    "leverage": 1.0,
    "is_short": 0,
    "liquidation_price": None,
    "funding_fee_running": 0.0,
}
ORDER: Final[Mapping[str, object]] = {
    "id": 1,
    "ft_trade_id": 1,
    "ft_order_side": "buy",
    "order_id": "e1",
    "status": "closed",
    "price": 3000.0,
    "average": 3000.0,
    "amount": 0.9,
    "filled": 0.9,
    "ft_amount": 0.9,
    "ft_price": 3000.0,
    "stop_price": None,
    "order_date": "2026-03-02 14:00:00.000000",
    "order_filled_date": "2026-03-02 14:01:00.000000",
    "order_update_date": None,
    "funding_fee": 0.0,
    "ft_fee_base": None,
    "ft_order_tag": "rsi",
    "ft_cancel_reason": None,
}
EXIT: Final = {
    **ORDER,
    "id": 2,
    "ft_order_side": "sell",
    "order_id": "x1",
    "price": 3100.0,
    "average": 3100.0,
    "ft_price": 3100.0,
    "order_date": "2026-03-03 14:00:00.000000",
    "order_filled_date": "2026-03-03 14:01:00.000000",
    "ft_order_tag": "roi",
}


def write_freqtrade(path: Path, trades: Iterable[Mapping[str, object]], orders: Iterable[Mapping[str, object]]) -> Path:
    """Write a database, in the place of one that is there."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for table, template, rows in (("trades", TRADE, trades), ("orders", ORDER, orders)):
            connection.execute(f"CREATE TABLE {table} ({', '.join(template)})")
            places = ", ".join("?" * len(template))
            for row in rows:
                connection.execute(f"INSERT INTO {table} VALUES ({places})", [row[name] for name in template])
        connection.commit()
    return path
