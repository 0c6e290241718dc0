"""Exports: everything of sessions in files that others read, taken back row for row, or refused and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from atb_db import Database
from atb_db.admin.audit import audit
from atb_db.admin.backup.manifest import checksum
from atb_db.admin.errors import BadExport, Unusable
from atb_db.admin.exporting.loading import take_back
from atb_db.admin.exporting.manifest import FileFormat, read_manifest
from atb_db.admin.exporting.tables import EXPORTED, NOT_EXPORTED
from atb_db.admin.exporting.writing import ExportChoice, export
from atb_db.admin.rebuild import rebuild
from atb_db.embedded import Server
from atb_db.errors import Conflict, NotFound
from atb_db.repository import events, imports, optimization, sessions, trades
from atb_db.testing import settings_of
from tests.conftest import TEMPLATE
from tests.statements.examples import prepare

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
FORMATS: Final = list(FileFormat)


@pytest.fixture
def source(fresh_url: str, fresh_db: Database) -> str:
    """A database with something in every table."""
    world = prepare(fresh_db, unbooked=False)
    fresh_db.run(
        events.log_strategy_execution(
            session_id=world.session_id,
            strategy_name="example",
            symbol="BTCUSDT",
            signal_type="buy",
            action_taken="opened",
            price=100,
            indicators={"rsi": "31.5"},
            trade_id=world.trade_id,
        )
    )
    fresh_db.run(
        optimization.record_optimization_cycle(
            strategy_name="example",
            symbol="BTCUSDT",
            timeframe="1h",
            baseline_metrics={"sharpe": 1},
            decision="reject",
            session_id=world.session_id,
        )
    )
    return fresh_url


@pytest.fixture
def other(server: Server, request: pytest.FixtureRequest) -> str:
    """Another database, which has no rows, and whose next ids are others."""
    name = f"other_{abs(hash(request.node.nodeid))}"
    url = server.create_database(name, template=TEMPLATE)
    with psycopg.connect(url, autocommit=True) as connection:
        for (table,) in connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'id' AND is_identity = 'YES'"
        ).fetchall():
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH 5001".encode())
    return url


def rows(url: str, table: str, columns: list[str], ids: dict[tuple[str, int], int]) -> list[list[object]]:
    """A table's rows in order, references to other rows by what `ids` says of them."""
    spec = next(one for one in EXPORTED if one.name == table)
    references = spec.references | ({"id": table} if spec.has_ids else {})
    order = ", ".join(spec.order)
    # What belongs to no session is in no export.
    where = "WHERE session_id IS NOT NULL" if "session_id" in columns else ""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            f"SELECT {', '.join(columns)} FROM {table} {where} ORDER BY {order}".encode()
        ).fetchall()
    return [
        [
            ids.get((references[name], value), value) if name in references and value is not None else value
            for name, value in zip(columns, row, strict=True)
        ]
        for row in found
    ]


def same(source: str, other: str, folder: Path) -> bool:
    """Whether both databases have the same rows, but for their ids."""
    manifest = read_manifest(folder)
    with psycopg.connect(other) as connection:
        mapped = connection.execute("SELECT source_table, source_key::bigint, target_id FROM imported_rows").fetchall()
    ids = {(table, old): new for table, old, new in mapped}
    for file in manifest.tables:
        columns = list(file.columns)
        assert rows(source, file.table, columns, ids) == rows(other, file.table, columns, {}), file.table
    return True


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_taken_back_is_equal_row_for_row(
    source: str, other: str, tmp_path: Path, file_format: FileFormat
) -> None:
    folder = tmp_path / "out"
    manifest = export(settings_of(source), ExportChoice(), folder, file_format=file_format)
    assert all(one.rows for one in manifest.tables)
    done = take_back(settings_of(other), folder)
    assert done.rows == {one.table: one.rows for one in manifest.tables}
    assert all(one.session_id > 5000 and not one.known for one in done.sessions)
    assert same(source, other, folder)
    assert rebuild(settings_of(other), only_missing=True) == [(one.session_id, 0, 0) for one in done.sessions]
    assert {one.finding for one in audit(settings_of(other)).findings} == {
        one.finding for one in audit(settings_of(source)).findings
    }
    again = take_back(settings_of(other), folder)
    assert [(one.session_id, one.known) for one in again.sessions] == [(one.session_id, True) for one in done.sessions]
    assert not any(again.rows.values())
    with Database(other) as db:
        [found] = db.run(imports.find_imported(source_table="trades", source_key="1"))
        assert found.target_id is not None
        assert found.target_id > 5000


