"""SQLAlchemy's ORM as trading bots write it: a session per operation, insert and refresh, days loaded and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.declarative import DeferredReflection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from benchmarks.contenders.base import Contender
from benchmarks.contenders.figures import EPOCH, carried_on, day_of, figures, max_drawdown
from benchmarks.contenders.sqlalchemy_core import engine_of, without_domain
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World


class Base(DeclarativeBase):
    """The models' columns are those of the tables."""


class Recorded(DeferredReflection):
    """What has an id, and a request_id of its own."""

    __abstract__ = True
    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    request_id: Mapped[UUID] = mapped_column(default=uuid4)


class TradingSession(Recorded, Base):
    __tablename__ = "trading_sessions"


class Order(Recorded, Base):
    __tablename__ = "orders"
    position_id: Mapped[int | None]


class Position(Recorded, Base):
    __tablename__ = "positions"
    orders: Mapped[list[Order]] = relationship(
        primaryjoin=lambda: Position.id == sa.orm.foreign(Order.position_id), viewonly=True, order_by=lambda: Order.id
    )


class PartialTrade(Recorded, Base):
    __tablename__ = "partial_trades"


class Trade(Recorded, Base):
    __tablename__ = "trades"


class AccountBalance(Recorded, Base):
    __tablename__ = "account_balances"


class AccountHistory(Recorded, Base):
    __tablename__ = "account_history"


class SystemEvent(Recorded, Base):
    __tablename__ = "system_events"


class StrategyExecution(Recorded, Base):
    __tablename__ = "strategy_executions"


class PerformanceMetrics(DeferredReflection, Base):
    __tablename__ = "performance_metrics"


class PredictionCache(DeferredReflection, Base):
    __tablename__ = "prediction_cache"


