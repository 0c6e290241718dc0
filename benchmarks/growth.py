"""How writes and hot reads fare while the tables grow, how long a writer waits beside a purge, and whether a session of
years resumes and ends.

    make growth                              up to 1 000 000 decisions, some minutes
    make growth ARGS="--largest 10000000"    ten times as many, some 12 GB of disk

A throwaway PostgreSQL with default durability; medians of interleaved rounds, as Markdown on stdout.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from threading import Event, Thread
from time import perf_counter
from typing import Final

import psycopg

from atb_db import Database, Settings
from atb_db.admin import purge
from atb_db.admin.rebuild import rebuild
from atb_db.embedded import Server
from atb_db.repository import account, dashboard, events, metrics, monitoring, positions, sessions, trades
from atb_db.sqlfile import schema_sql
from atb_db.statement import Statement
from benchmarks.filling import AS_THEY_ARE, CLOSINGS, LEDGER
from benchmarks.history_rows import SESSION, SNAPSHOTS
from benchmarks.serving import server_apart

SMALLEST: Final = 100_000
SESSIONS: Final = 100
ROUNDS: Final = 15
CALLS: Final = 30
WARM: Final = 8
START: Final = datetime(2024, 1, 1, tzinfo=UTC)
YEARS: Final = timedelta(days=730)
"""How long the session of many snapshots lasts: what lies in the future is added up nowhere."""

# Rows as such, without triggers and foreign keys, for the tables to be there in a reasonable time. For every hundred
# decisions there are ten trades with their ledger entries, ten snapshots, ten events, and a closed position with two
# orders, their fills and its trade, a hundredth of all in each session.
FILL: Final = """
CREATE OR REPLACE FUNCTION pg_temp.key(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;

INSERT INTO strategy_executions (
    session_id, timestamp, strategy_name, symbol, signal_type, action_taken, price, indicators, request_id
)
SELECT 1 + i % {sessions}, '2024-01-01Z'::timestamptz + i * interval '1 second', 'growth', 'X', 'hold', 'none', 100,
       '{{"rsi": 55.1, "atr": 1.2}}', pg_temp.key(i)
  FROM generate_series({first}, {last}) AS i;

INSERT INTO trades (
    session_id, symbol, side, source, entry_price, exit_price, size, entry_time, exit_time, pnl, pnl_percent,
    exit_reason, strategy_name, request_id
)
SELECT 1 + i % {sessions}, 'X', 'LONG', 'PAPER', 100, 101, 0.1, '2024-01-01Z',
       '2024-01-01Z'::timestamptz + i * interval '10 seconds', 0, 1, 'target', 'growth', pg_temp.key(i)
  FROM generate_series({first} / 10 + 1, {last} / 10) AS i;

INSERT INTO account_history (session_id, timestamp, balance, equity, request_id)
SELECT 1 + i % {sessions}, '2024-01-01Z'::timestamptz + i * interval '10 seconds', 1000, 1000, pg_temp.key(i)
  FROM generate_series({first} / 10 + 1, {last} / 10) AS i;

INSERT INTO system_events (session_id, timestamp, event_type, severity, message, request_id)
SELECT 1 + i % {sessions}, '2024-01-01Z'::timestamptz + i * interval '10 seconds', 'TEST', 'INFO', 'growth',
       pg_temp.key(i)
  FROM generate_series({first} / 10 + 1, {last} / 10) AS i;

INSERT INTO positions (
    session_id, symbol, side, status, planned_size, planned_quantity, entry_time, quantity, original_quantity,
    exited_quantity, entry_notional, exit_notional, entry_price, exit_price, size, original_size, current_size,
    last_update, strategy_name, realized_pnl, last_exit_time, exit_time, exit_reason, request_id
)
SELECT 1 + i % {sessions}, 'X', 'LONG', 'CLOSED', 0.1, 1, '2024-01-01Z', 1, 1, 1, 100, 101, 100, 101, 0.1, 0.1, 0,
       '2024-01-02Z', 'growth', 1, '2024-01-02Z', '2024-01-02Z', 'target', pg_temp.key(i)
  FROM generate_series({first} / 100 + 1, {last} / 100) AS i;
"""

Operations = dict[str, Callable[[int], object]]


def new_session(mode: str) -> Statement[int]:
    return sessions.create_trading_session(
        strategy_name="growth", symbol="X", timeframe="1h", mode=mode, initial_balance=1000, start_time=START
    )


def operations(db: Database, session_id: int) -> Operations:
    """What is measured; each gets the number of its call."""
    now = datetime.now(UTC)

    def log_trade(number: int) -> object:
        return trades.log_trade(
            session_id=session_id, symbol="X", side="LONG", entry_price=100, exit_price=101, size="0.1", entry_time=now,
            exit_time=now + timedelta(milliseconds=number), pnl=1, exit_reason="target", strategy_name="growth",
        )  # fmt: skip

    def a_position(number: int) -> None:
        position_id = db.run(
            positions.open_position(
                session_id=session_id, symbol="X", side="LONG", entry_price=100, size="0.1", quantity=1,
                strategy_name="growth", entry_order_id=f"{now:%H%M%S}-{number}", entry_time=now,
            )
        )  # fmt: skip
        db.run(positions.apply_partial_exit(position_id=position_id, size="0.5", price=101, timestamp=now))
        db.run(positions.close_position(position_id=position_id, exit_price=101, exit_time=now, exit_reason="target"))

    def execution(_number: int) -> object:
        return events.log_strategy_execution(
            session_id=session_id, strategy_name="growth", symbol="X", signal_type="hold", action_taken="none",
            price=100, indicators={"rsi": 55.1, "atr": 1.2},
        )  # fmt: skip

    return {
        "log_strategy_execution": lambda number: db.run(execution(number)),  # type: ignore[arg-type]
        "log_trade": lambda number: db.run(log_trade(number)),  # type: ignore[arg-type]
        "open_position, apply_partial_exit, close_position": a_position,
        "log_account_snapshot": lambda _: db.run(
            account.log_account_snapshot(session_id=session_id, balance=1000, equity=1000)
        ),
        "log_event": lambda _: db.run(events.log_event(session_id=session_id, event_type="TEST", message="growth")),
        "get_active_positions": lambda _: db.run(positions.get_active_positions(session_id=session_id)),
        "get_recent_trades, 50": lambda _: db.run(trades.get_recent_trades(session_id=session_id)),
        "get_recent_events, 50": lambda _: db.run(events.get_recent_events(session_id=session_id, limit=50)),
        "get_total_metrics": lambda _: db.run(metrics.get_total_metrics(session_id=session_id)),
        "get_daily_metrics": lambda _: db.run(metrics.get_daily_metrics(session_id=session_id)),
        "get_performance_metrics, a day": lambda _: db.run(
            metrics.get_performance_metrics(session_id=session_id, start=START, end=START + timedelta(days=1))
        ),
        "get_current_balance": lambda _: db.run(account.get_current_balance(session_id=session_id)),
        "get_balance_history, 50": lambda _: db.run(account.get_balance_history(session_id=session_id, limit=50)),
        "get_data_freshness": lambda _: db.run(monitoring.get_data_freshness(session_id=session_id)),
        "get_trading_session": lambda _: db.run(sessions.get_trading_session(session_id=session_id)),
    }


def sizes(largest: int) -> Iterator[int]:
    size = SMALLEST
    while size <= largest:
        yield size
        size *= 10


def medians(databases: dict[int, Settings]) -> dict[int, dict[str, float]]:
    """Milliseconds of a call of each operation at each size: the median of all, the sizes taking turns.

    Each round has connections of its own, so that no server process counts alone.
    """
    found: dict[int, dict[str, list[float]]] = {size: {} for size in databases}
    number = 0
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            running = {
                size: operations(stack.enter_context(Database(settings)), session_id=1)
                for size, settings in databases.items()
            }
            for name in next(iter(running.values())):
                for size, own in running.items():
                    times = found[size].setdefault(name, [])
                    for call in range(WARM + CALLS):
                        number += 1
                        milliseconds = timed(partial(own[name], number)) * 1000
                        if call >= WARM:
                            times.append(milliseconds)
    return {size: {name: median(times) for name, times in own.items()} for size, own in found.items()}


def timed(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def stall_beside_a_purge(db: Database, *, rows: int) -> tuple[float, list[float]]:
    """Seconds that removing an ended session with so many decisions takes, and a writer's latencies meanwhile."""
    old, live = db.run(new_session("BACKTEST")), db.run(new_session("PAPER"))
    with psycopg.connect(db.settings.conninfo, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO strategy_executions (session_id, timestamp, strategy_name, symbol, signal_type, action_taken,"
            " price, request_id) SELECT %s, '2024-01-01Z'::timestamptz + i * interval '1 second', 'old', 'X', 'hold',"
            " 'none', 100, gen_random_uuid() FROM generate_series(1, %s) AS i",
            [old, rows],
        )
        connection.execute("CHECKPOINT")
    db.run(sessions.end_trading_session(session_id=old))
    latencies: list[float] = []
    over = Event()

    def write() -> None:
        while not over.is_set():
            began = perf_counter()
            db.run(
                trades.log_trade(
                    session_id=live, symbol="X", side="LONG", entry_price=1, exit_price=1, size=1, entry_time=START,
                    exit_time=START, pnl=1, exit_reason="target", strategy_name="growth",
                )
            )  # fmt: skip
            latencies.append(perf_counter() - began)
            over.wait(0.005)

    writer = Thread(target=write)
    writer.start()
    began = perf_counter()
    removed = purge.purge_session(db.settings, old)
    took = perf_counter() - began
    over.set()
    writer.join()
    if dict(removed)["strategy_executions"] != rows:
        raise SystemExit(f"the purge removed {removed}")
    return took, sorted(latencies)


def long_session(server: Server, *, snapshots: int) -> dict[str, float]:
    """Seconds to keep a session of so many snapshots by days, to resume and to end it, by default settings."""
    server.create_database("long", template="template0")
    settings = Settings.load(server.tcp_url(database="long"), environ={})
    with psycopg.connect(settings.conninfo, autocommit=True) as owner:
        owner.execute(schema_sql())
        [(session_id,)] = owner.execute(SESSION).fetchall()
        owner.execute("SET session_replication_role = replica")
        owner.execute(SNAPSHOTS, {"session": session_id, "rows": snapshots, "apart": YEARS / snapshots})
        owner.execute("VACUUM ANALYZE account_history")
    kept = timed(lambda: rebuild(settings, session_id=session_id))
    resume = sessions.resume_or_create(
        strategy_name="history", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1, holder="growth",
        session_id=session_id,
    )  # fmt: skip
    with Database(settings) as db:
        resumed = timed(lambda: db.run(resume))
        ended = timed(lambda: db.run(sessions.end_trading_session(session_id=session_id)))
    return {"rebuild": kept, "resume_or_create": resumed, "end_trading_session": ended}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=1_000_000, help="decisions in the largest table")
    parser.add_argument("--purge", type=int, default=1_000_000, help="decisions that are purged beside a writer")
    parser.add_argument("--long", type=int, default=3_000_000, help="snapshots of a session that resumes and ends")
    options = parser.parse_args()
    # A throwaway cluster has no time to tune itself: as much memory as a small server has.
    tuned = {"shared_buffers": "1GB", "max_wal_size": "8GB"}
    with server_apart(tuned) as server, ExitStack() as stack:
        databases = {size: filled(server, size) for size in sizes(options.largest)}
        measured = medians(databases)
        largest = stack.enter_context(Database(databases[max(databases)]))
        board = dashboard.dashboard(session_id=1)
        refresh = min(timed(lambda: largest.run_batch(board)) for _ in range(ROUNDS))
        took, latencies = stall_beside_a_purge(largest, rows=options.purge)
        long = long_session(server, snapshots=options.long)
    print_curves(measured)
    print(f"\nA dashboard of a session with {max(databases) // SESSIONS // 10} trades: {refresh * 1000:.0f} ms.")
    print(
        f"\nA session with {options.long} snapshots: "
        + ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in long.items())
        + "."
    )
    print(
        f"\nPurge of {options.purge} decisions: {took:.1f} s. A writer's log_trade meanwhile, {len(latencies)} times:"
        f" median {median(latencies) * 1000:.1f} ms, longest {latencies[-1] * 1000:.0f} ms."
    )