def test_both_formats_are_the_same_export(source: str, other: str, tmp_path: Path) -> None:
    for file_format in FORMATS:
        export(settings_of(source), ExportChoice(), tmp_path / file_format, file_format=file_format)
    take_back(settings_of(other), tmp_path / "csv")
    assert all(one.known for one in take_back(settings_of(other), tmp_path / "parquet").sessions)


def test_one_session_or_those_since_a_moment(source: str, other: str, fresh_db: Database, tmp_path: Path) -> None:
    [first, *_] = fresh_db.run(sessions.get_active_sessions())
    manifest = export(settings_of(source), ExportChoice(session_id=first.id), tmp_path / "one")
    assert manifest.sessions == (first.id,)
    fresh_db.run(sessions.end_trading_session(session_id=first.id))
    late = export(
        settings_of(source),
        ExportChoice(since=fresh_db.run(sessions.get_trading_session(session_id=first.id)).end_time),
        tmp_path / "since",
    )
    assert first.id in late.sessions
    take_back(settings_of(other), tmp_path / "one")
    with pytest.raises(Conflict, match="has changed since: purge that one first"):
        take_back(settings_of(other), tmp_path / "since")
    with pytest.raises(NotFound):
        export(settings_of(source), ExportChoice(session_id=999_999), tmp_path / "none")
    assert not list(tmp_path.glob(".*"))
    assert not (tmp_path / "none").exists()


def test_a_dry_run_writes_nothing(source: str, other: str, tmp_path: Path) -> None:
    export(settings_of(source), ExportChoice(), tmp_path / "out")
    tried = take_back(settings_of(other), tmp_path / "out", dry_run=True)
    assert tried.dry_run
    assert is_empty(other)
    assert take_back(settings_of(other), tmp_path / "out").rows == tried.rows


def test_a_session_that_the_database_has_is_not_imported_twice(source: str, tmp_path: Path) -> None:
    export(settings_of(source), ExportChoice(), tmp_path / "out")
    with pytest.raises(Conflict, match="is in this database already, as its session"):
        take_back(settings_of(source), tmp_path / "out")


def is_empty(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM trading_sessions), (SELECT count(*) FROM imported_rows),"
            " (SELECT count(*) FROM import_sources)"
        ).fetchone()
    assert found == (0, 0, 0)
    return True


def _edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def _cut(folder: Path) -> None:
    path = folder / "trades.csv"
    path.write_bytes(path.read_bytes()[:-20])


def _reshaped(folder: Path) -> None:
    """A file of fewer rows, with a hash that fits."""
    path = folder / "trades.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    def sign(found: dict[str, Any]) -> None:
        next(one for one in found["tables"] if one["table"] == "trades")["sha256"] = checksum(path)

    _edit(folder, sign)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged": (_cut, r"trades\.csv is damaged: its SHA-256 is not the manifest's"),
    "other rows": (_reshaped, r"trades\.csv has \d+ rows, and the manifest says \d+"),
    "a missing file": (lambda folder: (folder / "orders.csv").unlink(), r"orders\.csv is missing"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), r"is no export: it has no manifest\.json"),
    "half a manifest": (lambda folder: (folder / "manifest.json").write_text("{"), r"manifest\.json cannot be read"),
    "another format": (lambda folder: _edit(folder, lambda found: found.update(format=9)), r"is of format 9"),
    "a later schema": (
        lambda folder: _edit(folder, lambda found: found.update(schema="9999-later")),
        r"schema 9999-later, which atb_db .* has and this version does not know",
    ),
    "a file elsewhere": (
        lambda folder: _edit(folder, lambda found: found["tables"][0].update(file="../x.csv")),
        r"x\.csv is missing",
    ),
    "an unknown table": (
        lambda folder: _edit(folder, lambda found: found["tables"][0].update(table="x")),
        r"has a table x, which this version",
    ),
    "an unknown column": (
        lambda folder: _edit(folder, lambda found: found["tables"][0]["columns"].update(x="text")),
        r"has no column x, which the export has",
    ),
}


