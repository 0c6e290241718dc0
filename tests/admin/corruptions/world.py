"""A world with something of everything that the audit compares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from atb_db import Database
from atb_db.repository import account, events, orders, positions, sessions, trades

START: Final = datetime(2024, 3, 1, 20, tzinfo=UTC)


class World(NamedTuple):
    """Ids of what the corruptions name."""

    live: int
    """Session that trades, in USDT."""
    ended: int
    """Session that has ended, with two trades of its own."""
    open: int
    """Position of `live` that was grown and reduced, with a late fee, funding, and an unbooked rest."""
    closed: int
    """Position of `live` that was grown, reduced and closed by fills."""
    inverse: int
    """Inverse contract of `live`, closed by a total."""
    continued: int
    """Position of `live` that was closed before its entry was filled completely."""
    continuing: int
    """The one that continues it, open."""
    moved: int
    """Position of `live` that came from `ended`, open."""
    planned: int
    """Position of `live` of which nothing is filled."""
    entry: int
    """Entry order of `closed`, filled by two fills."""
    scale_in: int
    """Scale-in order of `closed`."""
    partial: int
    """Partial exit order of `closed`."""
    exit: int
    """Full exit order of `closed`."""
    total: int
    """Full exit order of `inverse`, filled by a total."""
    resting: int
    """Stop order of `open`, filled with more than was held."""
    pending: int
    """Entry order of `planned`."""
    replaced: int
    """Cancelled entry order that `pending` replaces."""


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def write(db: Database) -> World:  # noqa: PLR0915  one evening, in order
    """Trade for an evening in two sessions."""
    ended, live = (
        db.run(
            sessions.create_trading_session(
                strategy_name="test",
                symbol="BTCUSDT",
                timeframe="1h",
                mode="PAPER",
                exchange="binance",
                initial_balance=10_000,
                start_time=at(0),
                strategy_config={"risk": "0.01"},
            )
        )
        for _ in range(2)
    )
    placed = 0

    def order(kind: str, position_id: int | None, quantity: str, *, session_id: int = live, **more: object) -> int:
        nonlocal placed
        placed += 1
        given: dict[str, object] = {
            "session_id": session_id,
            "order_type": kind,
            "symbol": "BTCUSDT",
            "side": "LONG",
            "quantity": quantity,
            "internal_order_id": f"own-{placed}",
            "exchange_order_id": f"ex-{placed}",
            "position_id": position_id,
            "created_at": at(placed),
            "base_asset": "BTC" if kind == "ENTRY" else None,
        }
        return db.run(orders.create_order(**(given | more)))  # type: ignore[arg-type]  # by name, from this file

    def fill(order_id: int, quantity: str, price: str, minute: int, **more: object) -> None:
        name = f"fill-{order_id}-{minute}"
        db.run(
            orders.record_fill(
                order_id=order_id,
                exchange_fill_id=name,
                quantity=quantity,
                price=price,
                filled_at=at(minute),
                **more,  # type: ignore[arg-type]  # by name, from this file
            )
        )

    def position_of(order_id: int) -> int:
        found = db.run(orders.get_order(order_id=order_id)).position_id
        assert found is not None
        return found

    # Fees in the account's currency, in the bought asset, and in a third one whose conversion comes late.
    entry = order("ENTRY", None, "3", price=100, size="0.03", stop_loss=90, take_profit=120, entry_balance=10_000)
    closed = position_of(entry)
    fill(entry, "1", "100.1", 30, fee="0.1", fee_currency="USDT")
    fill(entry, "2", "100.3", 31, fee="0.002", fee_currency="BTC")
    scale_in = order("SCALE_IN", closed, "1.5", price="104")
    fill(scale_in, "1.5", "104.3", 32, fee="0.01", fee_currency="BNB", commission="0.15")
    partial = order("PARTIAL_EXIT", closed, "0.7", price="105", target_level=1)
    fill(partial, "0.3", "105.1", 33, fee="0.03", fee_currency="USDT")
    fill(partial, "0.4", "105.7", 34, fee="0.04", fee_currency="USDT")
    db.run(positions.record_funding(position_id=closed, amount="-0.17", timestamp=at(35)))
    db.run(positions.record_margin_interest(position_id=closed, cost="0.05", timestamp=at(36)))
    full_exit = order("FULL_EXIT", closed, "3.798", price="107", reason="target")
    fill(full_exit, "3.798", "107.3", 40, fee="0.4", fee_currency="USDT")

    growing = order("ENTRY", None, "2", side="SHORT", price=200, size="0.04")
    left = position_of(growing)
    fill(growing, "2", "200.1", 41, fee="0.02", fee_currency="BNB")
    fill(growing, "2", "200.1", 41, fee="0.02", fee_currency="BNB", commission="0.31")
    db.run(positions.apply_scale_in(position_id=left, size="0.5", price="203", commission="0.2", timestamp=at(42)))
    db.run(positions.apply_partial_exit(position_id=left, size="0.25", price="199", timestamp=at(43)))
    db.run(positions.record_funding(position_id=left, amount="0.21", timestamp=at(44)))

    # All that is held and more: the rest waits for an entry that never comes.
    short = order("ENTRY", None, "1", side="SHORT", price=50)
    odd = position_of(short)
    fill(short, "1", "50", 45)
    resting = order("STOP_LOSS", odd, "1.5", side="SHORT", price=55)
    fill(resting, "1.5", "55", 46)

    bonds = order("ENTRY", None, "200", symbol="XBTUSD", price=50_000, contract="INVERSE", base_asset=None)
    inverse = position_of(bonds)
    fill(bonds, "200", "50000", 47)
    total = order("FULL_EXIT", inverse, "200", symbol="XBTUSD", price=51_000)
    db.run(
        orders.update_order_status(
            order_id=total, status="FILLED", filled_price=51_000, commission="0.00001", timestamp=at(48)
        )
    )

    slow = order("ENTRY", None, "4", price=70)
    continued = position_of(slow)
    fill(slow, "1", "70", 49)
    fill(order("FULL_EXIT", continued, "1", price=72), "1", "72", 50)
    fill(slow, "3", "70.2", 51)
    (continuing,) = (
        one.id for one in db.run(positions.get_active_positions(session_id=live)) if one.continues_position_id
    )

    lost = order("ENTRY", None, "5", session_id=ended, price=80, exchange_order_id="ex-moved")
    moved = position_of(lost)
    fill(lost, "5", "80", 52, fee="0.4", fee_currency="USDT")
    db.run(
        positions.apply_partial_exit(position_id=moved, quantity="1", price="82", commission="0.1", timestamp=at(53))
    )
    db.run(
        positions.move_position_to_session(position_id=moved, session_id=live, reason="carried on", timestamp=at(54))
    )

    replaced = order("ENTRY", None, "1", price=60, size="0.01")
    db.run(orders.update_order_status(order_id=replaced, status="CANCELLED", timestamp=at(55)))
    pending = order("ENTRY", None, "1.1", price=61, size="0.01", replaced_order_id=replaced, stop_loss=58)

    db.run(account.record_transfer(session_id=live, amount="-500", reason="withdrawal", timestamp=at(56)))
    db.run(account.set_balance(session_id=live, balance="9490.5", reason="sync", updated_by="sync", timestamp=at(57)))
    db.run(account.record_interest(session_id=live, amount="0.3", reason="interest", timestamp=at(58)))
    for session_id in (live, ended):
        for minute, pnl in ((60, "5.5"), (300, "-7")):
            db.run(
                trades.log_trade(
                    session_id=session_id,
                    symbol="ETHUSDT",
                    side="LONG",
                    entry_price=100,
                    exit_price=101,
                    size="0.1",
                    quantity=2,
                    entry_time=at(minute - 2),
                    exit_time=at(minute),
                    pnl=pnl,
                    commission="0.25",
                    exit_reason="test",
                    strategy_name="test",
                )
            )
    for session_id in (live, ended):
        for minute, equity in ((10, 10_000), (301, 9_900)):
            db.run(
                account.log_account_snapshot(session_id=session_id, timestamp=at(minute), balance=equity, equity=equity)
            )
    db.run(events.log_event(session_id=live, event_type="ALERT", message="spread", timestamp=at(59)))
    (trade, *_) = db.run(trades.get_trades_since(session_id=live, since=at(0)))
    db.run(
        events.log_strategy_execution(
            session_id=live,
            trade_id=trade.id,
            timestamp=at(60),
            strategy_name="test",
            symbol="BTCUSDT",
            timeframe="1h",
            signal_type="BUY",
            action_taken="enter",
            price=1,
        )
    )
    for minute in (60, 61, 62, 62, 63, 64, 65, 66):
        db.run(
            events.log_strategy_execution(
                session_id=ended,
                timestamp=at(minute),
                strategy_name="test",
                symbol="BTCUSDT" if minute == 61 else "ETHUSDT",
                signal_type="hold",
                action_taken="none",
                price=2,
                confidence_score="0.5",
            )
        )
    refused = order("ENTRY", None, "1", session_id=ended)
    db.run(orders.update_order_status(order_id=refused, status="CANCELLED", timestamp=at(301)))
    db.run(sessions.end_trading_session(session_id=ended, end_time=at(302)))
    return World(
        live=live,
        ended=ended,
        open=left,
        closed=closed,
        inverse=inverse,
        continued=continued,
        continuing=continuing,
        moved=moved,
        planned=position_of(pending),
        entry=entry,
        scale_in=scale_in,
        partial=partial,
        exit=full_exit,
        total=total,
        resting=resting,
        pending=pending,
        replaced=replaced,
    )
