"""The incumbent's figures beside ours: equal where everything was imported, and marked where it was not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count

import psycopg
import pytest
from psycopg import sql

from atb_db.embedded import Server
from atb_db.importing.errors import UnusableSource
from atb_db.importing.importing import import_incumbent
from atb_db.importing.incumbent.comparing import Compared, compare_incumbent
from atb_db.importing.incumbent.planning import Choice
from atb_db.testing import settings_of
from tests.importing.conftest import silent
from tests.importing.incumbents import ROWS, SCHEMA

_numbers = count(1)


@pytest.fixture
def make(server: Server) -> Iterator[Callable[[str], str]]:
    """Make a database of these statements; its URL."""
    made: list[str] = []

    def run(statements: str) -> str:
        made.append(f"compared_{next(_numbers)}")
        url = server.create_database(made[-1], template="template0")
        subprocess.run([server.bin_dir / "psql", "-q", url], input=statements.encode(), capture_output=True, check=True)
        return url

    yield run
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def compared(url: str, source: str) -> list[Compared]:
    import_incumbent(settings_of(url), settings_of(source), Choice("UTC"), dry_run=False, progress=silent)
    return list(compare_incumbent(settings_of(url), settings_of(source)))


def test_all_figures_of_what_was_imported_are_equal(make: Callable[[str], str], fresh_url: str) -> None:
    found = compared(fresh_url, make(SCHEMA + ROWS))
    assert [one for one in found if not one.same] == []
    of_live = {one.figure: one.source for one in found if one.session == "1 live"}
    assert of_live == {
        "total_trades": 1, "winning_trades": 1, "losing_trades": 0, "gross_pnl": 15, "commission": 1, "win_rate": 1,
        "margin_interest_cost": Decimal("0.25"), "net_pnl": Decimal("13.75"), "best_trade_pnl": 15,
        "worst_trade_pnl": 15, "open_positions": 1, "closed_positions": 1, "balance": 916, "peak_equity": 1000,
    }  # fmt: skip


def test_what_is_no_number_is_in_no_figure_of_the_source(make: Callable[[str], str], fresh_url: str) -> None:
    found = compared(fresh_url, make(SCHEMA + ROWS + "UPDATE trades SET pnl = 'NaN' WHERE id = 2;"))
    different = {one.figure: (one.source, one.books) for one in found if not one.same}
    assert different["total_trades"] == (Decimal(1), Decimal(0))
    assert "gross_pnl" not in different


def test_a_session_that_was_not_imported_differs(make: Callable[[str], str], fresh_url: str) -> None:
    source = make(SCHEMA + ROWS + "UPDATE trading_sessions SET initial_balance = NULL WHERE id = 2;")
    found = compared(fresh_url, source)
    assert {one.session for one in found if one.books is None} == {"2 over"}


def test_without_an_import_there_is_nothing_to_compare(make: Callable[[str], str], fresh_url: str) -> None:
    source = make(SCHEMA + ROWS)
    with pytest.raises(UnusableSource, match="was imported: atb-db import incumbent first"):
        compare_incumbent(settings_of(fresh_url), settings_of(source))