def filled(server: Server, size: int) -> Settings:
    """A database with so many decisions, and all else in proportion."""
    began = perf_counter()
    server.create_database(f"growth_{size}", template="template0")
    url = server.tcp_url(database=f"growth_{size}")
    with psycopg.connect(url) as connection:
        connection.execute(schema_sql())
    settings = Settings.load(url, environ={})._replace(query_deadline=0, statement_timeout=0)
    with Database(settings) as db, psycopg.connect(url, autocommit=True) as owner:
        for _ in range(SESSIONS):
            db.run(new_session("PAPER"))
        owner.execute(AS_THEY_ARE)
        for filling in (FILL.format(sessions=SESSIONS, first=1, last=size), CLOSINGS, LEDGER):
            owner.execute(filling)
        owner.execute("RESET session_replication_role")
        for session_id in range(1, SESSIONS + 1):
            db.run(metrics.rebuild_performance_metrics(session_id=session_id))
        owner.execute("VACUUM ANALYZE")
        owner.execute("CHECKPOINT")
    print(f"{size} decisions after {perf_counter() - began:.0f} s", file=sys.stderr)
    return settings


def print_curves(measured: dict[int, dict[str, float]]) -> None:
    """A line an operation: milliseconds at each size, and the last over the first."""
    print("| decisions |", " | ".join(f"{size:,}" for size in measured), "| last / first |")
    print("|---|" + "---|" * (len(measured) + 1))
    first, last = measured[min(measured)], measured[max(measured)]
    for name in first:
        cells = " | ".join(f"{times[name]:.2f}" for times in measured.values())
        print(f"| {name} | {cells} | {last[name] / first[name]:.2f} |")


if __name__ == "__main__":
    main()
