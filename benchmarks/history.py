"""What a session with a long history costs to read, to resume and to end, with and without what is kept of it by days.

    python -m benchmarks.history                    sessions of 1 000 and 100 000 trades and snapshots
    python -m benchmarks.history --rows 1000 1000000
    python -m benchmarks.history --kept-only        without by hand and rows, which take longest

Each session has as many trades and snapshots, over two years (`--days`), twice as many orders and five times as many
decisions: what grows are the rows, not the days. Of each there are columns: by hand (SQL that somebody writes over the
rows themselves), rows (the statements while nothing is kept by days, as before release 0.10) and days, then days of the
largest over those of the smallest; and the statements of the dashboard one by one, by days. A throwaway PostgreSQL;
milliseconds of server CPU of a call, the least of some, as Markdown on stdout. Linux only: the server's CPU is read
from /proc.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

import psycopg

from atb_db import embedded
from atb_db.repository import dashboard, execution, metrics, reports, sessions
from atb_db.sqlfile import schema_sql
from atb_db.statement import Statement
from benchmarks.history_rows import BY_HAND, COUNTED, DECISIONS, ORDERS, SESSION, SNAPSHOTS, TRADES
from benchmarks.others import watched

CALLS: Final = 5
WARM: Final = 6
"""So many calls make a plan stay."""
PATIENCE: Final = 8.0
"""Seconds after which a part is not called again."""
FLAT: Final = 1.25
"""What a statement may cost in the largest session, over what it costs in the smallest."""
START: Final = datetime(2024, 1, 1, tzinfo=UTC)

THE_DASHBOARD: Final = "the dashboard, 24 statements"
SHOWN: Final = (
    "get_performance_metrics",
    "daily equity, behind every figure of performance",
    "get_equity_curve, 500 points",
    "get_drawdowns, 10",
    "get_pnl_by_symbol",
    "get_order_quality",
)
"""The parts that somebody's own dashboard shows at the least."""

Asked = tuple[str, Sequence[object] | Mapping[str, object]]
Part = Callable[[int, datetime], list[Asked]]


def _of(sql: str) -> Part:
    return lambda session_id, _: [(sql, (session_id,))]


def _asked(make: Callable[[int, datetime], Statement[object]]) -> Part:
    """A statement's SQL and its values."""

    def part(session_id: int, now: datetime) -> list[Asked]:
        statement = make(session_id, now)
        return [(statement.sql, statement.server_values())]

    return part


def _dashboard(session_id: int, now: datetime) -> list[Asked]:
    batch = dashboard.dashboard(session_id=session_id, now=now)
    return [(statement.sql, statement.server_values()) for statement in batch.statements]


def each(session_id: int, now: datetime) -> dict[str, list[Asked]]:
    """The dashboard's statements, each by its field."""
    statements = dashboard.dashboard(session_id=session_id, now=now).statements
    return {
        name: [(statement.sql, statement.server_values())]
        for name, statement in zip(dashboard.Dashboard._fields, statements, strict=True)
    }


def _resume(session_id: int, now: datetime) -> Statement[object]:
    return sessions.resume_or_create(
        strategy_name="history", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1, holder="engine",
        session_id=session_id, timestamp=now,
    )  # fmt: skip


PARTS: Final[dict[str, Part]] = {
    THE_DASHBOARD: _dashboard,
    "get_performance_metrics": _asked(lambda one, _: metrics.get_performance_metrics(session_id=one)),
    "daily equity, behind every figure of performance": _of(
        "SELECT * FROM daily_equity($1, NULL, NULL, NULL, NULL, NULL)"
    ),
    "get_equity_curve, 500 points": _asked(lambda one, _: reports.get_equity_curve(session_id=one, points=500)),
    "get_drawdowns, 10": _asked(lambda one, _: reports.get_drawdowns(session_id=one)),
    "get_current_drawdown": _asked(lambda one, _: reports.get_current_drawdown(session_id=one)),
    "get_pnl_by_symbol": _asked(lambda one, _: reports.get_pnl_by_symbol(session_id=one)),
    "get_pnl_by_symbol of one strategy": _asked(
        lambda one, _: reports.get_pnl_by_symbol(session_id=one, strategy_name="strategy 1")
    ),
    "get_pnl_by_period, months": _asked(lambda one, _: reports.get_pnl_by_period(session_id=one, period="MONTHLY")),
    "get_order_quality": _asked(lambda one, _: execution.get_order_quality(session_id=one)),
    "get_session_summaries, one session": _asked(lambda *_: reports.get_session_summaries(limit=1)),
    "resume_or_create": _asked(_resume),
    "end_trading_session": _asked(lambda one, now: sessions.end_trading_session(session_id=one, end_time=now)),
}


