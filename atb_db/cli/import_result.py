"""What `atb-db import` shows: how far it is, what became of the rows, and what is different."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import typer

from atb_db.admin.readable import counted, shown_duration
from atb_db.cli.exits import ExitCode
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.types import ImportOutcome

if TYPE_CHECKING:
    from atb_db.importing.results import Imported

_SHOWN: Final = 20
"""Reasons that are listed."""
_WIDEST: Final = 80
_NAMED: Final = 3
"""Rows that are named of those with the same reason."""


def finish(done: Imported, *, as_json: bool) -> None:
    """Print it; exit code 3 where something is in quarantine."""
    if as_json:
        print_json(done._replace(counts=tuple(done.counts)))
    else:
        _print(done)
    if done.quarantined:
        raise typer.Exit(ExitCode.FOUND)


def _print(done: Imported) -> None:
    print_table(
        ("Table", "Rows", "Records", "Adjusted", "Quarantined", "Of these before"),
        [(one.table, one.rows, one.records, one.adjusted, one.quarantined, one.known) for one in done.counts],
    )
    if done.books:
        print_table(
            ("Session", "Name", "Trades", "Open", "Net P&L", "Balance", ""),
            [
                (
                    "a new one" if done.dry_run and one.session_id in done.new_sessions else one.session_id,
                    *(one.name, one.trades, one.open_positions),
                    *(f"{one.net_pnl:.8f}", f"{one.balance:.8f}", one.base_currency),
                )
                for one in done.books
            ],
        )
    for difference in done.differences:
        print_message(f"{difference.subject}: the source says {difference.source}, the books {difference.books}")
    # What is in no book first: it must not be lost behind adjustments.
    alike: dict[tuple[str, str, str], list[str]] = {}
    for fate in sorted(done.fates, key=lambda one: one.outcome is not ImportOutcome.QUARANTINED):
        alike.setdefault((fate.outcome.lower(), fate.table, fate.reason), []).append(fate.key)
    for (outcome, table, reason), keys in [*alike.items()][:_SHOWN]:
        print_message(f"{outcome}: {table} {_some(keys)}: {reason}")
    if len(alike) > _SHOWN:
        left = sum(map(len, [*alike.values()][_SHOWN:]))
        print_message(f"and {counted(left, 'more row')}: --json has all of them")
    elif len(done.fates) > len(alike):
        print_message("--json has all of them")
    if done.left_out:
        print_message(f"{counted(done.left_out, 'row')} from before --since, or of positions opened then, left out")
    if done.quarantined and not done.dry_run:
        print_message(
            f"{counted(done.quarantined, 'row')} in quarantine, in no book: "
            f"atb-db query imports.get_quarantine --source-id {done.source_id}"
        )
    if done.dry_run:
        print_message("A dry run: nothing was kept.")


def _some(keys: Sequence[str]) -> str:
    """The first of the keys: fewer where they are long, as those of rows without an id are."""
    named = 1 if len(", ".join(keys[:_NAMED])) > _WIDEST else _NAMED
    more = f" and {len(keys) - named} more" if len(keys) > named else ""
    return ", ".join(keys[:named]) + more


class progress_with_estimate:  # noqa: N801  used as a function
    """Shows how far it is and how long the rest may take, on a terminal only."""

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        self._start = time.monotonic()
        self._shown = 0.0
        return self._show if sys.stderr.isatty() else _silent

    def __exit__(self, *_: object) -> None:
        if self._shown:
            typer.echo("\r\x1b[K", err=True, nl=False)

    def _show(self, what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._shown < 1 / 5:
            return
        self._shown = now
        left = ""
        if total and done:
            left = (
                f", {shown_duration(timedelta(seconds=round((now - self._start) * (total - done) / done) or 1))} left"
            )
        typer.echo(f"\r{what}: {done:,}{f' of {total:,}' if total else ''}{left}\x1b[K", err=True, nl=False)


def _silent(_what: str, _done: int, _total: int | None) -> None:
    """Nobody watches."""
