"""Samples of both generations of the incumbent: its own figures, every difference, and a second run."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from atb_db import Database
from atb_db.embedded import Server
from atb_db.importing.importing import import_incumbent
from atb_db.importing.incumbent.comparing import Compared, compare_incumbent
from atb_db.importing.incumbent.planning import Choice
from atb_db.importing.results import Imported
from atb_db.repository import imports, positions, trades
from atb_db.testing import settings_of
from tests.importing.conftest import Sample, adds_up, books_are_clean, expected, silent
from tests.importing.test_at_once import same_books

GENERATIONS = [pytest.param("incumbent-2025-10", marks=pytest.mark.slow), "incumbent-head"]


def imported(url: str, source: str) -> Imported:
    return import_incumbent(settings_of(url), settings_of(source), Choice("UTC"), dry_run=False, progress=silent)


@pytest.fixture
def restored(server: Server, sample: Sample) -> Iterator[Callable[[str], str]]:
    """A sample's dump, restored; its URL."""
    there: dict[str, str] = {}

    def restore(name: str) -> str:
        if name not in there:
            path: Path = sample(f"{name}.sql.gz")
            there[name] = server.create_database(name, template="template0")
            subprocess.run(
                [server.bin_dir / "psql", "-q", there[name]],
                input=gzip.decompress(path.read_bytes()),
                capture_output=True,
                check=True,
            )
        return there[name]

    yield restore
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for name in there:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize("name", GENERATIONS)
def test_the_samples_give_the_incumbents_own_figures_and_a_second_run_changes_nothing(
    sample: Sample, restored: Callable[[str], str], fresh_url: str, fresh_db: Database, name: str
) -> None:
    """One import for all of it: it takes longer than anything that is asked of it."""
    due = expected(sample(f"{name}.expected.json"))
    source = restored(name)
    first = imported(fresh_url, source)
    have_the_figures(fresh_db, first, due)
    name_every_difference(first)
    compare(fresh_url, source, due)
    again = imported(fresh_url, source)
    assert [one._replace(known=0) for one in again.counts] == list(first.counts)
    assert all(one.known == one.rows for one in again.counts)
    assert again.books == first.books
    assert again.fates == ()
    assert books_are_clean(fresh_url)


def have_the_figures(db: Database, done: Imported, due: Mapping[str, Any]) -> None:
    """Every session of the books has the source's P&L, fees, balance and open positions."""
    assert adds_up(done)
    assert {one.table: one.rows for one in done.counts if one.table != "(last balance)"} == due["tables"]
    kept = {
        one.source_key: one.content
        for one in db.run(imports.get_quarantine(source_id=done.source_id))
        if one.source_table == "trades" and isinstance(one.content, dict)
    }
    for session, book in zip([one for one in due["sessions"] if one["id"]], done.books, strict=True):
        own = db.run(trades.get_recent_trades(session_id=book.session_id, limit=1000))
        apart = [one for one in kept.values() if one["session_id"] == session["id"] and one["pnl"] != "NaN"]
        extra = sum((one.pnl for one in own if one.exit_reason == "partial_exit"), Decimal(0))
        pnl = sum((one.pnl for one in own), Decimal(0)) + sum(Decimal(str(one["pnl"])) for one in apart)
        assert pnl - extra == Decimal(session["trades"]["sum_pnl"]), session["session_name"]
        fees = sum((one.commission for one in own), Decimal(0)) + sum(Decimal(str(one["commission"])) for one in apart)
        assert fees == Decimal(session["trades"]["sum_commission"])
        if session["last_balance"]:
            assert book.balance == Decimal(session["last_balance"]["total_balance"])
        found = sorted(
            (one.symbol, str(one.side)) for one in db.run(positions.get_active_positions(session_id=book.session_id))
        )
        assert found == sorted(
            (one["symbol"], one["side"])
            for one in session["open_positions"]
            if Decimal(one["current_size"] or 1) and (one["quantity"] is None or Decimal(one["quantity"]))
        )


def name_every_difference(done: Imported) -> None:
    """What the books do not say as the source does is listed."""
    subjects = {one.subject.partition(":")[2].strip() for one in done.differences}
    assert {"current size of its original", "trades", "net_pnl", "open_positions"} <= subjects
    assert any("partial exit" in one.subject and "are left" in one.books for one in done.differences)
    assert "balance" not in subjects


def compare(url: str, source: str, due: Mapping[str, Any]) -> None:
    """The dashboard's figures beside ours are the expected ones, and differ where rows are apart."""
    found = list(compare_incumbent(settings_of(url), settings_of(source)))
    figures: dict[str, dict[str, Compared]] = {}
    for one in found:
        figures.setdefault(one.session, {})[one.figure] = one
    for session in [one for one in due["sessions"] if one["id"]]:
        own = figures[f"{session['id']} {session['session_name']}"]
        trades = session["trades"]
        if trades["trades"]:
            assert own["total_trades"].source == trades["trades"]
            assert own["gross_pnl"].source == Decimal(trades["sum_pnl"])
            assert (own["winning_trades"].source, own["losing_trades"].source) == (trades["wins"], trades["losses"])
        if session["last_balance"]:
            assert own["balance"].same
        if "peak_equity" in own:
            assert own["peak_equity"].same
    different = [one for one in found if not one.same]
    assert different
    assert len(different) < len(found) / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATIONS)
def test_positions_booked_at_once_are_those_of_the_single_commands(
    restored: Callable[[str], str], fresh_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = restored(name)
    same_books(lambda url: imported(url, source), fresh_url, empty_url, monkeypatch)
