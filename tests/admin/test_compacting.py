"""Decisions in chunks: read, exported, repeated and purged as before, and back again, each as it was."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.admin import compacting
from atb_db.admin.access.roles import Members, set_roles
from atb_db.admin.connection import perform
from atb_db.admin.errors import Refused
from atb_db.admin.exporting.manifest import FileFormat
from atb_db.admin.exporting.writing import ExportChoice, export
from atb_db.admin.purge import count_log, purge_log, purge_session
from atb_db.cli.exits import ExitCode
from atb_db.database.connecting import Adapters
from atb_db.embedded import Server
from atb_db.errors import IdempotencyConflict, InvalidInput
from atb_db.repository import audit, events, history, monitoring, sessions
from atb_db.statement import Statement
from atb_db.values import new_request_id
from tests.admin.roles import execute, remove_roles
from tests.cli.conftest import COMMAND, Run, call, environment

__all__ = ["call"]

START = datetime(2024, 3, 1, tzinfo=UTC)
BEFORE = datetime(2024, 4, 1, tzinfo=UTC)
ROWS = 60

RAW = "SELECT array_agg(x::text ORDER BY x.id) FROM {} AS x"
ANY = """
INSERT INTO strategy_executions (
    session_id, timestamp, strategy_name, symbol, timeframe, signal_type, signal_strength, confidence_score,
    action_taken, price, position_size, volume, volatility, indicators, sentiment_data, ml_predictions, reasons,
    request_hash
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def any_decision(chance: Random, session_id: int) -> tuple[object, ...]:
    """Of few moments, so that many are of the same; of few names, so that filters find some."""

    def number() -> str | None:
        return chance.choice([None, "0", "0.50", "0.500", "1", "1e-18", str(chance.random())])

    def document() -> str | None:
        return chance.choice([None, "null", "[]", '{"a": 1.10, "ü": "☃ \\" \\\\ ,(){}"}', f"[{chance.random()}, null]"])

    return (
        session_id,
        START + timedelta(minutes=chance.randrange(ROWS // 2)),
        chance.choice(["ml", "ünï, (code)"]),
        chance.choice(["BTC/USDT:USDT", 'X "q" \\', "RARE"] if chance.random() < 0.1 else ["BTCUSDT", "ETHUSDT"]),
        chance.choice([None, "1h"]),
        "hold",
        number(),
        number(),
        chance.choice(["none", "NULL"]),
        chance.choice(["0", "60000.10", "60000.1000", "99999999999999999999.000000000000000001"]),
        *(number() for _ in range(3)),
        *(document() for _ in range(4)),
        chance.randrange(-(2**63), 2**63),
    )


@pytest.fixture
def settings(fresh_url: str) -> Settings:
    return Settings.load(fresh_url, environ={})


@pytest.fixture
def decided(fresh_db: Database, fresh_url: str) -> int:
    """A session with old decisions of all kinds, one with a trade, and one of today; its neighbour has some, too."""
    started = [
        fresh_db.run(
            sessions.create_trading_session(
                strategy_name=name, symbol="X", timeframe="1h", mode="PAPER", initial_balance=1
            )
        )
        for name in ("ml", "other")
    ]
    chance = Random(17)  # noqa: S311  not for secrets
    with psycopg.connect(fresh_url) as connection:
        rows = [any_decision(chance, started[0]) for _ in range(ROWS)]
        rows += [any_decision(chance, started[1]) for _ in range(ROWS // 4)]
        connection.cursor().executemany(ANY, rows)
    for session_id in started:
        fresh_db.run(decision(session_id, datetime.now(UTC)))
    return started[0]


def decision(session_id: int, moment: datetime, price: int = 1) -> Statement[int]:
    return events.log_strategy_execution(
        session_id=session_id,
        strategy_name="ml",
        symbol="BTCUSDT",
        signal_type="hold",
        action_taken="none",
        price=price,
        timestamp=moment,
    )


def raw(url: str, relation: str = "strategy_executions") -> list[str]:
    with psycopg.connect(url) as connection:
        [(found,)] = connection.execute(RAW.format(relation).encode()).fetchall()
    return found or []


def pages(db: Database, limit: int, **chosen: object) -> Iterator[events.Decision]:
    page = db.run(history.get_decisions(limit=limit, **chosen))  # type: ignore[arg-type]
    while page:
        yield from page
        last = page[-1]
        page = db.run(
            history.get_decisions(limit=limit, before=last.timestamp, before_id=last.id, **chosen)  # type: ignore[arg-type]
        )


def answers(db: Database, url: str, session_id: int, folder: Path) -> dict[str, object]:
    """What everything that reads decisions answers."""
    middle = START + timedelta(minutes=ROWS // 4)
    found: dict[str, object] = {
        f"pages of {limit}, {chosen}": list(pages(db, limit, **chosen))
        for limit in (1, 7, 1000)
        for chosen in (
            {"session_id": session_id},
            {},
            {"symbol": "BTCUSDT"},
            {"session_id": session_id, "symbol": "RARE"},
            {"session_id": session_id, "action_taken": "NULL", "strategy_name": "ml"},
            {"session_id": session_id, "start": middle, "end": middle + timedelta(minutes=5)},
        )
        if limit > 1 or chosen == {"session_id": session_id}
    }
    with psycopg.connect(url) as connection:
        for name, query in {
            "view": "SELECT d::text FROM reporting.decisions AS d ORDER BY decision_id",
            "span": "SELECT d::text FROM every_decision(%(at)s, %(at)s + interval '5 minutes') AS d ORDER BY id",
            "life": "SELECT id, last_sign_of_life(id) FROM trading_sessions ORDER BY id",
        }.items():
            found[name] = connection.execute(query, {"at": middle}).fetchall()
    found["fresh"] = [one.decision_time for one in db.run(monitoring.get_data_freshness(session_id=session_id))]
    found["audit"] = db.run_batch(audit.audit_session(session_id=session_id))
    settings = Settings.load(url, environ={})
    manifest = export(settings, ExportChoice(), folder, file_format=FileFormat.CSV)
    found["export"] = next(one for one in manifest.tables if one.table == "strategy_executions")
    return found


def test_everything_answers_the_same_and_undoing_makes_the_same_rows(
    fresh_db: Database, fresh_url: str, settings: Settings, decided: int, tmp_path: Path
) -> None:
    rows, every = raw(fresh_url), raw(fresh_url, "every_decision()")
    before = answers(fresh_db, fresh_url, decided, tmp_path / "before")
    would = compacting.compactable(settings, before=BEFORE, size=7)
    done = compacting.compact(settings, before=BEFORE, size=7)
    assert done == would
    assert [(one.decisions, one.chunks) for one in done] == [(56, 8), (14, 2)]
    assert len(raw(fresh_url)) == len(rows) - 70
    assert compacting.packed(settings) == done
    assert raw(fresh_url, "every_decision()") == every
    after = answers(fresh_db, fresh_url, decided, tmp_path / "after")
    assert {name: after[name] for name in before if after[name] != before[name]} == {}
    assert compacting.compact(settings, before=BEFORE, size=7) == []
    assert compacting.unpack(settings) == done
    assert raw(fresh_url) == rows
    assert compacting.packed(settings) == []


def test_an_ended_session_leaves_its_newest(fresh_db: Database, settings: Settings) -> None:
    session = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="ml", symbol="X", timeframe="1h", mode="BACKTEST", initial_balance=1, start_time=START
        )
    )
    made = [fresh_db.run(decision(session, START + timedelta(hours=hour))) for hour in range(5)]
    assert compacting.compact(settings, before=BEFORE, size=10) == []
    fresh_db.run(sessions.end_trading_session(session_id=session, end_time=START + timedelta(days=1)))
    assert compacting.compact(settings, before=BEFORE, size=10) == [(session, 4, 1)]
    assert [one.id for one in pages(fresh_db, 2, session_id=session)] == made[::-1]
    [fresh] = fresh_db.run(monitoring.get_data_freshness(session_id=session))
    assert fresh.decision_time == START + timedelta(hours=4)
    with pytest.raises(InvalidInput, match="last day"):
        compacting.compact(settings, before=datetime.now(UTC), session_id=session)


def test_a_repeated_request_is_known_again(
    fresh_db: Database, fresh_url: str, settings: Settings, decided: int
) -> None:
    told = decision(decided, START + timedelta(minutes=1, seconds=1))
    known = fresh_db.run(told)
    copied = {
        "session_id": decided,
        "strategy_name": "ml",
        "symbol": "BTCUSDT",
        "signal_type": "hold",
        "action_taken": "none",
        "price": 1,
        "timestamp": START + timedelta(minutes=2, seconds=2),
        "request_id": new_request_id(),
    }
    load = events.copy_strategy_executions(**copied)  # type: ignore[arg-type]
    fresh_db.copy_in([load])
    compacting.compact(settings, before=BEFORE, size=10)
    every = raw(fresh_url, "every_decision()")
    assert fresh_db.run(told) == known
    with pytest.raises(IdempotencyConflict):
        fresh_db.run(events.log_strategy_execution(**copied | {"price": 2}))  # type: ignore[arg-type]
    with pytest.raises(IdempotencyConflict):
        fresh_db.copy_in([load])
    assert fresh_db.run(events.log_strategy_execution(**copied)) > known  # type: ignore[arg-type]
    assert raw(fresh_url, "every_decision()") == every
    late = fresh_db.run(decision(decided, START + timedelta(minutes=3, seconds=3)))
    assert late in {one.id for one in pages(fresh_db, 9, session_id=decided)}
    fresh_db.run(sessions.end_trading_session(session_id=decided))
    assert fresh_db.run(told) == known


def test_a_page_reads_the_chunks_that_it_shows(
    fresh_db: Database, fresh_url: str, settings: Settings, decided: int
) -> None:
    for minute in range(20):
        fresh_db.run(decision(decided, datetime.now(UTC) - timedelta(minutes=minute)))
    compacting.compact(settings, before=BEFORE, size=5)
    read = """
    SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))
      FROM pg_class
     WHERE relname IN ('decision_chunks', 'decision_chunks_session_id_last_time_idx', 'decision_chunks_pkey')
    """

    def chunks_read(**chosen: object) -> int:
        statement = history.get_decisions(session_id=decided, **chosen)  # type: ignore[arg-type]
        with psycopg.connect(fresh_url, context=Adapters()) as connection:
            connection.execute("SET enable_seqscan = off")
            perform(connection, statement)
            [(rows,)] = connection.execute(read).fetchall()
            return int(rows)

    # The newest chunk's time, in its index: no decision of today is in one.
    assert chunks_read(limit=20) <= 3
    shown = "SELECT count(*) FROM chunks_of_page(%s, NULL, NULL, NULL, '-infinity', %s, 3)"
    with psycopg.connect(fresh_url) as connection:
        # One that has three, and what may have others of the same moment.
        assert connection.execute(shown, [decided, BEFORE]).fetchall() < [(4,)]
    assert chunks_read(limit=3, end=BEFORE) > 0


@pytest.mark.usefixtures("decided")
def test_what_is_killed_has_moved_whole_chunks(fresh_url: str, settings: Settings) -> None:
    every = raw(fresh_url, "every_decision()")

    class KilledError(Exception):
        pass

    def kill(_what: str, done: int, _total: int | None) -> None:
        assert raw(fresh_url, "every_decision()") == every
        if done >= 14:
            raise KilledError

    with pytest.raises(KilledError):
        compacting.compact(settings, before=BEFORE, size=7, progress=kill)
    assert [one.chunks for one in compacting.packed(settings)] == [2]
    assert sum(one.chunks for one in compacting.compact(settings, before=BEFORE, size=7)) == 8
    with pytest.raises(KilledError):
        compacting.unpack(settings, progress=kill)
    assert compacting.unpack(settings)
    assert raw(fresh_url) == every_row(fresh_url)


@pytest.mark.slow
@pytest.mark.parametrize("undo", [False, True])
def test_a_process_that_is_killed(fresh_url: str, settings: Settings, decided: int, *, undo: bool) -> None:
    with psycopg.connect(fresh_url) as connection:
        chance = Random(18)  # noqa: S311  not for secrets
        connection.cursor().executemany(ANY, [any_decision(chance, decided) for _ in range(3000)])
    every = raw(fresh_url, "every_decision()")
    if undo:
        compacting.compact(settings, before=BEFORE, size=10)
    there = sum(one.chunks for one in compacting.packed(settings))
    command = [*COMMAND, "compact", "--size", "10", "--yes", *(["--undo"] if undo else [])]
    with subprocess.Popen(command, env=environment(fresh_url), stderr=subprocess.DEVNULL) as run:
        until = monotonic() + 60
        while sum(one.chunks for one in compacting.packed(settings)) == there and monotonic() < until:
            sleep(0.01)
        run.send_signal(signal.SIGKILL)
    left = sum(one.chunks for one in compacting.packed(settings))
    assert left != there
    assert raw(fresh_url, "every_decision()") == every
    compacting.compact(settings, before=BEFORE, size=10)
    compacting.unpack(settings)
    assert raw(fresh_url) == every_row(fresh_url)


def every_row(url: str) -> list[str]:
    """All decisions as rows of the table's type would show them, wherever they are."""
    with psycopg.connect(url) as connection:
        [(packed,)] = connection.execute("SELECT count(*) FROM decision_chunks").fetchall()
    assert packed == 0
    return raw(url)


def test_moving_there_and_back_while_others_write_and_repeat(
    fresh_db: Database, fresh_url: str, settings: Settings, decided: int
) -> None:
    told = [decision(decided, START + timedelta(minutes=n % 30, microseconds=1), price=n) for n in range(40)]
    first: list[int] = []
    again: list[int] = []
    stop = Event()
    failed: list[BaseException] = []

    def move() -> None:
        try:
            while not stop.is_set():
                compacting.compact(settings, before=BEFORE, session_id=decided, size=7)
                compacting.unpack(settings, session_id=decided)
        except BaseException as error:  # noqa: BLE001  shown by the test
            failed.append(error)

    movers = [Thread(target=move) for _ in range(2)]
    for mover in movers:
        mover.start()
    before = len(raw(fresh_url, "every_decision()"))
    first += [fresh_db.run(one) for one in told]
    again += [fresh_db.run(one) for one in told for _ in range(2)]
    stop.set()
    for mover in movers:
        mover.join(60)
    assert failed == []
    assert sorted(again) == sorted(first * 2)
    assert len(raw(fresh_url, "every_decision()")) == before + len(told)


def test_a_purge_waits_for_a_batch_and_leaves_nothing(
    fresh_db: Database, fresh_url: str, settings: Settings, decided: int
) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=decided))
    compacting.compact(settings, before=BEFORE, session_id=decided, size=20)
    compacting.unpack(settings, session_id=decided)
    compacting.compact(settings, before=START + timedelta(minutes=10), session_id=decided, size=20)
    with psycopg.connect(fresh_url) as batch:
        batch.execute("SELECT compact_decisions(%s, %s, 7, '-infinity')", [decided, BEFORE])
        purged = Thread(target=purge_session, args=(settings, decided), kwargs={"batch": 3})
        purged.start()
        purged.join(0.2)
        assert purged.is_alive()
    purged.join(60)
    with psycopg.connect(fresh_url) as connection:
        left = "SELECT count(*) FROM every_decision() WHERE session_id = %(of)s"
        gone = "SELECT count(*) FROM trading_sessions WHERE id = %(of)s"
        for query in (left, gone):
            assert connection.execute(query.encode(), {"of": decided}).fetchone() == (0,)


@pytest.mark.usefixtures("decided")
def test_logs_go_by_age_also_out_of_chunks(fresh_url: str, settings: Settings) -> None:
    compacting.compact(settings, before=BEFORE, size=7)
    before = START + timedelta(minutes=13)
    with psycopg.connect(fresh_url) as connection:
        old = "SELECT count(*) FROM every_decision() WHERE timestamp < %s"
        [(rows,)] = connection.execute(old, [before]).fetchall()
        [(kept,)] = connection.execute(
            "SELECT count(*) FROM every_decision() WHERE timestamp >= %s", [before]
        ).fetchall()
    assert count_log(settings, "strategy_executions", before=before).rows == rows > 0
    assert purge_log(settings, "strategy_executions", before=before, batch=3).rows == rows
    assert len(raw(fresh_url, "every_decision()")) == kept
    assert compacting.packed(settings)


def test_the_command(call: Run, fresh_url: str, decided: int) -> None:
    rows = raw(fresh_url)
    size = ("--size", "7")
    assert call("compact", *size, url=fresh_url).code == ExitCode.REFUSED
    assert call("compact", "--older-than", "1h", "--yes", url=fresh_url).code == ExitCode.USAGE
    assert call("compact", "--session", "99", "--yes", url=fresh_url).code == ExitCode.FAILED
    dry = json.loads(call("compact", *size, "--dry-run", "--json", url=fresh_url).out)
    assert raw(fresh_url) == rows
    done = call("compact", *size, "--yes", "--json", url=fresh_url)
    assert done.code == ExitCode.OK
    assert json.loads(done.out) == dry | {"dry_run": False}
    assert (dry["decisions"], dry["chunks"], len(dry["sessions"])) == (70, 10, 2)
    assert "Compacted 0 decisions" in call("compact", *size, "--yes", url=fresh_url).err
    one = call("compact", "--undo", "--session", str(decided), "--yes", url=fresh_url)
    assert (one.code, "Moved back 56 decisions of 8 chunks." in one.err) == (ExitCode.OK, True)
    assert call("compact", "--undo", url=fresh_url).code == ExitCode.REFUSED
    assert call("compact", "--undo", "--yes", url=fresh_url).code == ExitCode.OK
    assert raw(fresh_url) == rows
    with psycopg.connect(fresh_url) as connection:
        events_told = "SELECT message FROM system_events WHERE event_type = 'MAINTENANCE' ORDER BY id"
        told = [message for (message,) in connection.execute(events_told).fetchall()]
    assert told == ["Compacting 70 decisions", "Moving back 56 decisions", "Moving back 14 decisions"]


def test_whoever_may_not_move_decisions_leaves_no_event_of_it(
    server: Server, fresh_url: str, settings: Settings, decided: int
) -> None:
    execute(server.url(), "CREATE ROLE engine LOGIN", "CREATE ROLE reader LOGIN")
    try:
        assert set_roles(settings, Members(engines=("engine",), readers=("reader",))).undone == ()
        rows = raw(fresh_url)
        for login in ("engine", "reader"):
            other = Settings.load(fresh_url.replace("postgres@", f"{login}@"), environ={})
            found = compacting.compactable(other, before=BEFORE, session_id=decided)
            with pytest.raises(Refused, match=f"{login} may not delete"):
                compacting.announce(other, "Compacting", found)
            with pytest.raises(Refused, match=f"{login} may not delete"):
                compacting.compact(other, before=BEFORE)
            with pytest.raises(Refused, match=f"{login} may not delete"):
                compacting.unpack(other)
    finally:
        remove_roles(server, "engine", "reader")
    assert raw(fresh_url) == rows
    with psycopg.connect(fresh_url) as connection:
        query = "SELECT count(*) FROM system_events WHERE event_type = 'MAINTENANCE'"
        assert connection.execute(query).fetchone() == (0,)
