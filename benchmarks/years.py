"""A session of years, watched by many: clients of its dashboard, its audit and its report.

    python -m benchmarks.years                       10^5 trades, 200 clients, each every 30 s for two minutes
    python -m benchmarks.years --rows 1000000

A throwaway PostgreSQL with default durability and the library's default settings, on all processors but one while it is
watched, on all of them while it is audited; as Markdown on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import psycopg

from atb_db import AsyncDatabase, Database, Settings
from atb_db.admin.audit import audit
from atb_db.admin.report import ReportChoice, report_settings, write_report
from atb_db.repository.dashboard import dashboard
from atb_db.sqlfile import schema_sql
from benchmarks.filling import AS_THEY_ARE, CLOSINGS, LEDGER
from benchmarks.history import START, keep
from benchmarks.history_rows import POSITIONS, SESSION, SNAPSHOTS
from benchmarks.others import watched
from benchmarks.serving import server_apart, spread


class Watched(NamedTuple):
    """What the clients of a dashboard saw."""

    seconds: list[float]
    """From when each refresh was due until it was there."""
    errors: Counter[str]
    """Refreshes that failed, by the error."""


async def clients(
    settings: Settings, session_id: int, now: datetime, *, many: int, every: float, rounds: int
) -> Watched:
    """So many clients of one process, each of which refreshes its dashboard every so many seconds, at its own time."""
    found = Watched([], Counter())
    chance = Random(0)
    async with AsyncDatabase(settings) as db:
        # Plans are made once a connection; whoever opens the page first waits for them.
        await asyncio.gather(
            *(db.run_batch(dashboard(session_id=session_id, now=now)) for _ in range(settings.pool_max))
        )
        loop = asyncio.get_running_loop()
        start = loop.time()

        async def client(phase: float) -> None:
            for number in range(rounds):
                due = start + phase + number * every
                await asyncio.sleep(due - loop.time())
                try:
                    await db.run_batch(dashboard(session_id=session_id, now=now))
                except Exception as error:  # noqa: BLE001  counted, whatever it is
                    found.errors[type(error).__name__] += 1
                else:
                    found.seconds.append(loop.time() - due)

        await asyncio.gather(*(client(chance.uniform(0, every)) for _ in range(many)))
    return found


def coherent(owner: psycopg.Connection, rows: int, apart: timedelta) -> int:
    """A session of so many closed positions and snapshots, whose books balance."""
    [(session_id,)] = owner.execute(SESSION).fetchall()
    owner.execute(AS_THEY_ARE)
    for filling in (SNAPSHOTS, POSITIONS):
        owner.execute(filling.encode(), {"session": session_id, "rows": rows, "apart": apart})
    for filling in (CLOSINGS, LEDGER):
        owner.execute(filling.encode())
    owner.execute("RESET session_replication_role")
    owner.execute("SELECT rebuild_metrics(%s)", [session_id])
    owner.execute("VACUUM ANALYZE")
    assert isinstance(session_id, int)
    return session_id


def audited(settings: Settings, session_id: int, marks: Path) -> dict[str, float]:
    """Seconds that audits take of books that balance."""

    def taken(*, jobs: int, marks: Path | None = None) -> float:
        began = perf_counter()
        found = audit(settings, session_id=session_id, jobs=jobs, marks=marks)
        assert found.findings == (), found.findings[:3]
        return perf_counter() - began

    return {
        "audit": taken(jobs=1),
        "audit --jobs 2": taken(jobs=2),
        "audit --jobs 2 --marks FILE": taken(jobs=2, marks=marks),
        "and again": taken(jobs=2, marks=marks),
    }


def main() -> int:
    """Fill, add up days, watch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="trades and snapshots; orders are twice as many")
    parser.add_argument("--days", type=int, default=730, help="how many days they are spread over")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--every", type=float, default=30, help="seconds between two refreshes of a client")
    parser.add_argument("--rounds", type=int, default=4, help="refreshes of each client")
    options = parser.parse_args()
    with watched() as others, server_apart({"shared_buffers": "1GB", "max_wal_size": "8GB"}) as server:
        server.create_database("years", template="template0")
        settings = Settings.load(server.tcp_url(database="years"), environ={})
        with psycopg.connect(settings.conninfo, autocommit=True) as owner:
            owner.execute(schema_sql())
            session_id = coherent(owner, options.rows, timedelta(days=options.days) / options.rows)
            keep(owner, session_id)
        now = START + timedelta(days=options.days, minutes=1)
        seen = asyncio.run(
            clients(settings, session_id, now, many=options.clients, every=options.every, rounds=options.rounds)
        )
        with TemporaryDirectory() as folder:
            spread(server)
            audits = audited(settings, session_id, Path(folder) / "marks.json")
        with TemporaryDirectory() as folder, Database(report_settings(settings)) as db:
            began = perf_counter()
            written = write_report(db, ReportChoice(session_id=session_id), Path(folder) / "report.html")
            report_seconds = perf_counter() - began
    cuts = quantiles(seen.seconds, n=100)
    failed = ", ".join(f"{name} {count}" for name, count in seen.errors.items()) or "none"
    print(f"A session of {options.rows} trades and snapshots and {2 * options.rows} orders in {options.days} days.\n")
    print("| | |\n|---|---|")
    print(f"| {options.clients} clients, each every {options.every:g} s: refreshes | {len(seen.seconds)} |")
    print(f"| errors | {failed} |")
    print(f"| ms, median | {cuts[49] * 1000:.0f} |")
    print(f"| ms, 99th percentile | {cuts[98] * 1000:.0f} |")
    for how, taken in audits.items():
        print(f"| {how}, s | {taken:.1f} |")
    print(f"| report, s | {report_seconds:.2f} |")
    print(f"| its size, kB | {written.size / 1000:.0f} |")
    print(f"\nOther processes: {others}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
