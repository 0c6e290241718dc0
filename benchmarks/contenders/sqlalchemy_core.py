"""SQLAlchemy's Core: expressions instead of SQL texts, several statements in a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import ReflectedColumn

from benchmarks.contenders.base import Contender
from benchmarks.contenders.figures import EPOCH, Booked, carried_on, day_of, figures, max_drawdown
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World

TABLES = (
    *("trading_sessions", "positions", "orders", "partial_trades", "trades", "account_balances", "account_history"),
    *("performance_metrics", "system_events", "strategy_executions", "prediction_cache"),
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
        session = self._locked(connection, session_id)
        percent = given["pnl"] / (given["entry_price"] * given["quantity"]) * 100
        return self._trade(
            connection,
            session,
            session_id=session_id,
            source=session.mode,
            pnl_percent=round(percent, 12),
            timeframe=session.timeframe,
            **given,
        )

    def open_position(self, connection: sa.Connection, *, entry_order_id: str, **given: object) -> int:
        size, quantity, price, moment = given["size"], given["quantity"], given["entry_price"], given["entry_time"]
        found = connection.execute(
            insert(self.t.positions)
            .values(
                **given,
                original_size=size,
                current_size=size,
                original_quantity=quantity,
                current_quantity=quantity,
                entry_notional=price * quantity,
                last_update=moment,
                current_price=price,
                unrealized_pnl=0,
                unrealized_pnl_percent=0,
            )
            .returning(self.t.positions.c.id)
        )
        position_id = found.scalar_one()
        self._order(
            connection,
            given,
            position_id=position_id,
            order_type="ENTRY",
            quantity=quantity,
            price=price,
            exchange_order_id=entry_order_id,
            created_at=moment,
        )
        return position_id

    def close_position(
        self,
        connection: sa.Connection,
        *,
        position_id: int,
        exit_price: Decimal,
        exit_order_id: str,
        request_id: object,
        **given: object,
    ) -> int:
        table = self.t.positions
        position = connection.execute(sa.select(table).where(table.c.id == position_id).with_for_update()).one()
        moment, commission = given["exit_time"], given.pop("commission")
        pnl = (exit_price - position.entry_price) * position.current_quantity
        realized = position.realized_pnl + pnl
        connection.execute(
            table.update()
            .where(table.c.id == position_id)
            .values(
                status="CLOSED",
                exit_price=exit_price,
                current_price=exit_price,
                last_update=moment,
                realized_pnl=realized,
                unrealized_pnl=0,
                unrealized_pnl_percent=0,
                **given,
            )
        )
        common = {name: getattr(position, name) for name in ("session_id", "symbol", "side", "strategy_name")}
        common["request_id"] = request_id
        self._order(
            connection,
            common,
            position_id=position_id,
            order_type="FULL_EXIT",
            quantity=position.current_quantity,
            price=exit_price,
            exchange_order_id=exit_order_id,
            created_at=moment,
        )
        session = self._locked(connection, position.session_id)
        return self._trade(
            connection,
            session,
            booked=position.realized_pnl,
            position_id=position_id,
            source=session.mode,
            entry_price=position.entry_price,
            exit_price=exit_price,
            size=position.size,
            quantity=position.quantity,
            entry_time=position.entry_time,
            pnl=realized,
            pnl_percent=round(realized / position.entry_notional * 100, 12),
            commission=commission,
            order_id=exit_order_id,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            timeframe=session.timeframe,
            **common,
            **given,
        )

    def apply_partial_exit(
        self,
        connection: sa.Connection,
        *,
        position_id: int,
        size: Decimal,
        price: Decimal,
        target_level: int,
        timestamp: object,
        request_id: object,
    ) -> int:
        table, parts = self.t.positions, self.t.partial_trades
        position = connection.execute(sa.select(table).where(table.c.id == position_id).with_for_update()).one()
        quantity = size * position.original_quantity
        pnl = (price - position.entry_price) * quantity
        connection.execute(
            table.update()
            .where(table.c.id == position_id)
            .values(
                current_size=table.c.current_size - size * position.original_size,
                current_quantity=table.c.current_quantity - quantity,
                realized_pnl=table.c.realized_pnl + pnl,
                partial_exits_taken=table.c.partial_exits_taken + 1,
                last_partial_exit_price=price,
                last_update=timestamp,
            )
        )
        found = connection.execute(
            insert(parts)
            .values(
                position_id=position_id,
                operation_type="PARTIAL_EXIT",
                size=size,
                quantity=quantity,
                price=price,
                pnl=pnl,
                target_level=target_level,
                timestamp=timestamp,
                request_id=request_id,
            )
            .returning(parts.c.id)
        )
        session = self._locked(connection, position.session_id)
        self._book(connection, session, pnl, "PARTIAL_EXIT", "partial exit", timestamp, request_id)
        return found.scalar_one()

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

    def _locked(self, connection: sa.Connection, session_id: int) -> sa.Row[tuple[object, ...]]:
        table = self.t.trading_sessions
        return connection.execute(sa.select(table).where(table.c.id == session_id).with_for_update()).one()

    def _order(self, connection: sa.Connection, common: Mapping[str, object], **given: object) -> None:
        shared = {name: common[name] for name in ("session_id", "symbol", "side", "strategy_name", "request_id")}
        moment = given["created_at"]
        connection.execute(
            insert(self.t.orders).values(
                **shared,
                **given,
                status="FILLED",
                filled_quantity=given["quantity"],
                filled_price=given["price"],
                size_fraction=1,
                filled_at=moment,
                last_update=moment,
            )
        )

    def _trade(
        self, connection: sa.Connection, session: object, *, booked: Decimal = Decimal(0), **given: object
    ) -> int:
        table = self.t.trades
        trade = connection.execute(insert(table).values(**given).returning(table)).one()
        balance = self._book(
            connection,
            session,
            trade.net_pnl - booked,
            "TRADE",
            trade.exit_reason,
            trade.exit_time,
            trade.request_id,
        )
        start, end = day_of(trade.exit_time)
        self._carry_on(connection, trade, ("DAILY", start, end), balance - trade.net_pnl)
        self._carry_on(connection, trade, ("ALL_TIME", EPOCH, None), session.initial_balance)
        return trade.id

    def _book(
        self,
        connection: sa.Connection,
        session: object,
        change: Decimal,
        kind: str,
        reason: str,
        moment: object,
        request_id: object,
    ) -> Decimal:
        table = self.t.trading_sessions
        balance, number = session.current_balance + change, session.ledger_entries + 1
        connection.execute(
            table.update().where(table.c.id == session.id).values(current_balance=balance, ledger_entries=number)
        )
        connection.execute(
            insert(self.t.account_balances).values(
                session_id=session.id,
                entry_number=number,
                entry_type=kind,
                previous_balance=session.current_balance,
                delta=change,
                total_balance=balance,
                base_currency=session.base_currency,
                update_reason=reason,
                updated_by="engine",
                last_updated=moment,
                request_id=request_id,
            )
        )
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
