"""What of an archive is no longer needed: never what a moment within the window needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from atb_db.admin.continuous.layout import Base, Chain


def expired_chains(chains: Sequence[Chain], *, since: datetime) -> list[Chain]:
    """The chains that nothing needs which may be asked for since then; never the newest with a base backup.

    The newest chain of all is the one that goes on.
    """
    complete = [chain for chain in chains if chain.bases and not chain.missing]
    kept = {chain.folder for chain in (*complete[-1:], *chains[-1:])}
    return [chain for chain in chains if chain.folder not in kept and not _is_needed(chain, since)]


def _is_needed(chain: Chain, since: datetime) -> bool:
    """Whether moments since then are in it; one that was killed before it said so has that of its base backup."""
    ends = [chain.until] if chain.until is not None else [base.finished_at for base in chain.bases]
    return bool(chain.bases) and max(ends) >= since


def expired_bases(chain: Chain, *, since: datetime) -> tuple[Base, ...]:
    """The base backups of a chain that no moment since then needs: those before the newest that is older than that.

    One that others are put together with stays as long as they do.
    """
    older = [base for base in sorted(chain.bases, key=lambda one: one.finished_at) if base.finished_at < since]
    needed = {part for base in chain.bases if base not in older[:-1] for part in chain.lineage(base)}
    return tuple(base for base in older if base not in needed)


def expired_segments(chain: Chain, kept: Sequence[Base], segment_size: int) -> Iterator[Path]:
    """The segments from before the oldest base backup that is kept; none without any."""
    if not kept:
        return
    first = min(base.start_position for base in kept) // segment_size
    yield from (chain.wal / one.file for one in chain.segments if one.number < first)
