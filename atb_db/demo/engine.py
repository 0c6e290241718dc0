"""The engine: acts on the strategy's decisions and records everything, as one that trades for real would."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Final

from atb_db.database import Database
from atb_db.demo.candles import Candle, Market
from atb_db.demo.records import Decided, Recorder
from atb_db.demo.strategy import Action, Add, Averages, Enter, Leave, Rules, TakePart, Trend, Wait, decide
from atb_db.repository import account, orders, positions, sessions, trades
from atb_db.repository.positions import Position
from atb_db.statement import Statement
from atb_db.types import OrderStatus, OrderType, PositionSide, TradeSource

STRATEGY: Final = "moving averages"
EXCHANGE: Final = "demo exchange"
CURRENCY: Final = "USDT"
COMMISSION: Final = Decimal("0.0004")
"""Of the value of every fill."""
INTEREST: Final = Decimal("0.00001")
"""Of a short position's value at entry, an hour."""
FUNDING: Final = Decimal("0.00005")
"""Of a position's value, every eight hours."""
WITHDRAWN: Final = Decimal("0.1")
"""Of what the account began with, once."""
_EIGHT_DIGITS: Final = Decimal("1e-8")


class Engine:
    """Trades a market in a session of its own, candle by candle.

    What the books say counts: after every fill the position and the balance are read back, never guessed.
    """

    def __init__(self, db: Database, market: Market, *, balance: Decimal, rules: Rules) -> None:
        self._db = db
        self._market = market
        self._rules = rules
        self._averages = Averages(rules)
        self._balance = self._began_with = balance
        self._position: Position | None = None
        self._stop_order = 0
        self._late: list[Statement[int]] | None = None
        self._middle = market.candles[len(market.candles) // 2].timestamp
        self._has_withdrawn = False
        self._ids = count(1)
        self.session_id = db.run(
            sessions.create_trading_session(
                session_name=f"Demo: {market.symbol}",
                mode=TradeSource.BACKTEST,
                strategy_name=STRATEGY,
                strategy_config=rules._asdict() | {"longest": rules.longest.total_seconds()},
                symbol=market.symbol,
                timeframe=market.timeframe,
                exchange=EXCHANGE,
                base_currency=CURRENCY,
                initial_balance=balance,
                start_time=market.candles[0].timestamp,
            )
        )
        self._recorder = Recorder(db, market, rules, self.session_id, balance=balance, strategy=STRATEGY)

    def step(self, candle: Candle) -> None:
        """Take one candle in: decide at its close, act, and record both."""
        self._hear_late()
        self._fund(candle)
        self._withdraw(candle)
        trend = self._averages.after(candle)
        action = decide(candle, trend, self._position, balance=self._balance, rules=self._rules)
        self._act(candle, trend, action)

    def stop(self) -> None:
        """Leave the market and end the session."""
        last = self._market.candles[-1]
        self._hear_late()
        if self._position is not None:
            self._act(last, None, Leave(last.close, "end of replay"))
        self._db.run(sessions.end_trading_session(session_id=self.session_id, end_time=last.timestamp))

    def _act(self, candle: Candle, trend: Trend | None, action: Action) -> None:
        trade_id: int | None = None
        match action:
            case Enter():
                self._enter(candle, action)
            case TakePart() | Add():
                self._resize(candle, action)
            case Leave():
                trade_id = self._leave(candle, action)
            case Wait():
                pass
        decided = Decided(candle, trend, action, trade_id)
        self._position = self._recorder.record(decided, self._position, self._balance)

    def _enter(self, candle: Candle, action: Enter) -> None:
        """Journal the entry with its plan, send it, record its fills; then leave a stop order at the exchange."""
        order_id = self._db.run(
            orders.create_order(
                session_id=self.session_id,
                order_type=OrderType.ENTRY,
                symbol=self._market.symbol,
                side=action.side,
                quantity=action.quantity,
                internal_order_id=f"demo-{next(self._ids)}",
                strategy_name=STRATEGY,
                size=action.size,
                entry_balance=self._balance,
                stop_loss=action.stop_loss,
                take_profit=action.take_profit,
                trailing_stop=True,
                confidence_score=action.confidence,
                exchange=EXCHANGE,
                max_holding_until=candle.timestamp + self._rules.longest,
                created_at=candle.timestamp,
            )
        )
        self._fill(candle, order_id, action.quantity, action.price)
        position_id = self._db.run(orders.get_order(order_id=order_id)).position_id
        if position_id is None:
            raise RuntimeError("an entry order has its position")
        self._look(position_id)
        self._stop_order = self._journal(
            candle, self._held(), OrderType.STOP_LOSS, action.quantity, price=action.stop_loss
        )
        self._db.run(self._acknowledgement(candle, self._stop_order))

    def _resize(self, candle: Candle, action: TakePart | Add) -> None:
        """Sell or buy a part of the position: the order is journaled and sent, its fills change the position."""
        position = self._held()
        quantity = action.size * position.original_quantity
        if isinstance(action, TakePart):
            kind, level = OrderType.PARTIAL_EXIT, action.level
        else:
            kind, level = OrderType.SCALE_IN, position.scale_ins_taken
        order_id = self._journal(candle, position, kind, quantity, size=action.size, level=level)
        self._fill(
            candle, order_id, quantity, action.price, is_cancelled=self._late is None and isinstance(action, TakePart)
        )
        self._look(position.id)

    def _leave(self, candle: Candle, action: Leave) -> int:
        """Pay the interest, sell or buy back what is left, and take the stop order back; the trade's id."""
        position = self._held()
        if interest := _interest(position, candle):
            self._db.run(
                positions.record_margin_interest(position_id=position.id, cost=interest, timestamp=candle.timestamp)
            )
        quantity = position.current_quantity
        order_id = self._journal(candle, position, OrderType.FULL_EXIT, quantity, reason=action.reason)
        self._fill(candle, order_id, quantity, action.price)
        self._db.run(
            orders.update_order_status(
                order_id=self._stop_order,
                status=OrderStatus.CANCELLED,
                failure_reason=f"position closed: {action.reason}",
                timestamp=candle.timestamp,
            )
        )
        self._position = None
        self._balance = self._db.run(account.get_current_balance(session_id=self.session_id))
        [trade] = self._db.run(trades.get_recent_trades(session_id=self.session_id, limit=1))
        return trade.id

    def _acknowledgement(self, candle: Candle, order_id: int) -> Statement[int]:
        """The exchange has the order."""
        return orders.update_order_status(
            order_id=order_id,
            status=OrderStatus.OPEN,
            exchange_order_id=self._exchange_id(),
            timestamp=candle.timestamp,
        )

    def _fill(
        self, candle: Candle, order_id: int, quantity: Decimal, price: Decimal, *, is_cancelled: bool = False
    ) -> None:
        """The exchange takes the order and fills it in two parts, each with its fee.

        A cancelled one is filled with the other half all the same, and the engine hears of it one candle later.
        """
        first = (quantity / 2).quantize(_EIGHT_DIGITS)
        fills = [
            orders.record_fill(
                order_id=order_id,
                exchange_fill_id=f"F{next(self._ids):07}",
                quantity=part,
                price=price,
                fee=_fee(price * part),
                fee_currency=CURRENCY,
                filled_at=candle.timestamp,
            )
            for part in (first, quantity - first)
            if part
        ]
        if not is_cancelled:
            self._db.run_many([self._acknowledgement(candle, order_id), *fills])
            return
        cancel = orders.update_order_status(
            order_id=order_id, status=OrderStatus.CANCELLED, failure_reason="half of it is enough",
            timestamp=candle.timestamp,
        )  # fmt: skip
        self._db.run_many([self._acknowledgement(candle, order_id), *fills[:1], cancel])
        self._late = fills[1:]

    def _hear_late(self) -> None:
        """What an order was filled with after it was cancelled is booked as soon as the exchange says so."""
        if self._late and self._position is not None:
            self._db.run_many(self._late)
            self._late = []
            self._look(self._position.id)

    def _withdraw(self, candle: Candle) -> None:
        """Halfway, a tenth of what the account began with is taken out: neither a loss nor a drawdown."""
        if self._has_withdrawn or candle.timestamp < self._middle:
            return
        self._has_withdrawn = True
        amount = (self._began_with * WITHDRAWN).quantize(_EIGHT_DIGITS)
        self._balance = self._db.run(
            account.record_transfer(
                session_id=self.session_id, amount=-amount, reason="withdrawal", timestamp=candle.timestamp
            )
        )
        self._recorder.withdraw(amount)

    def _fund(self, candle: Candle) -> None:
        """Every eight hours longs pay shorts."""
        if self._position is None or candle.timestamp.hour % 8 or candle.timestamp.minute:
            return
        paid = (self._position.current_quantity * candle.close * FUNDING).quantize(_EIGHT_DIGITS)
        self._balance = self._db.run(
            positions.record_funding(
                position_id=self._position.id,
                amount=-paid if self._position.side is PositionSide.LONG else paid,
                timestamp=candle.timestamp,
            )
        )

    def _look(self, position_id: int) -> None:
        """What the books say now."""
        self._position = self._db.run(positions.get_position(position_id=position_id))
        self._balance = self._db.run(account.get_current_balance(session_id=self.session_id))

    def _journal(
        self,
        candle: Candle,
        position: Position,
        kind: OrderType,
        quantity: Decimal,
        *,
        price: Decimal | None = None,
        size: Decimal | None = None,
        level: int | None = None,
        reason: str | None = None,
    ) -> int:
        """Write an order down before it is sent, so that a crash cannot lose it; its id."""
        return self._db.run(
            orders.create_order(
                session_id=self.session_id,
                position_id=position.id,
                order_type=kind,
                symbol=position.symbol,
                side=position.side,
                quantity=quantity,
                price=price,
                internal_order_id=f"demo-{next(self._ids)}",
                strategy_name=STRATEGY,
                target_level=level,
                size_fraction=size,
                reason=reason,
                created_at=candle.timestamp,
            )
        )

    def _exchange_id(self) -> str:
        """What the exchange would call the next order."""
        return f"X{next(self._ids):07}"

    def _held(self) -> Position:
        if self._position is None:
            raise RuntimeError("there is no position")
        return self._position


def _fee(value: Decimal) -> Decimal:
    return (value * COMMISSION).quantize(_EIGHT_DIGITS)


def _interest(position: Position, candle: Candle) -> Decimal:
    """What the borrowed units of a short position have cost."""
    if position.side is PositionSide.LONG:
        return Decimal(0)
    hours = Decimal((candle.timestamp - position.entry_time) // timedelta(hours=1))
    return (position.entry_notional * INTEREST * hours).quantize(_EIGHT_DIGITS)
