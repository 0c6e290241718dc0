"""The restore drill: whether a backup can be restored, how long that takes, and how much would be lost."""

from __future__ import annotations

import json
import random
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.audit import audit
from atb_db.admin.backup.events import record
from atb_db.admin.backup.folder import freshness, list_backups, make_private, usable
from atb_db.admin.backup.manifest import Manifest, read_manifest, to_json
from atb_db.admin.backup.reads import run_reads
from atb_db.admin.backup.restore import restore
from atb_db.admin.backup.stopwatch import Stopwatch
from atb_db.admin.connection import perform, reading
from atb_db.admin.errors import BadBackup, ToolMissing, Unusable
from atb_db.admin.findings import Level
from atb_db.admin.progress import Progress
from atb_db.admin.readable import first_line
from atb_db.admin.scratch import Purpose, Scratch, has_server, in_embedded_server, on_server
from atb_db.config import Settings
from atb_db.embedded.binaries import major_of
from atb_db.errors import AtbDbError
from atb_db.repository import events
from atb_db.repository.events import SystemEvent
from atb_db.types import EventType, Severity

RTO: Final = timedelta(minutes=60)
"""Time in which a lost database must be back."""
RPO: Final = timedelta(minutes=15)
"""Age of the newest backup at the most: what is younger is lost."""
_DRILLS: Final = "drills"
_DRILL_EVERY: Final = timedelta(days=90)
_REMEMBERED: Final = 100


class Limits(NamedTuple):
    """What a drill must keep to."""

    rto: timedelta = RTO
    rpo: timedelta = RPO


class Drill(NamedTuple):
    """What a drill found; times are in seconds."""

    started_at: datetime
    file: Path
    manifest: Manifest | None
    """None if the dump was refused."""
    server: str | None
    """PostgreSQL's version where it was restored; None if it was not, and RTO is missed."""
    migrated: tuple[str, ...]
    sessions_audited: int
    statements_run: int
    problems: tuple[str, ...]
    """Whatever was not as it should be, one sentence each; missed limits are not among them."""
    seconds: dict[str, float]
    """What each step took."""
    rto_seconds: float
    """What all of them took: from the dump's first byte to the last check of the restored database."""
    rto_limit_seconds: float
    rpo_seconds: float | None
    """Age of the dump, or when a random one was drilled of the newest good one; None if nobody knows."""
    rpo_limit_seconds: float
    moment: datetime | None = None
    """That was restored from an archive; None of a dump, or for the archive's end."""

    @property
    def missed(self) -> tuple[str, ...]:
        """The limits that were missed."""
        rto = self.server is None or self.rto_seconds > self.rto_limit_seconds
        # A backup from the future says nothing of how much would be lost.
        rpo = self.rpo_seconds is None or not 0 <= self.rpo_seconds <= self.rpo_limit_seconds
        return tuple(name for name, missed in (("RTO", rto), ("RPO", rpo)) if missed)

    @property
    def passed(self) -> bool:
        """Whether everything was as it should be, in time."""
        return not (self.problems or self.missed)


class Drilled(NamedTuple):
    """A drill, and where it was recorded."""

    drill: Drill
    report: Path
    notes: tuple[str, ...]


class _Findings(NamedTuple):
    problems: tuple[str, ...]
    server: str | None = None
    migrated: tuple[str, ...] = ()
    sessions: int = 0
    statements: int = 0


def choose_backup(home: Path, *, at_random: bool = False) -> Path:
    """The newest backup of a database, or any of them; one with a known problem only where there is no other.

    Raises:
        Unusable: there is none.
    """
    backups = list_backups(home)
    dumps = [one.path for one in backups if one.problem is None] or [one.path for one in backups]
    if not dumps:
        raise Unusable(f"there is no backup in {home}: atb-db backup makes one")
    return random.choice(dumps) if at_random else dumps[-1]  # noqa: S311  nothing secret depends on it


def overdue(live: Settings, *, now: datetime | None = None) -> str | None:
    """What to say when the last drill that passed is too long ago; None when it is not.

    Raises:
        Unavailable: the server cannot be reached.
    """
    last = next((one for one in history(live, limit=_REMEMBERED) if one.severity is Severity.INFO), None)
    if last is None:
        return "No restore drill that passed is recorded: atb-db drill makes one."
    age = (now or datetime.now(UTC)) - last.timestamp
    return (
        f"The last restore drill that passed was {age.days} days ago: atb-db drill makes one."
        if age > _DRILL_EVERY
        else None
    )


def has_embedded(dump: Path) -> bool:
    """Whether there is an embedded PostgreSQL for the dump; for one without a manifest, none is needed."""
    try:
        return has_server(major_of(read_manifest(dump).server_version))
    except BadBackup:
        return True