class Orm(Contender):
    name = "SQLAlchemy ORM"
    _prepared = False

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.engine = engine_of(url)
        if not Orm._prepared:
            sa.event.listen(sa.Table, "column_reflect", without_domain)
            DeferredReflection.prepare(self.engine)
            sa.event.remove(sa.Table, "column_reflect", without_domain)
            Orm._prepared = True

    def prepare(self, operation: Operation, arguments: Arguments) -> object:
        return arguments

    def call(self, operation: Operation, prepared: Arguments) -> object:
        with Session(self.engine) as session:
            return getattr(self, operation.statement.partition(".")[2])(session, **prepared)

    def close(self) -> None:
        self.engine.dispose()

    def log_event(self, session: Session, **given: object) -> int:
        return _added(session, SystemEvent(**given)).id

    def log_account_snapshot(self, session: Session, **given: object) -> int:
        return _added(session, AccountHistory(**given)).id

    def log_strategy_execution(self, session: Session, **given: object) -> int:
        return _added(session, StrategyExecution(**given)).id

    def log_trade(self, session: Session, *, session_id: int, **given: object) -> int:
        running = session.get_one(TradingSession, session_id)
        trade = Trade(
            session_id=session_id,
            source=running.mode,
            timeframe=running.timeframe,
            pnl_percent=round(given["pnl"] / (given["entry_price"] * given["quantity"]) * 100, 12),
            **given,
        )
        return self._trade(session, running, trade).id

    def open_position(self, session: Session, *, entry_order_id: str, **given: object) -> int:
        size, quantity, price, moment = given["size"], given["quantity"], given["entry_price"], given["entry_time"]
        position = _added(
            session,
            Position(
                original_size=size,
                current_size=size,
                original_quantity=quantity,
                current_quantity=quantity,
                entry_notional=price * quantity,
                last_update=moment,
                current_price=price,
                unrealized_pnl=0,
                unrealized_pnl_percent=0,
                **given,
            ),
        )
        _added(session, _order(position, "ENTRY", quantity, price, entry_order_id, moment))
        return position.id

    def close_position(
        self,
        session: Session,
        *,
        position_id: int,
        exit_price: Decimal,
        exit_time: datetime,
        exit_reason: str,
        commission: Decimal,
        exit_order_id: str,
    ) -> int:
        position = session.get_one(Position, position_id)
        booked = position.realized_pnl
        quantity = position.current_quantity
        position.status = "CLOSED"
        position.exit_price = position.current_price = exit_price
        position.exit_time = position.last_update = exit_time
        position.exit_reason = exit_reason
        position.realized_pnl = booked + (exit_price - position.entry_price) * quantity
        position.unrealized_pnl = position.unrealized_pnl_percent = 0
        _added(session, position)
        _added(session, _order(position, "FULL_EXIT", quantity, exit_price, exit_order_id, exit_time))
        running = session.get_one(TradingSession, position.session_id)
        trade = Trade(
            session_id=position.session_id,
            position_id=position.id,
            symbol=position.symbol,
            side=position.side,
            source=running.mode,
            entry_price=position.entry_price,
            exit_price=exit_price,
            size=position.size,
            quantity=position.quantity,
            entry_time=position.entry_time,
            exit_time=exit_time,
            pnl=position.realized_pnl,
            pnl_percent=round(position.realized_pnl / position.entry_notional * 100, 12),
            commission=commission,
            exit_reason=exit_reason,
            strategy_name=position.strategy_name,
            order_id=exit_order_id,
            timeframe=running.timeframe,
        )
        return self._trade(session, running, trade, booked).id

    def apply_partial_exit(
        self,
        session: Session,
        *,
        position_id: int,
        size: Decimal,
        price: Decimal,
        target_level: int,
        timestamp: datetime,
    ) -> int:
        position = session.get_one(Position, position_id)
        quantity = size * position.original_quantity
        pnl = (price - position.entry_price) * quantity
        position.current_size -= size * position.original_size
        position.current_quantity -= quantity
        position.realized_pnl += pnl
        position.partial_exits_taken += 1
        position.last_partial_exit_price = price
        position.last_update = timestamp
        part = PartialTrade(
            position_id=position_id,
            operation_type="PARTIAL_EXIT",
            size=size,
            quantity=quantity,
            price=price,
            pnl=pnl,
            target_level=target_level,
            timestamp=timestamp,
        )
        _added(session, part)
        running = session.get_one(TradingSession, position.session_id)
        self._book(session, running, pnl, "PARTIAL_EXIT", "partial exit", timestamp, part.request_id)
        return part.id

    def set_prediction(
        self, session: Session, *, cache_key: str, ttl_seconds: Decimal, max_entries: int, **given: object
    ) -> None:
        now = datetime.now(UTC)
        entry = session.get(PredictionCache, cache_key) or PredictionCache(cache_key=cache_key)
        for name, value in given.items():
            setattr(entry, name, value)
        entry.created_at = entry.last_accessed = now
        entry.expires_at = now + timedelta(seconds=float(ttl_seconds))
        entry.access_count = 0
        _added(session, entry)
        if (excess := session.query(PredictionCache).count() - max_entries) > 0:
            for oldest in session.query(PredictionCache).order_by(PredictionCache.last_accessed).limit(excess):
                session.delete(oldest)
            session.commit()

    def get_prediction(self, session: Session, *, cache_key: str) -> object:
        entry = session.query(PredictionCache).filter_by(cache_key=cache_key).first()
        if entry is None or entry.expires_at < datetime.now(UTC):
            return None
        entry.access_count += 1
        entry.last_accessed = datetime.now(UTC)
        return _added(session, entry)

    def get_active_positions(self, session: Session, *, session_id: int) -> object:
        query = session.query(Position).filter_by(session_id=session_id, status="OPEN")
        positions = query.order_by(Position.entry_time, Position.id).all()
        return [SimpleNamespace(id=position.id, orders=tuple(position.orders)) for position in positions]

    def get_recent_trades(self, session: Session, *, session_id: int, limit: int) -> object:
        query = session.query(Trade).filter_by(session_id=session_id)
        return query.order_by(Trade.exit_time.desc(), Trade.id.desc()).limit(limit).all()

    def get_performance_metrics(self, session: Session, *, session_id: int) -> object:
        trades = session.query(Trade).filter_by(session_id=session_id).all()
        snapshots = session.query(AccountHistory).filter_by(session_id=session_id).order_by(AccountHistory.timestamp)
        return SimpleNamespace(
            total_trades=len(trades),
            winning_trades=len([trade for trade in trades if trade.pnl > 0]),
            gross_profit=sum(trade.pnl for trade in trades if trade.pnl > 0),
            net_pnl=sum(trade.net_pnl for trade in trades),
            max_drawdown=max_drawdown(snapshot.equity for snapshot in snapshots),
        )

    def get_total_metrics(self, session: Session, *, session_id: int) -> object:
        return session.query(PerformanceMetrics).filter_by(session_id=session_id, period="ALL_TIME").one()

    def get_daily_metrics(self, session: Session, *, session_id: int, start: datetime, end: datetime) -> object:
        query = session.query(PerformanceMetrics).filter_by(session_id=session_id, period="DAILY")
        return query.filter(PerformanceMetrics.period_start >= start, PerformanceMetrics.period_start < end).all()

    def get_equity_curve(self, session: Session, *, session_id: int, points: int) -> object:
        query = session.query(AccountHistory).filter_by(session_id=session_id).order_by(AccountHistory.timestamp)
        rows = query.all()
        part = max(1, len(rows) // (points // 3))
        parts = (rows[start : start + part] for start in range(0, len(rows), part))
        return [extreme for rows in parts for extreme in (min(rows, key=_equity), max(rows, key=_equity))]

    def _trade(self, session: Session, running: TradingSession, trade: Trade, booked: Decimal = Decimal(0)) -> Trade:
        _added(session, trade)
        opening = running.current_balance - booked
        change = trade.net_pnl - booked
        self._book(session, running, change, "TRADE", trade.exit_reason, trade.exit_time, trade.request_id)
        start, end = day_of(trade.exit_time)
        today = session.query(Trade).filter_by(session_id=running.id)
        today = today.filter(Trade.exit_time >= start, Trade.exit_time < end).order_by(Trade.id).all()
        day = session.get(PerformanceMetrics, (running.id, "DAILY", start))
        if day is None:
            day = PerformanceMetrics(session_id=running.id, period="DAILY", period_start=start, period_end=end)
            day.opening_balance = opening
        _set(day, figures(day.opening_balance, today))
        ever = session.get(PerformanceMetrics, (running.id, "ALL_TIME", EPOCH))
        if ever is None:
            ever = PerformanceMetrics(session_id=running.id, period="ALL_TIME", period_start=EPOCH)
            _set(ever, figures(running.initial_balance, [trade]))
        else:
            _set(ever, carried_on(vars(ever), trade, ever.opening_balance + ever.net_pnl))
        session.add_all((day, ever))
        session.commit()
        return trade

    def _book(
        self,
        session: Session,
        running: TradingSession,
        change: Decimal,
        kind: str,
        reason: str,
        moment: datetime,
        request_id: UUID,
    ) -> None:
        before = running.current_balance
        running.current_balance = before + change
        running.ledger_entries += 1
        entry = AccountBalance(
            session_id=running.id,
            entry_number=running.ledger_entries,
            entry_type=kind,
            previous_balance=before,
            delta=change,
            total_balance=before + change,
            base_currency=running.base_currency,
            update_reason=reason,
            updated_by="engine",
            last_updated=moment,
            request_id=request_id,
        )
        _added(session, entry)


def _added(session: Session, record: Recorded) -> Recorded:
    session.add(record)
    session.commit()
    session.refresh(record)
    return record


def _set(record: PerformanceMetrics, values: dict[str, object]) -> None:
    for name, value in values.items():
        setattr(record, name, value)


def _order(
    position: Position, kind: str, quantity: Decimal, price: Decimal, exchange_order_id: str, moment: datetime
) -> Order:
    return Order(
        session_id=position.session_id,
        position_id=position.id,
        order_type=kind,
        status="FILLED",
        symbol=position.symbol,
        side=position.side,
        quantity=quantity,
        price=price,
        filled_quantity=quantity,
        filled_price=price,
        exchange_order_id=exchange_order_id,
        strategy_name=position.strategy_name,
        size_fraction=1,
        created_at=moment,
        filled_at=moment,
        last_update=moment,
    )


def _equity(snapshot: AccountHistory) -> Decimal:
    return snapshot.equity
