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
from benchmarks.contenders.booking import Fill, booked, entered, exited, planned, recorded, told_in_total
from benchmarks.contenders.figures import EPOCH, Figures, carried_on, day_of, figures, max_drawdown
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


class OrderFill(DeferredReflection, Base):
    __tablename__ = "order_fills"
    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)


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
        _added(session, trade)
        costs = Fill(trade.quantity, trade.exit_price, trade.commission, trade.exit_time)
        self._book(session, running, "TRADE", costs, trade.exit_reason, pnl=trade.pnl, request_id=trade.request_id)
        self._count(session, running, trade)
        return trade.id

    def create_order(
        self,
        session: Session,
        *,
        session_id: int,
        symbol: str,
        side: str,
        quantity: Decimal,
        strategy_name: str,
        created_at: datetime,
        order_type: str,
        internal_order_id: str,
        price: Decimal,
        size: Decimal,
        **given: object,
    ) -> int:
        common = {"session_id": session_id, "symbol": symbol, "side": side, "strategy_name": strategy_name}
        position = _added(session, Position(**common, **given, **planned(size, quantity, created_at)))
        order = Order(
            **common,
            position_id=position.id,
            order_type=order_type,
            status="PENDING",
            quantity=quantity,
            price=price,
            internal_order_id=internal_order_id,
            created_at=created_at,
            last_update=created_at,
        )
        return _added(session, order).id

    def record_fill(
        self,
        session: Session,
        *,
        order_id: int,
        exchange_fill_id: str,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        fee_currency: str,
        filled_at: datetime,
    ) -> int:
        fill = Fill(quantity, price, fee, filled_at)
        order = session.get_one(Order, order_id)
        position = session.get_one(Position, order.position_id)
        _set(order, recorded(order, fill))
        execution = OrderFill(
            order_id=order_id,
            kind="FILL",
            exchange_fill_id=exchange_fill_id,
            quantity=quantity,
            price=price,
            fee=fee,
            fee_currency=fee_currency,
            commission=fee,
        )
        if order.order_type == "ENTRY":
            _set(position, entered(position, fill))
            self._enter(session, position, execution, fill)
        else:
            self._exit(session, position, order, execution, fill)
        return execution.id

    def open_position(
        self,
        session: Session,
        *,
        size: Decimal,
        quantity: Decimal,
        entry_price: Decimal,
        entry_time: datetime,
        entry_order_id: str,
        entry_commission: Decimal | None = None,
        **given: object,
    ) -> int:
        fill = Fill(quantity, entry_price, entry_commission or Decimal(0), entry_time)
        position = Position(**given, **planned(size, quantity, entry_time))
        _set(position, entered(position, fill))
        _added(session, position)
        order = _added(session, _order(position, "ENTRY", fill, exchange_order_id=entry_order_id))
        self._enter(session, position, OrderFill(order_id=order.id, kind="CHANGE"), fill)
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
        fill = Fill(position.current_quantity, exit_price, commission, exit_time)
        order = _order(position, "FULL_EXIT", fill, exchange_order_id=exit_order_id, reason=exit_reason)
        _added(session, order)
        return self._exit(session, position, order, OrderFill(order_id=order.id, kind="CHANGE"), fill)

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
        fill = Fill(size * position.original_quantity, price, Decimal(0), timestamp)
        order = _order(position, "PARTIAL_EXIT", fill, size_fraction=size, target_level=target_level)
        _added(session, order)
        return self._exit(session, position, order, OrderFill(order_id=order.id, kind="CHANGE"), fill)

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

    def _enter(self, session: Session, position: Position, execution: OrderFill, fill: Fill) -> None:
        execution.position_id = position.id
        _set(execution, booked(fill))
        _added(session, execution)
        if fill.fee:
            running = session.get_one(TradingSession, position.session_id)
            self._book(session, running, "FILL", fill, "entry", (position.id, execution.id))

    def _exit(self, session: Session, position: Position, order: Order, execution: OrderFill, fill: Fill) -> int:
        is_partial = order.order_type == "PARTIAL_EXIT"
        original = position.original_quantity
        moved = exited(position, fill, order.reason, is_partial=is_partial)
        _set(position, moved.columns)
        _added(session, position)
        execution.position_id = position.id
        _set(execution, booked(fill, moved.released, moved.pnl))
        _added(session, execution)
        of = position.id, execution.id
        running = session.get_one(TradingSession, position.session_id)
        if is_partial:
            part = PartialTrade(
                position_id=position.id,
                order_id=order.id,
                operation_type="PARTIAL_EXIT",
                size=fill.quantity / original,
                quantity=fill.quantity,
                price=fill.price,
                pnl=moved.pnl,
                target_level=order.target_level,
                timestamp=fill.moment,
            )
            _added(session, part)
            self._book(session, running, "FILL", fill, "partial_exit", of, moved.pnl, part.request_id)
            return part.id
        copied = ("session_id", "symbol", "side", "entry_price", "exit_price", "size", "quantity", "entry_time")
        copied += ("exit_time", "commission", "stop_loss", "take_profit", "exit_reason", "strategy_name")
        copied += ("confidence_score", "margin_interest_cost", "funding")
        trade = Trade(
            **{name: getattr(position, name) for name in copied},
            position_id=position.id,
            source=running.mode,
            pnl=position.realized_pnl,
            pnl_percent=round(position.realized_pnl / position.entry_notional * 100, 12),
            order_id=order.exchange_order_id,
            timeframe=running.timeframe,
        )
        _added(session, trade)
        self._book(session, running, "FILL", fill, trade.exit_reason, of, moved.pnl, trade.request_id)
        self._count(session, running, trade)
        return trade.id

    def _count(self, session: Session, running: TradingSession, trade: Trade) -> None:
        start, end = day_of(trade.exit_time)
        today = session.query(Trade).filter_by(session_id=running.id)
        today = today.filter(Trade.exit_time >= start, Trade.exit_time < end).order_by(Trade.id).all()
        day = session.get(PerformanceMetrics, (running.id, "DAILY", start))
        if day is None:
            day = PerformanceMetrics(session_id=running.id, period="DAILY", period_start=start, period_end=end)
            day.opening_balance = running.current_balance - trade.net_pnl
        _set(day, figures(day.opening_balance, today))
        ever = session.get(PerformanceMetrics, (running.id, "ALL_TIME", EPOCH))
        if ever is None:
            ever = PerformanceMetrics(session_id=running.id, period="ALL_TIME", period_start=EPOCH)
            _set(ever, figures(running.initial_balance, [trade]))
        else:
            _set(ever, carried_on(vars(ever), trade, ever.opening_balance + ever.net_pnl))
        session.add_all((day, ever))
        session.commit()

    def _book(
        self,
        session: Session,
        running: TradingSession,
        kind: str,
        fill: Fill,
        reason: str,
        of: tuple[int | None, int | None] = (None, None),
        pnl: Decimal = Decimal(0),
        request_id: UUID | None = None,
    ) -> None:
        before, change = running.current_balance, pnl - fill.fee
        running.current_balance = before + change
        running.ledger_entries += 1
        entry = AccountBalance(
            session_id=running.id,
            entry_number=running.ledger_entries,
            entry_type=kind,
            previous_balance=before,
            pnl=pnl,
            commission=fill.fee,
            delta=change,
            total_balance=before + change,
            base_currency=running.base_currency,
            position_id=of[0],
            order_fill_id=of[1],
            update_reason=reason,
            updated_by="engine",
            last_updated=fill.moment,
            request_id=request_id or uuid4(),
        )
        _added(session, entry)


def _added(session: Session, record: Base) -> Base:
    session.add(record)
    session.commit()
    session.refresh(record)
    return record


def _set(record: Base, values: Figures) -> None:
    for name, value in values.items():
        setattr(record, name, value)


def _order(position: Position, kind: str, fill: Fill, **more: object) -> Order:
    return Order(
        session_id=position.session_id,
        position_id=position.id,
        order_type=kind,
        symbol=position.symbol,
        side=position.side,
        strategy_name=position.strategy_name,
        **told_in_total(fill),
        **more,
    )


def _equity(snapshot: AccountHistory) -> Decimal:
    return snapshot.equity