def drill(
    live: Settings,
    dump: Path,
    *,
    home: Path,
    target: Settings | None = None,
    limits: Limits | None = None,
    by_newest: bool = False,
    progress: Progress | None = None,
) -> Drilled:
    """Restore a backup into a scratch database, and see whether everything is there and works.

    The scratch is a database of its own on `target`'s server; without one, in an embedded PostgreSQL. It is removed in
    the end, or by the next drill if this process is killed. The report goes into `home`, the folder of the database's
    backups, and as an event into the database `live`, which need not be there. RPO comes from the dump's age, or if
    `by_newest` from the age of the newest good backup in `home`.

    Raises:
        ToolMissing: PostgreSQL's programs for this dump are not installed.
        PermissionDenied: the role may not create a database on the target's server.
        Unavailable: the target's server cannot be reached.
        Unusable: there is no such file, or the report cannot be written.
    """
    limits = limits or Limits()
    started_at = datetime.now(UTC)
    with usable(dump):
        dump.stat()
    prepare_report(home)
    watch = Stopwatch()
    manifest = None
    try:
        manifest = read_manifest(dump)
        with _scratch(manifest, target) as scratch:
            watch.start()
            findings = _examine(scratch.settings, dump, watch, progress)
    except BadBackup as error:
        findings = _Findings((error.message,))
    made_at = manifest.started_at if manifest else None
    if by_newest:
        newest = freshness(home, now=started_at).newest
        made_at = newest.time if newest else None
    found = Drill(
        started_at=started_at,
        file=dump,
        manifest=manifest,
        server=findings.server,
        migrated=findings.migrated,
        sessions_audited=findings.sessions,
        statements_run=findings.statements,
        problems=findings.problems,
        seconds=watch.seconds,
        rto_seconds=round(sum(watch.seconds.values()), 3),
        rto_limit_seconds=limits.rto.total_seconds(),
        rpo_seconds=(started_at - made_at).total_seconds() if made_at else None,
        rpo_limit_seconds=limits.rpo.total_seconds(),
    )
    return recorded(live, home, found)


def prepare_report(home: Path) -> None:
    """Make the folder of the reports.

    Raises:
        Unusable: it cannot be made.
    """
    with usable(home):
        make_private(home / _DRILLS)


def history(live: Settings, *, limit: int = 50) -> list[SystemEvent]:
    """The drills that the database remembers, the newest first; the details of each are its report.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with reading(live) as (connection, _):
        return perform(connection, events.get_operational_events(event_type=EventType.RESTORE_DRILL, limit=limit))


def _scratch(manifest: Manifest, target: Settings | None) -> AbstractContextManager[Scratch]:
    if target:
        return on_server(target, Purpose.DRILL)
    return in_embedded_server(major_of(manifest.server_version), durable=True)


def _examine(scratch: Settings, dump: Path, watch: Stopwatch, progress: Progress | None) -> _Findings:
    """Problems of the dump, once restored; a restore that fails is a finding, too."""
    try:
        restored = restore(scratch, dump, progress=progress)
    except ToolMissing:
        raise
    except AtbDbError as error:
        watch.lap("restore")
        return _Findings((f"The restore failed: {error}",))
    watch.laps(restored.seconds)
    problems = [
        f"verify: {one.what} {one.where} is {first_line(one.actual or 'missing')}"
        for one in restored.verification.findings
        if one.level is not Level.INFO
    ]
    if progress is not None:
        progress("Auditing", 0, 1)
    books = audit(scratch._replace(statement_timeout=0))
    problems += [
        f"audit: {one.finding.identity}: {one.finding.subject} is {one.finding.actual}, due is {one.finding.expected}"
        for one in books.findings
    ]
    watch.lap("audit")
    reads = run_reads(scratch)
    watch.lap("reads")
    return _Findings(
        problems=(*problems, *(f"reads: {problem}" for problem in reads.problems)),
        server=restored.server.version,
        migrated=restored.migrated,
        sessions=books.audited,
        statements=reads.run,
    )


def recorded(live: Settings, home: Path, found: Drill) -> Drilled:
    """Write the report into `home`, and an event into the live database if it is there."""
    report = home / _DRILLS / f"drill-{found.started_at:%Y%m%dT%H%M%S.%f}Z.json"
    content = to_report(found)
    with usable(report):
        report.touch(mode=0o600)
        report.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    state = "passed" if found.passed else "failed"
    notes = record(
        live,
        EventType.RESTORE_DRILL,
        f"Restore drill of {found.file.name} {state}.",
        content,
        severity=Severity.INFO if found.passed else Severity.ERROR,
    )
    return Drilled(found, report, notes)


def to_report(found: Drill) -> dict[str, object]:
    """The drill as its report has it: plain values."""
    manifest = found.manifest
    return found._asdict() | {
        "started_at": found.started_at.isoformat(),
        "moment": found.moment.isoformat() if found.moment else None,
        "file": str(found.file),
        "manifest": json.loads(to_json(manifest)) if manifest else None,
        "missed": found.missed,
        "passed": found.passed,
    }
