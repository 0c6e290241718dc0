"""Hashes of requests: what they cover, and that those which databases have on record stay what they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from atb_db.repository import account, events, statements, trades
from atb_db.statement import Declared, Kind, Statement

MOMENT = datetime(2024, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
REQUEST = UUID(int=7)

EVENT = events.log_event(
    event_type="ERROR",
    message="lost",
    details={"a": [1.5, None]},
    session_id=3,
    timestamp=MOMENT,
    request_id=REQUEST,
)
DECISION = events.log_strategy_execution(
    session_id=3,
    strategy_name="m",
    symbol="BTCUSDT",
    signal_type="BUY",
    action_taken="none",
    price="40000.10",
    timestamp=MOMENT,
)

TRADES = trades.log_trades(
    session_id=3,
    trades=[
        trades.NewTrade(
            symbol="BTCUSDT",
            side="LONG",
            entry_price=100,
            exit_price=100 + number,
            size="0.10",
            entry_time=MOMENT,
            exit_time=MOMENT + timedelta(minutes=number),
            pnl=f"{number}.50",
            exit_reason="Gewinn über 5 %" if number % 3 else "{NULL}",
            strategy_name="m",
            confidence_score=None if number % 2 else "0.5",
        )
        for number in range(500)
    ],
)


def hash_of(statement: Statement[object]) -> str | None:
    return statement.server_values()[statement.declaration.order.index("request_hash")]


@pytest.mark.parametrize(
    ("statement", "recorded"),
    [
        (EVENT, 4764463539271245747),
        (DECISION, -3766875231150717971),
        (account.adjust_balance(session_id=1, delta="1.00", reason="fee"), 4856089334668835366),
        (account.adjust_balance(session_id=1, delta=1, reason="fee", timestamp=MOMENT), -8753521326715689245),
        (account.adjust_balance(session_id=1, delta="1E+3", reason="fee", timestamp=MOMENT), 3840088845126775592),
        (TRADES, -991545150499366627),
    ],
    ids=range(6),  # a statement's text has a new request_id in every process
)
def test_a_recorded_hash_stays(statement: Statement[object], recorded: int) -> None:
    """Databases and journals keep them: if one changed, the repeated request would be refused as another one."""
    assert hash_of(statement) == str(recorded)


def test_a_bulk_load_hashes_as_the_command_that_it_is_like() -> None:
    event = events.copy_events.value(dict(EVENT.args) | {"request_id": REQUEST})
    assert hash_of(event) == hash_of(EVENT)
    content = {name: value for name, value in DECISION.args.items() if name != "token"}
    decision = events.copy_strategy_executions.value(content)
    assert hash_of(decision) == hash_of(DECISION)


@pytest.mark.parametrize("copy", [found for found in statements() if found.kind is Kind.COPY], ids=str)
def test_a_bulk_load_takes_what_the_command_that_it_is_like_takes(copy: Declared[object]) -> None:
    like = next(found for found in statements() if found.name == copy.recorder)
    assert like.kind is Kind.COMMAND
    assert {parameter.name: parameter.type for parameter in copy.parameters} == {
        parameter.name: parameter.type for parameter in like.parameters if parameter.name != "token"
    }
