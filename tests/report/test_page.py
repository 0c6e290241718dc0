"""The page says what the statements say, says nothing that it was not asked to, and needs nobody."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import chain

import psycopg
import pytest

from atb_db import Database
from atb_db.report import Report, report_batch
from atb_db.report.data import CURVE_POINTS, EXCURSION_POINTS
from atb_db.report.formats import MINUS
from atb_db.report.page import render
from atb_db.report.view import Page, page
from atb_db.repository import metrics, reports
from atb_db.repository.metrics import PerformanceMetrics
from tests.report.conftest import HOSTILE, START, Told, opened, started

NOW = datetime(2024, 7, 1, tzinfo=UTC)
DASH = " \N{EN DASH} "
LARGEST = 2_000_000
"""Bytes that a page never reaches, however large the session."""


EMPTY = frozenset({"meta", "br"})


class Element(HTMLParser):
    """All elements with their attributes, the texts of those with an id, and what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


MANY_TRADES = """
INSERT INTO trades (
    session_id, symbol, side, source, entry_price, exit_price, quantity, entry_time, exit_time, pnl, pnl_percent,
    exit_reason, strategy_name, mfe, mae
)
SELECT s.id, repeat('&', 100) || n %% 2000, 'LONG', 'PAPER', 100, 101, 1, s.since + n * interval '2 hours',
       s.since + n * interval '2 hours' + n %% 5000 * interval '1 minute', n %% 201 - 100, n %% 21 - 10, 'reason',
       'large', n %% 77 / 100.0, n %% 31 / 100.0
  FROM (SELECT %s::bigint AS id, %s::timestamptz AS since) AS s, generate_series(1, 30000) AS n;
"""
MANY_SNAPSHOTS = """
INSERT INTO account_history (session_id, timestamp, balance, equity)
SELECT s.id, s.since + n * interval '3 hours', 1000, 1000 + n %% 997
  FROM (SELECT %s::bigint AS id, %s::timestamptz AS since) AS s, generate_series(1, 20000) AS n
"""


def read(told: Told, session_id: int | None, *, start: datetime | None = None) -> Report:
    return told.db.run_batch(report_batch(session_id=session_id, start=start))


def shown(report: Report) -> Page:
    return page(report, written_at=NOW)


def test_every_figure_is_there_once_with_its_exact_value_and_its_definition(told: Told) -> None:
    view = shown(read(told, told.replayed))
    figures = [figure for group in view.groups for figure in group.figures]
    assert sorted(figure.name for figure in figures) == sorted(PerformanceMetrics._fields)
    due = told.db.run(metrics.get_performance_metrics(session_id=told.replayed))._asdict()
    for figure in figures:
        value = due[figure.name]
        assert figure.exact == (value.isoformat() if isinstance(value, datetime) else f"{value}"), figure
        assert len(figure.definition) > 10, figure
        if isinstance(value, Decimal):
            written = Decimal(figure.text.split()[0].replace(",", "").replace(MINUS, "-").removeprefix("+"))
            scaled = value * 100 if figure.text.endswith("%") and figure.name != "total_return_percent" else value
            scaled = value / 24 if figure.text.endswith(" d") else scaled
            assert abs(written - scaled) <= Decimal("0.051"), figure


def test_the_page_has_the_exact_figures(told: Told) -> None:
    report = read(told, told.replayed)
    elements = Element(render(shown(report))).found
    values = {given["id"]: given["value"] for tag, given in elements if tag == "data" and "id" in given}
    assert set(values) == set(PerformanceMetrics._fields)
    assert values["net_pnl"] == f"{report.performance.net_pnl:f}"
    assert values["sharpe_ratio"] == f"{report.performance.sharpe_ratio:f}"


def test_net_is_defined_as_it_is_computed(told: Told) -> None:
    report = read(told, told.replayed)
    figures = report.performance
    costs = figures.commission + figures.margin_interest_cost
    assert figures.funding
    assert figures.net_pnl == figures.gross_pnl - costs + figures.funding
    said = [one for one in report.definitions if one.column_name == "net_pnl" and "gross" in one.definition]
    assert len(said) > 5
    assert [one for one in said if "funding" not in one.definition] == []