def cpu(connection: psycopg.Connection) -> float:
    """Milliseconds of CPU that the connection's server process has used."""
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e6


def least(connection: psycopg.Connection, asked: Sequence[Asked]) -> float:
    """The least milliseconds of some calls, after as many as make a plan stay; nothing that is written stays."""
    times: list[float] = []
    until = monotonic() + PATIENCE
    with psycopg.RawCursor(connection) as cursor:
        while len(times) < WARM + CALLS and (not times or monotonic() < until):
            # Past psycopg, which at a ROLLBACK forgets what it has prepared: each call would be planned again.
            connection.pgconn.exec_(b"BEGIN")
            before = cpu(connection)
            for query, values in asked:
                cursor.execute(query.encode(), values, prepare=True)
                if cursor.description:
                    cursor.fetchall()
            times.append(cpu(connection) - before)
            connection.pgconn.exec_(b"ROLLBACK")
    return min(times[WARM:] or times)


def costs(connection: psycopg.Connection, session_id: int, now: datetime) -> dict[str, float]:
    """What each part costs."""
    return {name: least(connection, part(session_id, now)) for name, part in PARTS.items()}


def filled(connection: psycopg.Connection, rows: int, apart: timedelta) -> int:
    """A session of so many snapshots and trades, so far apart, with orders and decisions; nothing is kept by days."""
    [(session_id,)] = connection.execute(SESSION).fetchall()
    connection.execute("SET session_replication_role = replica")
    for filling in (SNAPSHOTS, TRADES, COUNTED, ORDERS, DECISIONS):
        connection.execute(filling.encode(), {"session": session_id, "rows": rows, "apart": apart})
    connection.execute("SET session_replication_role = DEFAULT")
    connection.execute("VACUUM ANALYZE")
    assert isinstance(session_id, int)
    return session_id


def keep(connection: psycopg.Connection, session_id: int) -> None:
    """What writes keep by days and months; as in a session that trades, its newest ones are not there."""
    while connection.execute("SELECT roll_up(%s, 200000)", [session_id]).fetchone() != (0,):
        pass
    for table, span in (("trade_days", "day"), ("trade_months", "month"), ("order_days", "day")):
        newest = f"DELETE FROM {table} WHERE session_id = %(of)s AND {span} = (SELECT max({span}) FROM {table})"
        connection.execute(newest.encode(), {"of": session_id})
    connection.execute("SELECT roll_trades(%s, 0, FALSE)", [session_id])
    connection.execute("VACUUM ANALYZE")


def table(columns: Sequence[tuple[str, dict[str, float]]], few: str, many: str) -> str:
    """Markdown: a line a part, and how the column of many rows compares with that of few."""
    found = dict(columns)
    names = [*found, "last / first"] if few != many else [*found]
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for part in found[many]:
        cells = [f"{column[part]:.2f}" if part in column else "" for column in found.values()]
        if few != many:
            growth = found[many][part] / found[few][part]
            cells.append(f"{growth:.2f}" if growth <= FLAT else f"**{growth:.2f}**")
        lines.append(f"| {part} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Fill, measure, add up days, measure again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--days", type=int, default=730, help="how many days the rows are spread over")
    parser.add_argument("--kept-only", action="store_true", help="only by the sums of days")
    options = parser.parse_args()
    sizes: list[int] = options.rows
    columns: list[tuple[str, dict[str, float]]] = []
    single: list[tuple[str, dict[str, float]]] = []
    with (
        watched() as others,
        embedded.postgresql() as server,
        psycopg.connect(server.create_database("history"), autocommit=True) as own,
    ):
        own.execute(schema_sql().encode())
        own.execute("SET jit = off")
        # As on our connections.
        own.execute("SET plan_cache_mode = force_generic_plan")
        for rows in sizes:
            session_id = filled(own, rows, timedelta(days=options.days) / rows)
            now = START + timedelta(days=options.days, minutes=1)
            if not options.kept_only:
                by_hand = {name: least(own, [(query, (session_id,))]) for name, query in BY_HAND.items()}
                by_hand[THE_DASHBOARD] = sum(by_hand[part] for part in SHOWN)
                columns.append((f"{rows}, by hand", by_hand))
                columns.append((f"{rows}, rows", costs(own, session_id, now)))
            keep(own, session_id)
            columns.append((f"{rows}, days", costs(own, session_id, now)))
            single.append((f"{rows}, days", {name: least(own, asked) for name, asked in each(session_id, now).items()}))
    few, many = f"{sizes[0]}, days", f"{sizes[-1]}, days"
    print(table(columns, few, many))
    print("\nThe dashboard's statements:\n")
    print(table(single, few, many))
    print(f"\nOther processes: {others}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
