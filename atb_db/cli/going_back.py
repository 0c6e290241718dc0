"""How `atb-db restore` goes back to a moment of the archive: a server, a dump of it, or sessions put back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from atb_db.admin.progress import silent
from atb_db.admin.readable import counted, shown_moment, shown_size
from atb_db.cli.exits import ExitCode
from atb_db.cli.output import print_json, print_message
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from atb_db.admin.continuous.plan import Plan
    from atb_db.config import Settings


def planned(folder: Path, *, at: datetime | None, before_request: UUID | None) -> Plan:
    """What the options choose; the last moment of all without any."""
    from atb_db.admin.continuous.plan import plan
    from atb_db.admin.continuous.requests import plan_before

    if before_request is None:
        return plan(folder, at)
    with progress_bar() as progress:
        return plan_before(folder, before_request, progress=progress or silent)


def go_back(found: Plan, settings: Settings, *, into: Path | None, backups: Path | None, as_json: bool) -> None:
    """Start a server as everything was then, and say where it is; or dump its database into `backups`, and stop it."""
    from atb_db.admin.backup.dump import backup
    from atb_db.admin.continuous.recover import recover, stop

    with progress_bar() as progress:
        done = recover(found, settings, into=into, progress=progress or silent)
        made = None
        if backups is not None:
            try:
                made = backup(done.settings, folder=backups, progress=progress)
            finally:
                stop(done.pid, done.folder)
    clean = done.verification.clean and not done.books.findings
    if as_json:
        print_json(
            {
                "clean": clean,
                "url": None if made else done.url,
                "dump": made.path if made else None,
                "stop_command": None if made else done.stop_command,
                "at": done.at,
                "before": found.before,
                "reached": done.reached,
                "migrated": done.migrated,
                "seconds": done.seconds,
                "findings": (*done.verification.findings, *done.books.findings),
            }
        )
    else:
        typer.echo(made.path if made else done.url)
        reached = shown_moment(done.reached) if done.reached else "before the base backup"
        _print_before(found)
        print_message(
            f"The last transaction in it is from {reached}; replayed in {sum(done.seconds.values()):.1f} s on a base "
            f"backup of {shown_size(done.base.bytes)}."
        )
        if done.migrated:
            print_message(f"It was of an earlier release: {counted(len(done.migrated), 'later migration')} applied.")
        if made is None:
            print_message(f"Stop that server and remove its files with: {done.stop_command}")
        books = "the books are consistent" if not done.books.findings else "atb-db audit lists what contradicts itself"
        schema = "The schema is as it should be" if done.verification.clean else "atb-db verify lists what differs"
        print_message(f"{schema}; {books}.")
    if not clean:
        raise typer.Exit(ExitCode.FOUND)


def bring_back(found: Plan, settings: Settings, session_ids: Sequence[int], *, as_json: bool) -> None:
    """Put sessions back into the database as they were then."""
    from atb_db.admin.continuous.put_back import check_may_put_back, put_back
    from atb_db.admin.continuous.recover import scratch
    from atb_db.admin.migrations import migrate

    check_may_put_back(settings)
    with progress_bar() as progress, scratch(found, settings, progress=progress or silent) as recovered:
        # An older schema becomes that of this release, as with a dump.
        migrate(recovered.settings)
        done = put_back(recovered.settings, settings, session_ids)
    for note in done.notes:
        print_message(note)
    if as_json:
        print_json({"sessions": [one._asdict() for one in done.sessions], "reached": recovered.reached})
        return
    _print_before(found)
    for one in done.sessions:
        rows = counted(sum(one.rows.values()), "row")
        kept = f"; {counted(one.present, 'row')} were still there" if one.present else ""
        typer.echo(
            f"Session {one.session_id} ({one.session_name}) is back with {rows}{kept}. Its books are consistent."
        )


def _print_before(found: Plan) -> None:
    if found.before is not None:
        print_message(
            f"Request {found.before.request_id} was stored at {found.before.committed_at} by transaction "
            f"{found.before.transaction}: all that was committed before it is there."
        )