def test_parts_add_up_to_the_whole(told: Told) -> None:
    report = read(told, told.replayed)
    net, trades = report.performance.net_pnl, report.performance.total_trades
    assert trades > 20
    for parts in (report.days, report.months, report.strategies, report.symbols, report.exit_reasons):
        assert sum(part.net_pnl for part in parts) == net
        assert sum(part.total_trades for part in parts) == trades
    for buckets in (report.distribution, report.holding_times):
        assert sum(bucket.net_pnl for bucket in buckets) == net
        assert sum(bucket.total_trades for bucket in buckets) == trades
    assert len(report.excursions) == trades
    assert report.drawdowns[0].drawdown == report.performance.max_drawdown
    assert max(point.drawdown for point in report.equity) == report.performance.max_drawdown
    assert report.equity[-1] == report.current_drawdown
    assert len(report.daily_equity) == report.performance.equity_days


def test_months_are_compounded_from_days(told: Told) -> None:
    report = read(told, told.replayed)
    view = shown(report)
    assert view.months is not None
    growth = due = Decimal(1)
    before, moved = report.scope.initial_balance, Decimal(0)
    for day in report.daily_equity:
        growth *= 1 + (day.daily_return or 0)
        due *= (day.equity - day.transferred + moved) / before
        before, moved = day.equity, day.transferred
    [year] = view.months.rows
    assert year[-1].exact == f"{round(growth - 1, 12):f}"
    assert moved < 0
    assert abs(growth - due) < Decimal("1e-9")
    months = [Decimal(cell.exact) for cell in year[1:-1] if cell.exact]
    assert len(months) == len({day.day.month for day in report.daily_equity})


def test_rolling_figures_are_those_of_thirty_days(told: Told) -> None:
    days = read(told, told.replayed).daily_equity
    assert all(day.rolling_sharpe_ratio is None for day in days[:29])
    returns = [float(day.daily_return or 0) for day in days[5:35]]
    mean = sum(returns) / 30
    deviation = (sum((one - mean) ** 2 for one in returns) / 29) ** 0.5
    assert float(days[34].rolling_volatility or 0) == pytest.approx(deviation * 365**0.5)
    assert float(days[34].rolling_sharpe_ratio or 0) == pytest.approx(mean / deviation * 365**0.5)


def test_buckets_are_equal_round_and_hold_what_they_say(told: Told) -> None:
    buckets = read(told, told.replayed).distribution
    widths = {bucket.upper - bucket.lower for bucket in buckets}
    assert len(widths) == 1
    [width] = widths
    assert width.normalize().as_tuple().digits in {(1,), (2,), (5,)}
    assert all(bucket.lower % width == 0 for bucket in buckets)
    assert all(bucket.lower <= bucket.smallest for bucket in buckets[1:])
    assert all(bucket.largest < bucket.upper for bucket in buckets[:-1])


def test_hostile_names_are_text(told: Told) -> None:
    text = render(page(read(told, told.hostile), title=None, written_at=NOW))
    parsed = Element(text)
    assert parsed.open == []
    assert {tag for tag, _ in parsed.found} & {"script", "img", "iframe", "object", "link", "a"} == {"a"}
    assert not [name for _, given in parsed.found for name in given if name.startswith("on")]
    assert HOSTILE in parsed.texts
    assert f"{HOSTILE}{DASH}report" in parsed.texts
    assert "{{ 7*7 }}" in text
    assert any(HOSTILE[:120] in one and one.endswith("at the exit") for one in parsed.texts)


@pytest.mark.parametrize("session", ["replayed", "hostile", "empty"])
def test_the_page_loads_nothing(told: Told, session: str) -> None:
    parsed = Element(render(shown(read(told, getattr(told, session)))))
    policy = [given["content"] for tag, given in parsed.found if given.get("http-equiv") == "Content-Security-Policy"]
    assert [one for one in policy if one and one.startswith("default-src 'none'")] == policy != []
    for tag, given in parsed.found:
        assert not {"src", "srcset", "action", "data", "xlink:href", "background"} & given.keys(), (tag, given)
        assert (given.get("href") or "#").startswith("#")
    styles = "".join(parsed.texts)
    assert "url(" not in styles
    assert "@import" not in styles


