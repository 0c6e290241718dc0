"""From what a moment is restored: the chain, the base backup, and where the replay of the log ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from atb_db.admin.continuous.layout import Archive, Base, Chain, read_archive, read_chains
from atb_db.admin.errors import Unusable
from atb_db.admin.readable import shown_moment


class Window(NamedTuple):
    """Of which moments every one can be restored."""

    since: datetime
    until: datetime


class Plan(NamedTuple):
    """From what a moment is restored."""

    archive: Archive
    chain: Chain
    base: Base
    at: datetime | None
    """None for the end of the chain, or where `before` says."""
    before: Stored | None = None
    """The transaction that is the first to be left out."""


class Stored(NamedTuple):
    """The transaction that stored a request."""

    request_id: UUID
    transaction: int
    position: int
    """Of its commit in the log, in bytes."""
    committed_at: datetime


def windows(chains: Sequence[Chain]) -> list[Window]:
    """What can be restored, the oldest first; between two of them is a gap."""
    return [
        Window(min(base.finished_at for base in chain.bases), chain.until)
        for chain in chains
        if chain.bases and chain.until is not None and not chain.missing
    ]


def plan(folder: Path, at: datetime | None) -> Plan:
    """The chain and the base backup that lead to a moment, or to the last one there is.

    Raises:
        Unusable: there is no archive, or none of its chains has that moment; the message says which ones can be had.
    """
    archive = read_archive(folder)
    if archive is None:
        raise Unusable(f"there is no archive in {folder}: atb-db archive start begins one")
    chains = [chain for chain in read_chains(folder, archive.segment_size) if chain.bases and not chain.missing]
    for chain in reversed(chains):
        bases = sorted(chain.bases, key=lambda one: one.finished_at)
        fitting = [base for base in bases if at is None or base.finished_at <= at]
        if fitting and (at is None or (chain.until is not None and at <= chain.until)):
            return Plan(archive, chain, fitting[-1], at)
    spans = (
        "; ".join(f"{shown_moment(one.since)} to {shown_moment(one.until)}" for one in windows(chains)) or "nothing yet"
    )
    wanted = "nothing" if at is None else shown_moment(at)
    raise Unusable(f"{wanted} cannot be restored from {folder}; what can be: {spans}")
