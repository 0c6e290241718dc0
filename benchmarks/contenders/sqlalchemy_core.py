"""SQLAlchemy's Core: expressions instead of SQL texts, several statements in a transaction."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import ReflectedColumn

from benchmarks.contenders.base import Contender
from benchmarks.contenders.booking import Fill, booked, entered, exited, planned, recorded, told_in_total
from benchmarks.contenders.figures import EPOCH, Booked, Figures, carried_on, day_of, figures, max_drawdown
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World

TABLES = (
    *("trading_sessions", "positions", "orders", "order_fills", "partial_trades", "trades", "account_balances"),
    *("account_history", "performance_metrics", "system_events", "strategy_executions", "prediction_cache"),
)


def engine_of(url: str) -> sa.Engine:
    """An engine with a pool like that of the others."""
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=4, max_overflow=0)


def without_domain(_inspector: object, _table: object, column: ReflectedColumn) -> None:
    """Read a column of a domain as one of the domain's own type, which SQLAlchemy knows how to bind."""
    column["type"] = getattr(column["type"], "data_type", column["type"])


class Core(Contender):
    name = "SQLAlchemy Core"

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.engine = engine_of(url)
        metadata = sa.MetaData()
        sa.event.listen(sa.Table, "column_reflect", without_domain)
        metadata.reflect(self.engine, only=TABLES)
        sa.event.remove(sa.Table, "column_reflect", without_domain)
        self.t = SimpleNamespace(**metadata.tables)

    def prepare(self, operation: Operation, arguments: Arguments) -> object:
        return arguments | {"request_id": uuid4()}

    def call(self, operation: Operation, prepared: Arguments) -> object:
        with self.engine.begin() as connection:
            return getattr(self, operation.statement.partition(".")[2])(connection, **prepared)

    def close(self) -> None:
        self.engine.dispose()

    def log_event(self, connection: sa.Connection, **given: object) -> int:
        table = self.t.system_events
        return connection.execute(insert(table).values(**given).returning(table.c.id)).scalar_one()

    def log_account_snapshot(self, connection: sa.Connection, **given: object) -> int:
        table = self.t.account_history
        return connection.execute(insert(table).values(**given).returning(table.c.id)).scalar_one()

    def log_strategy_execution(self, connection: sa.Connection, **given: object) -> int:
        table = self.t.strategy_executions
        return connection.execute(insert(table).values(**given).returning(table.c.id)).scalar_one()

    def copy_strategy_executions(self, connection: sa.Connection, rows: list[Arguments]) -> None:
        connection.execute(insert(self.t.strategy_executions), rows)

    def log_trade(self, connection: sa.Connection, *, session_id: int, **given: object) -> int:
        session = self._locked(connection, self.t.trading_sessions, session_id)
        percent = given["pnl"] / (given["entry_price"] * given["quantity"]) * 100
        trade = self._trade(
            connection,
            session_id=session_id,
            source=session.mode,
            pnl_percent=round(percent, 12),
            timeframe=session.timeframe,
            **given,
        )
        costs = Fill(trade.quantity, trade.exit_price, trade.commission, trade.exit_time)
        balance = self._book(
            connection, session, "TRADE", costs, trade.exit_reason, pnl=trade.pnl, request_id=trade.request_id
        )
        self._count(connection, session, trade, balance)
        return trade.id

    def create_order(
        self,
        connection: sa.Connection,
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
        request_id: object,
        **given: object,
    ) -> int:
        common = {"session_id": session_id, "symbol": symbol, "side": side, "strategy_name": strategy_name}
        common["request_id"] = request_id
        position_id = self._added(self.t.positions, connection, common | given | planned(size, quantity, created_at))
        order = {
            "position_id": position_id,
            "order_type": order_type,
            "status": "PENDING",
            "quantity": quantity,
            "price": price,
            "internal_order_id": internal_order_id,
            "created_at": created_at,
            "last_update": created_at,
        }
        return self._added(self.t.orders, connection, common | order)

    def record_fill(
        self,
        connection: sa.Connection,
        *,
        order_id: int,
        exchange_fill_id: str,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        fee_currency: str,
        filled_at: datetime,
        request_id: object,
    ) -> int:
        fill = Fill(quantity, price, fee, filled_at)
        order = self._locked(connection, self.t.orders, order_id)
        position = self._locked(connection, self.t.positions, order.position_id)
        connection.execute(self.t.orders.update().where(self.t.orders.c.id == order_id).values(**recorded(order, fill)))
        execution = {"kind": "FILL", "exchange_fill_id": exchange_fill_id, "quantity": quantity, "price": price}
        execution |= {"fee": fee, "fee_currency": fee_currency, "commission": fee}
        if order.order_type == "ENTRY":
            return self._enter(connection, position, order, fill, execution)
        return self._exit(connection, position, order, fill, execution, request_id)[0]

    def open_position(
        self,
        connection: sa.Connection,
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
        plan = planned(size, quantity, entry_time)
        columns = given | plan | entered(SimpleNamespace(**plan), fill)
        position_id = self._added(self.t.positions, connection, columns)
        order = self._order(connection, SimpleNamespace(**given, id=position_id), fill, "ENTRY", entry_order_id)
        values = {"order_id": order.id, "position_id": position_id, "kind": "CHANGE", **booked(fill)}
        fill_id = self._added(self.t.order_fills, connection, values)
        if fill.fee:
            session = self._locked(connection, self.t.trading_sessions, given["session_id"])
            self._book(connection, session, "FILL", fill, "entry", (position_id, fill_id))
        return position_id

    def close_position(
        self,
        connection: sa.Connection,
        *,
        position_id: int,
        exit_price: Decimal,
        exit_time: datetime,
        exit_order_id: str,
        exit_reason: str,
        commission: Decimal,
        request_id: object,
    ) -> int:
        position = self._locked(connection, self.t.positions, position_id)
        fill = Fill(position.current_quantity, exit_price, commission, exit_time)
        more = {"reason": exit_reason, "request_id": request_id}
        order = self._order(connection, position, fill, "FULL_EXIT", exit_order_id, more)
        return self._exit(connection, position, order, fill, {"kind": "CHANGE"}, request_id)[1]

    def apply_partial_exit(
        self,
        connection: sa.Connection,
        *,
        position_id: int,
        size: Decimal,
        price: Decimal,
        target_level: int,
        timestamp: datetime,
        request_id: object,
    ) -> int:
        position = self._locked(connection, self.t.positions, position_id)
        fill = Fill(size * position.original_quantity, price, Decimal(0), timestamp)
        more = {"target_level": target_level, "size_fraction": size, "request_id": request_id}
        order = self._order(connection, position, fill, "PARTIAL_EXIT", None, more)
        return self._exit(connection, position, order, fill, {"kind": "CHANGE"}, request_id)[1]

    def set_prediction(
        self, connection: sa.Connection, *, ttl_seconds: Decimal, max_entries: int, request_id: object, **given: object
    ) -> None:
        now = sa.func.now()
        values = given | {
            "created_at": now,
            "expires_at": now + sa.func.make_interval(0, 0, 0, 0, 0, 0, ttl_seconds),
            "last_accessed": now,
            "access_count": 0,
        }
        statement = insert(self.t.prediction_cache).values(**values)
        del values["cache_key"]
        connection.execute(statement.on_conflict_do_update(index_elements=["cache_key"], set_=values))
        cached = self.t.prediction_cache
        excess = connection.execute(sa.select(sa.func.count()).select_from(cached)).scalar_one() - max_entries
        if excess > 0:
            oldest = sa.select(cached.c.cache_key).order_by(cached.c.last_accessed).limit(excess)
            connection.execute(cached.delete().where(cached.c.cache_key.in_(oldest)))

    def get_prediction(self, connection: sa.Connection, *, cache_key: str, request_id: object) -> object:
        table = self.t.prediction_cache
        found = connection.execute(
            table.update()
            .where(table.c.cache_key == cache_key, table.c.expires_at > sa.func.now())
            .values(access_count=table.c.access_count + 1, last_accessed=sa.func.now())
            .returning(table)
        )
        return found.one_or_none()

    def get_active_positions(self, connection: sa.Connection, *, session_id: int, request_id: object) -> object:
        positions, orders = self.t.positions, self.t.orders
        joined = positions.outerjoin(orders, orders.c.position_id == positions.c.id)
        query = sa.select(positions, orders).select_from(joined)
        query = query.where(positions.c.session_id == session_id, positions.c.status == "OPEN")
        return connection.execute(query.order_by(positions.c.entry_time, positions.c.id, orders.c.id)).all()

    def get_recent_trades(
        self, connection: sa.Connection, *, session_id: int, limit: int, request_id: object
    ) -> object:
        table = self.t.trades
        query = sa.select(table).where(table.c.session_id == session_id)
        return connection.execute(query.order_by(table.c.exit_time.desc(), table.c.id.desc()).limit(limit)).all()

    def get_performance_metrics(self, connection: sa.Connection, *, session_id: int, request_id: object) -> object:
        trades, history = self.t.trades, self.t.account_history
        pnl, one = trades.c.pnl, sa.func.count()
        row = connection.execute(
            sa.select(
                one.label("total_trades"),
                one.filter(pnl > 0).label("winning_trades"),
                sa.func.sum(pnl).filter(pnl > 0).label("gross_profit"),
                sa.func.sum(trades.c.net_pnl).label("net_pnl"),
            ).where(trades.c.session_id == session_id)
        ).one()
        equities = connection.execute(
            sa.select(history.c.equity).where(history.c.session_id == session_id).order_by(history.c.timestamp)
        ).scalars()
        return SimpleNamespace(**row._mapping, max_drawdown=max_drawdown(equities))

    def get_total_metrics(self, connection: sa.Connection, *, session_id: int, request_id: object) -> object:
        table = self.t.performance_metrics
        total = sa.select(table.c.opening_balance, table.c.total_trades, table.c.net_pnl)
        return connection.execute(total.where(table.c.session_id == session_id, table.c.period == "ALL_TIME")).one()

    def get_daily_metrics(self, connection: sa.Connection, *, request_id: object, **given: object) -> object:
        table = self.t.performance_metrics
        query = sa.select(table).where(
            table.c.session_id == given["session_id"],
            table.c.period == "DAILY",
            table.c.period_start >= given["start"],
            table.c.period_start < given["end"],
        )
        return connection.execute(query.order_by(table.c.period_start)).all()

    def get_equity_curve(
        self, connection: sa.Connection, *, session_id: int, points: int, request_id: object
    ) -> object:
        table = self.t.account_history
        query = sa.select(table.c.timestamp, table.c.equity).where(table.c.session_id == session_id)
        rows = connection.execute(query.order_by(table.c.timestamp)).all()
        part = max(1, len(rows) // (points // 3))
        parts = (rows[start : start + part] for start in range(0, len(rows), part))
        return [extreme for rows in parts for extreme in (min(rows, key=_equity), max(rows, key=_equity))]

    def _locked(self, connection: sa.Connection, table: sa.Table, row_id: int) -> sa.Row[tuple[object, ...]]:
        return connection.execute(sa.select(table).where(table.c.id == row_id).with_for_update()).one()

    def _added(self, table: sa.Table, connection: sa.Connection, values: Figures) -> int:
        return connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()

    def _order(
        self,
        connection: sa.Connection,
        position: object,
        fill: Fill,
        kind: str,
        exchange_order_id: str | None,
        more: Figures | None = None,
    ) -> sa.Row[tuple[object, ...]]:
        shared = {name: getattr(position, name) for name in ("session_id", "symbol", "side", "strategy_name")}
        values = {
            **shared,
            **told_in_total(fill),
            **(more or {}),
            "position_id": position.id,
            "order_type": kind,
            "exchange_order_id": exchange_order_id,
        }
        table = self.t.orders
        return connection.execute(insert(table).values(**values).returning(table)).one()

    def _enter(self, connection: sa.Connection, position: object, order: object, fill: Fill, execution: Figures) -> int:
        table = self.t.positions
        connection.execute(table.update().where(table.c.id == position.id).values(**entered(position, fill)))
        values = {"order_id": order.id, "position_id": position.id, **execution, **booked(fill)}
        fill_id = self._added(self.t.order_fills, connection, values)
        session = self._locked(connection, self.t.trading_sessions, position.session_id)
        self._book(connection, session, "FILL", fill, "entry", (position.id, fill_id))
        return fill_id

    def _exit(
        self,
        connection: sa.Connection,
        position: object,
        order: object,
        fill: Fill,
        execution: Figures,
        request_id: object,
    ) -> tuple[int, int]:
        is_partial = order.order_type == "PARTIAL_EXIT"
        moved = exited(position, fill, order.reason, is_partial=is_partial)
        table = self.t.positions
        changed = table.update().where(table.c.id == position.id).values(**moved.columns).returning(table)
        after = connection.execute(changed).one()
        values = {"order_id": order.id, "position_id": position.id, **execution}
        fill_id = self._added(self.t.order_fills, connection, values | booked(fill, moved.released, moved.pnl))
        of = position.id, fill_id
        session = self._locked(connection, self.t.trading_sessions, position.session_id)
        if is_partial:
            part = {
                "position_id": position.id,
                "order_id": order.id,
                "operation_type": "PARTIAL_EXIT",
                "size": fill.quantity / position.original_quantity,
                "quantity": fill.quantity,
                "price": fill.price,
                "pnl": moved.pnl,
                "target_level": order.target_level,
                "timestamp": fill.moment,
            }
            part_id = self._added(self.t.partial_trades, connection, part)
            self._book(connection, session, "FILL", fill, "partial_exit", of, moved.pnl, request_id)
            return fill_id, part_id
        copied = ("session_id", "symbol", "side", "entry_price", "exit_price", "size", "quantity", "entry_time")
        copied += ("exit_time", "commission", "stop_loss", "take_profit", "exit_reason", "strategy_name")
        copied += ("confidence_score", "margin_interest_cost", "funding")
        trade = self._trade(
            connection,
            **{name: getattr(after, name) for name in copied},
            position_id=position.id,
            source=session.mode,
            pnl=after.realized_pnl,
            pnl_percent=round(after.realized_pnl / after.entry_notional * 100, 12),
            order_id=order.exchange_order_id,
            timeframe=session.timeframe,
            request_id=request_id,
        )
        balance = self._book(connection, session, "FILL", fill, after.exit_reason, of, moved.pnl, request_id)
        self._count(connection, session, trade, balance)
        return fill_id, trade.id

    def _trade(self, connection: sa.Connection, **given: object) -> sa.Row[tuple[object, ...]]:
        table = self.t.trades
        return connection.execute(insert(table).values(**given).returning(table)).one()

    def _count(self, connection: sa.Connection, session: object, trade: Booked, balance: Decimal) -> None:
        start, end = day_of(trade.exit_time)
        self._carry_on(connection, trade, ("DAILY", start, end), balance - trade.net_pnl)
        self._carry_on(connection, trade, ("ALL_TIME", EPOCH, None), session.initial_balance)

    def _book(
        self,
        connection: sa.Connection,
        session: object,
        kind: str,
        fill: Fill,
        reason: str,
        of: tuple[int | None, int | None] = (None, None),
        pnl: Decimal = Decimal(0),
        request_id: object = None,
    ) -> Decimal:
        table = self.t.trading_sessions
        change = pnl - fill.fee
        balance, number = session.current_balance + change, session.ledger_entries + 1
        connection.execute(
            table.update().where(table.c.id == session.id).values(current_balance=balance, ledger_entries=number)
        )
        values = {
            "session_id": session.id,
            "entry_number": number,
            "entry_type": kind,
            "previous_balance": session.current_balance,
            "pnl": pnl,
            "commission": fill.fee,
            "delta": change,
            "total_balance": balance,
            "base_currency": session.base_currency,
            "position_id": of[0],
            "order_fill_id": of[1],
            "update_reason": reason,
            "updated_by": "engine",
            "last_updated": fill.moment,
            "request_id": request_id or uuid4(),
        }
        connection.execute(insert(self.t.account_balances).values(**values))
        return balance

    def _carry_on(
        self, connection: sa.Connection, trade: Booked, period: tuple[str, object, object], opening: Decimal
    ) -> None:
        table = self.t.performance_metrics
        name, start, end = period
        key = (table.c.session_id == trade.session_id, table.c.period == name, table.c.period_start == start)
        row = connection.execute(sa.select(table).where(*key).with_for_update()).one_or_none()
        if row is None:
            ids = {"session_id": trade.session_id, "period": name, "period_start": start, "period_end": end}
            connection.execute(insert(table).values(**ids, **figures(opening, [trade])))
        else:
            values = carried_on(dict(row._mapping), trade, row.opening_balance + row.net_pnl)
            connection.execute(table.update().where(*key).values(**values))


def _equity(row: sa.Row[tuple[object, Decimal]]) -> Decimal:
    return row[1]