def test_an_empty_session_has_a_page_too(told: Told) -> None:
    view = shown(read(told, told.empty))
    assert not any(chart.plots for chart in view if isinstance(chart, tuple) and hasattr(chart, "plots"))
    text = render(view)
    assert text.count("Nothing to draw yet.") == 9
    assert "No trades yet." in text


def test_all_sessions_together_are_doubtful_where_they_differ(told: Told) -> None:
    view = shown(read(told, None))
    assert view.title == "All sessions"
    assert "different modes" in view.warning
    assert "4 sessions" in view.facts


def test_a_start_leaves_out_what_was_before(told: Told) -> None:
    start = datetime(2024, 2, 1, tzinfo=UTC)
    report = read(told, told.replayed, start=start)
    assert report.performance == told.db.run(metrics.get_performance_metrics(session_id=told.replayed, start=start))
    assert min(chain((day.period_start for day in report.days), (one.day for one in report.daily_equity))) >= start
    assert page(report, since=start, written_at=NOW).span.startswith("2024-02-01 to ")


def test_the_page_reloads_itself_only_when_it_is_written_again(told: Told) -> None:
    report = read(told, told.replayed)
    assert 'http-equiv="refresh" content="60"' in render(page(report, written_at=NOW, refresh=60))
    assert 'http-equiv="refresh"' not in render(shown(report))


@pytest.mark.slow
def test_a_large_session_is_a_small_page(fresh_db: Database, fresh_url: str) -> None:
    session_id = started(fresh_db, "large")
    with psycopg.connect(fresh_url) as connection:
        for many in (MANY_TRADES, MANY_SNAPSHOTS):
            connection.execute(many, [session_id, START])
    for number in range(70):
        fresh_db.run(opened(session_id, f"open{number}"))
    report = fresh_db.run_batch(report_batch(session_id=session_id), timeout=60)
    assert report.performance.total_trades == 30_000
    assert (len(report.equity), len(report.excursions)) <= (CURVE_POINTS, EXCURSION_POINTS)
    assert len(report.symbols) == 2000
    assert len(report.open_positions) == 70
    view = shown(report)
    text = render(view)
    assert len(text.encode()) < LARGEST
    assert "Of the newest 20,000 of 30,000 trades." in text
    symbols = view.breakdowns[2].rows
    assert [len(rows) for rows in (symbols, view.positions.rows)] == [21, 50]
    shown_net = sum(Decimal(row[-1].exact) for row in symbols)
    assert shown_net == report.performance.net_pnl
    assert symbols[12][0].text == "1980 others"


def test_a_strategy_has_its_own_report(told: Told) -> None:
    report = told.db.run_batch(report_batch(strategy_name="moving averages"))
    assert report.scope.total_sessions == 1
    assert report.strategies == told.db.run(reports.get_pnl_by_strategy(session_id=told.replayed))
    assert told.db.run_batch(report_batch(strategy_name="nobody")).scope.total_sessions == 0


def test_the_curve_is_drawn_from_edge_to_edge(told: Told) -> None:
    view = shown(read(told, told.replayed))
    equity, drawdown = view.equity.plots
    for plot in (equity, drawdown):
        points = [tuple(map(float, point.split())) for point in re.split("[ML]", plot.lines[0].path)[1:]]
        assert (points[0][0], points[-1][0]) == (0, 1000)
        assert all(0 <= number <= 1000 for point in points for number in point)
        assert plot.strips[0].x == 0
        assert plot.strips[-1].x + plot.strips[-1].width == pytest.approx(1000, abs=0.2)
    assert len(equity.shades) == 5


def test_long_sessions_are_told_by_week_and_month(told: Told) -> None:
    report = read(told, told.hostile)
    [day, _] = report.days
    assert shown(report).pnl.title == "Net P&L by day"
    for length, unit in ((timedelta(days=500), "week"), (timedelta(days=4000), "month")):
        later = day._replace(period_start=day.period_start + length)
        view = shown(report._replace(days=[day, day, later]))
        assert view.pnl.title == f"Net P&L by {unit}"
        assert len(view.pnl.plots[0].bars) == 2
