"""The figures that the incumbent's dashboard shows of each session, beside those of the books that were made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, LiteralString, NamedTuple

from psycopg import sql

from atb_db.config import Settings
from atb_db.database import Database
from atb_db.importing.errors import UnusableSource
from atb_db.importing.incumbent.figures import fingerprint
from atb_db.importing.incumbent.reading import Incumbent, reading_incumbent
from atb_db.importing.plan import Row
from atb_db.importing.run import BOOKS
from atb_db.repository import account, history, imports, metrics, positions

_TOLERANCE: Final = Decimal("0.000001")
_EXACT: Final = "CASE WHEN {0} IS NOT NULL AND {0}::numeric <> 'NaN' THEN {0}::numeric END"
"""NaN is above every number for PostgreSQL, and in no figure of the incumbent's."""

_TRADES: Final = """
SELECT session_id, count(*) AS total_trades, count(*) FILTER (WHERE pnl > 0) AS winning_trades,
       count(*) FILTER (WHERE pnl < 0) AS losing_trades, coalesce(sum(pnl), 0) AS gross_pnl,
       coalesce(sum(commission), 0) AS commission, coalesce(sum(interest), 0) AS margin_interest_cost,
       coalesce(sum(pnl), 0) - coalesce(sum(commission), 0) - coalesce(sum(interest), 0) AS net_pnl,
       max(pnl) AS best_trade_pnl, min(pnl) AS worst_trade_pnl,
       count(*) FILTER (WHERE pnl > 0)::numeric / count(*) AS win_rate
  FROM (SELECT session_id, {pnl} AS pnl, {commission} AS commission, {interest} AS interest FROM trades) AS t
 WHERE session_id IS NOT NULL
 GROUP BY session_id
"""
_POSITIONS: Final = """
SELECT session_id, count(*) FILTER (WHERE upper(status::text) = 'OPEN') AS open_positions,
       count(*) FILTER (WHERE upper(status::text) = 'CLOSED') AS closed_positions
  FROM positions
 WHERE session_id IS NOT NULL
 GROUP BY session_id
"""
_BALANCES: Final = """
SELECT DISTINCT ON (session_id) session_id, total_balance::numeric AS balance
  FROM account_balances
 WHERE session_id IS NOT NULL
 ORDER BY session_id, id DESC
"""
_EQUITY: Final = """
SELECT session_id, max(equity) AS peak_equity
  FROM (SELECT session_id, {equity} AS equity FROM account_history) AS h
 WHERE session_id IS NOT NULL AND equity IS NOT NULL
 GROUP BY session_id
"""
_FROM: Final[tuple[tuple[str, LiteralString], ...]] = (
    ("trades", _TRADES), ("positions", _POSITIONS), ("account_balances", _BALANCES), ("account_history", _EQUITY),
)  # fmt: skip


class Compared(NamedTuple):
    """A figure of a session, as the incumbent computes it and as the books have it."""

    session: str
    figure: str
    source: Decimal | None
    books: Decimal | None
    """None where the session was not imported."""

    @property
    def same(self) -> bool:
        """Whether they agree, to six decimals."""
        if self.source is None or self.books is None:
            return self.source is self.books
        return abs(self.source - self.books) <= _TOLERANCE


def compare_incumbent(settings: Settings, source: Settings, *, account_name: str | None = None) -> tuple[Compared, ...]:
    """Every figure of every session of the incumbent's, beside ours; nothing is written anywhere.

    Raises:
        UnusableSource: it is not the incumbent's database, or nothing of it was imported.
        Unavailable: one of the two cannot be reached.
    """
    with reading_incumbent(source) as incumbent, Database(settings._replace(pool_min=1, pool_max=1)) as db:
        sessions = list(incumbent.rows("trading_sessions"))
        figures = _figures(incumbent, sessions)
        made = _made(db, account_name or incumbent.identity.database, fingerprint(sessions))
        return tuple(one for row in sessions for one in _compared(db, row, figures, made))


def _figures(incumbent: Incumbent, sessions: list[Row]) -> dict[object, dict[str, Decimal]]:
    found: dict[object, dict[str, Decimal]] = {row["id"]: {} for row in sessions}
    for table, text in _FROM:
        columns = incumbent.columns.get(table, frozenset())
        parts = {
            part: sql.SQL(_EXACT).format(sql.Identifier(column)) if column in columns else sql.SQL("NULL::numeric")
            for part, column in (
                *(("pnl", "pnl"), ("commission", "commission"), ("interest", "margin_interest_cost")),
                ("equity", "equity"),
            )
        }
        if not columns:
            continue
        for row in incumbent.connection.execute(sql.SQL(text).format(**parts)):
            own = found.get(row["session_id"])
            if own is not None:
                own |= {
                    name: Decimal(str(value))
                    for name, value in row.items()
                    if name != "session_id" and value is not None
                }
    return found


def _made(db: Database, name: str, of: str) -> dict[str, int]:
    """The sessions that were made, by their ids in the source."""
    for one in db.run(imports.get_import_sources()):
        if (one.kind, one.name, one.fingerprint) == ("incumbent", name, of):
            keys = db.run(imports.get_imported_keys(source_id=one.id))
            return {key.source_key: key.session_id for key in keys if key.source_table == BOOKS and key.session_id}
    raise UnusableSource(f"nothing of the incumbent's database {name} was imported: atb-db import incumbent first")


def _compared(
    db: Database, row: Row, figures: Mapping[object, Mapping[str, Decimal]], made: Mapping[str, int]
) -> Iterator[Compared]:
    session = f"{row['id']} {row['session_name']}"
    session_id = made.get(str(row["id"]))
    ours = {} if session_id is None else _ours(db, session_id)
    for figure, value in figures[row["id"]].items():
        yield Compared(session, figure, value, ours.get(figure))


def _ours(db: Database, session_id: int) -> dict[str, Decimal]:
    own = db.run(metrics.get_performance_metrics(session_id=session_id))
    found = {
        name: Decimal(value)
        for name in (
            *("total_trades", "winning_trades", "losing_trades", "gross_pnl", "commission", "margin_interest_cost"),
            *("net_pnl", "best_trade_pnl", "worst_trade_pnl", "win_rate"),
        )
        if (value := getattr(own, name)) is not None
    }
    found["open_positions"] = Decimal(len(db.run(positions.get_active_positions(session_id=session_id))))
    found["closed_positions"] = Decimal(db.run(history.count_closed_positions(session_id=session_id)))
    found["balance"] = db.run(account.get_current_balance(session_id=session_id))
    for peak in db.run(history.get_peak_equity(session_id=session_id)):
        found["peak_equity"] = peak.peak
    return found
