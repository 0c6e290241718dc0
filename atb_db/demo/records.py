"""What the engine records besides its orders: decisions, the position's state, the account, and events."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from atb_db.database import Database
from atb_db.demo.candles import Candle, Market
from atb_db.demo.strategy import Action, Add, Enter, Leave, Rules, TakePart, Trend, Wait
from atb_db.demo.watch import unrealized, watch
from atb_db.repository import account, events, positions
from atb_db.repository.positions import Position
from atb_db.statement import Statement
from atb_db.types import EventType, Severity

ALERT_STEP: Final = Decimal("0.05")
"""Every such step that the drawdown deepens is an alert."""
_EIGHT_DIGITS: Final = Decimal("1e-8")


class Decided(NamedTuple):
    """What was decided at a candle's close, and the trade that came of it."""

    candle: Candle
    trend: Trend | None
    action: Action
    trade_id: int | None


class Recorder:
    """Records a session's candles one by one."""

    def __init__(
        self, db: Database, market: Market, rules: Rules, session_id: int, *, balance: Decimal, strategy: str
    ) -> None:
        self._db = db
        self._market = market
        self._rules = rules
        self._session_id = session_id
        self._strategy = strategy
        self._initial = self._peak = self._day_start = balance
        self._alerted = Decimal(0)
        self._before: Candle | None = None

    def withdraw(self, amount: Decimal) -> None:
        """Count a withdrawal as no loss."""
        self._initial -= amount
        self._peak -= amount
        self._day_start -= amount

    def record(self, decided: Decided, position: Position | None, balance: Decimal) -> Position | None:
        """The decision, the position's state, the account and what is remarkable, in one round trip; the position."""
        candle = decided.candle
        records = [self._decision(decided)]
        open_pnl = exposure = Decimal(0)
        if position is not None:
            seen = watch(candle, position, self._rules)
            position = position._replace(**seen._asdict())
            records.append(
                positions.update_position(position_id=position.id, last_update=candle.timestamp, **seen._asdict())
            )
            open_pnl = unrealized(position, candle.close)
            exposure = position.current_quantity * candle.close
        equity = balance + open_pnl
        self._peak = max(self._peak, equity)
        drawdown = ((self._peak - equity) / self._peak).quantize(_EIGHT_DIGITS)
        if self._before is None or self._before.timestamp.date() != candle.timestamp.date():
            self._day_start = balance
        records.append(
            account.log_account_snapshot(
                session_id=self._session_id,
                timestamp=candle.timestamp,
                balance=balance,
                equity=equity,
                margin_used=exposure,
                margin_available=balance - exposure,
                total_pnl=balance - self._initial,
                daily_pnl=balance - self._day_start,
                drawdown=drawdown,
                open_positions=int(position is not None),
                total_exposure=exposure,
            )
        )
        records += self._remarks(candle, drawdown, balance)
        self._db.run_many(records)
        self._before = candle
        return position

    def _remarks(self, candle: Candle, drawdown: Decimal, balance: Decimal) -> list[Statement[int]]:
        """Events: candles are missing, or the drawdown is deeper than ever by a step."""
        remarks: list[Statement[int]] = []
        before = self._before
        if before is not None and candle.timestamp - before.timestamp > self._market.interval:
            remarks.append(
                events.log_event(
                    session_id=self._session_id,
                    timestamp=candle.timestamp,
                    event_type=EventType.WARNING,
                    severity=Severity.WARNING,
                    component="candles",
                    message=f"No candles after {before.timestamp:%Y-%m-%d %H:%M} UTC",
                    details={"from": before.timestamp, "to": candle.timestamp},
                )
            )
        if drawdown >= self._alerted + ALERT_STEP:
            self._alerted += ALERT_STEP
            remarks.append(
                events.log_event(
                    session_id=self._session_id,
                    timestamp=candle.timestamp,
                    event_type=EventType.ALERT,
                    severity=Severity.WARNING,
                    component="risk",
                    message=f"Drawdown has reached {self._alerted:.0%}",
                    details={"drawdown": drawdown, "balance": balance},
                )
            )
        return remarks

    def _decision(self, decided: Decided) -> Statement[int]:
        candle, trend, action, trade_id = decided
        signal, taken, reason = _described(action)
        return events.log_strategy_execution(
            session_id=self._session_id,
            trade_id=trade_id,
            timestamp=candle.timestamp,
            strategy_name=self._strategy,
            symbol=self._market.symbol,
            timeframe=self._market.timeframe,
            signal_type=signal,
            action_taken=taken,
            signal_strength=None if trend is None else trend.strength.quantize(_EIGHT_DIGITS),
            confidence_score=action.confidence if isinstance(action, Enter) else None,
            position_size=action.size if isinstance(action, Enter) else None,
            price=candle.close,
            volume=candle.volume,
            volatility=None if trend is None else (trend.range / candle.close).quantize(_EIGHT_DIGITS),
            indicators=None
            if trend is None
            else {"fast": trend.fast.quantize(_EIGHT_DIGITS), "slow": trend.slow.quantize(_EIGHT_DIGITS)},
            reasons=[reason],
        )


def _described(action: Action) -> tuple[str, str, str]:
    """The decision's signal_type, action_taken and reason."""
    match action:
        case Enter(side=side):
            return "entry", f"opened_{side.lower()}", "averages crossed"
        case TakePart(level=level):
            return "partial_exit", "took_profit", f"target {level + 1}"
        case Add():
            return "scale_in", "added", "trend goes on"
        case Leave(reason=reason):
            return "exit", "closed", reason
        case Wait(reason=reason):
            return "hold", "no_action", reason
