"""The drill of an archive: any moment that it protects, restored, checked and timed."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

from atb_db.admin.backup.drill import Drill, Drilled, Limits, prepare_report, recorded
from atb_db.admin.backup.reads import run_reads
from atb_db.admin.continuous.layout import read_archive, read_chains
from atb_db.admin.continuous.plan import plan, windows
from atb_db.admin.continuous.recover import Recovered, scratch
from atb_db.admin.errors import BadBackup, Unusable
from atb_db.admin.findings import Level
from atb_db.admin.progress import Progress, silent
from atb_db.admin.readable import first_line
from atb_db.config import Settings


def random_moment(folder: Path) -> datetime:
    """Any moment that the archive protects, each as likely as the other.

    Raises:
        Unusable: it protects none.
    """
    archive = read_archive(folder)
    spans = windows(read_chains(folder, archive.segment_size)) if archive else []
    if not spans:
        raise Unusable(f"nothing can be restored from {folder} yet: atb-db archive status")
    lengths = [(span.until - span.since).total_seconds() + 1e-6 for span in spans]
    (chosen,) = random.choices(spans, lengths)  # noqa: S311  nothing secret depends on it
    return chosen.since + random.random() * (chosen.until - chosen.since)  # noqa: S311


def drill_archive(
    live: Settings, folder: Path, at: datetime | None, *, limits: Limits, progress: Progress = silent
) -> Drilled:
    """Restore a moment, or the last one, into a scratch server; see whether everything works, and how long it takes.

    RPO is what would be lost if the live server were lost now. The report goes into `folder`, and as an event into the
    database `live`, which need not be there.

    Raises:
        ToolMissing: PostgreSQL's programs of the archive's version are not installed.
        Unusable: the archive does not have that moment.
    """
    prepare_report(folder)
    started_at = datetime.now(UTC)
    chosen = plan(folder, at)
    problems: list[str] = []
    seconds: dict[str, float] = {}
    sessions, statements, server, migrated = 0, 0, None, tuple[str, ...]()
    try:
        with scratch(chosen, live, progress=progress) as recovered:
            seconds |= recovered.seconds
            migrated = recovered.migrated
            problems += _problems(recovered)
            begun = datetime.now(UTC)
            reads = run_reads(recovered.settings)
            seconds["reads"] = round((datetime.now(UTC) - begun).total_seconds(), 3)
            problems += [f"reads: {problem}" for problem in reads.problems]
            sessions, statements, server = recovered.books.audited, reads.run, recovered.verification.server.version
    except BadBackup as error:
        problems.append(error.message)
    until = chosen.chain.until
    found = Drill(
        started_at=started_at,
        file=chosen.base.folder,
        manifest=None,
        server=server,
        migrated=migrated,
        sessions_audited=sessions,
        statements_run=statements,
        problems=tuple(problems),
        seconds=seconds,
        rto_seconds=round(sum(seconds.values()), 3),
        rto_limit_seconds=limits.rto.total_seconds(),
        rpo_seconds=None if until is None else max(0.0, (started_at - until).total_seconds()),
        rpo_limit_seconds=limits.rpo.total_seconds(),
        moment=at,
    )
    return recorded(live, folder, found)


def _problems(recovered: Recovered) -> list[str]:
    found = [
        f"verify: {one.what} {one.where} is {first_line(one.actual or 'missing')}"
        for one in recovered.verification.findings
        # Of a release that has come since: to be migrated, as a restored database is.
        if one.level is Level.ERROR and one.what not in {"migration", "setting"}
    ]
    found += [
        f"audit: {one.finding.identity}: {one.finding.subject} is {one.finding.actual}, due is {one.finding.expected}"
        for one in recovered.books.findings
    ]
    if recovered.at is not None and recovered.reached is not None and recovered.reached > recovered.at:
        found.append(f"it went on to {recovered.reached}, past {recovered.at}")
    return found