@pytest.mark.parametrize("why", BROKEN)
def test_what_is_no_whole_export_is_refused_with_nothing_written(
    source: str, other: str, tmp_path: Path, why: str
) -> None:
    folder = tmp_path / "out"
    export(settings_of(source), ExportChoice(), folder, file_format=FileFormat.CSV)
    breaks, sentence = BROKEN[why]
    breaks(folder)
    with pytest.raises(BadExport, match=sentence):
        take_back(settings_of(other), folder)
    assert is_empty(other)


def test_a_folder_with_something_in_it_is_left_alone(source: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(Unusable, match="is there already"):
        export(settings_of(source), ExportChoice(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_others_read_the_files(source: str, tmp_path: Path) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    export(settings_of(source), ExportChoice(), tmp_path / "out")
    file = tmp_path / "out" / "trades.parquet"
    with psycopg.connect(source) as connection:
        due = connection.execute("SELECT count(*), sum(net_pnl), max(exit_time) FROM trades").fetchone()
    assert due is not None
    assert duckdb.sql(f"SELECT count(*), sum(net_pnl) FROM '{file}'").fetchall() == [due[:2]]
    frame = polars.read_parquet(file)
    assert (frame.height, frame["net_pnl"].sum(), frame["exit_time"].max()) == due


def test_every_table_of_a_session_is_exported_or_not_for_a_reason(fresh_url: str) -> None:
    with psycopg.connect(fresh_url) as connection:
        references = connection.execute(
            "SELECT c.conrelid::regclass::text, a.attname::text, c.confrelid::regclass::text FROM pg_constraint AS c"
            " JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
            " WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace"
        ).fetchall()
    exported = {table.name: table for table in EXPORTED}
    for table, column, parent in references:
        if parent not in exported or table in NOT_EXPORTED:
            continue
        assert table in exported, table
        # The chain of the ledger is by numbers, and a session's balance by its newest entry's.
        assert exported[table].references.get(column) == parent or parent == "account_balances", (table, column)
    assert set(NOT_EXPORTED) <= {table for table, _, _ in references}


def test_texts_that_look_like_nothing_or_much_stay_as_they_are(
    fresh_url: str, fresh_db: Database, other: str, tmp_path: Path
) -> None:
    session_id = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="x", symbol="A", timeframe="1h", mode="PAPER", initial_balance="1e-18"
        )
    )
    for message in ("\\N", '"', "a,b\nc\r\nd", "NULL", " ", "é🚀", "\\.", "t", "1e400"):
        fresh_db.run(
            events.log_event(
                event_type="TEST", message=message, session_id=session_id, details={"quoted": '"\\', "none": None}
            )
        )
    fresh_db.run(
        trades.log_trade(
            session_id=session_id, symbol="A", side="LONG", entry_price="1.123456789012345678901234", exit_price="1e25",
            size="0.1", entry_time=START, exit_time=START + timedelta(microseconds=1), pnl=1, exit_reason="x",
            strategy_name="x",
        )
    )  # fmt: skip
    for file_format in FORMATS:
        folder = tmp_path / file_format
        export(settings_of(fresh_url), ExportChoice(), folder, file_format=file_format)
    take_back(settings_of(other), tmp_path / "parquet")
    assert same(fresh_url, other, tmp_path / "parquet")
    assert all(one.known for one in take_back(settings_of(other), tmp_path / "csv").sessions)
