"""What an archiver keeps in order in its folder: retention, compression, and what killed ones have left."""

from __future__ import annotations

import gzip
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atb_db.admin.backup.folder import sync
from atb_db.admin.backup.offsite import SENDING
from atb_db.admin.continuous.layout import PART, discard, read_chain, read_chains
from atb_db.admin.continuous.retention import expired_bases, expired_chains, expired_segments


def retain(folder: Path, segment_size: int, *, keep: timedelta) -> None:
    """Remove what no moment of the last `keep` needs."""
    since = datetime.now(UTC) - keep
    chains = read_chains(folder, segment_size)
    for old in expired_chains(chains, since=since):
        discard(old.folder)
    for chain in read_chains(folder, segment_size):
        gone = expired_bases(chain, since=since)
        for base in gone:
            base.folder.with_suffix(".json").unlink(missing_ok=True)
            discard(base.folder)
        kept = [base for base in chain.bases if base not in gone]
        for segment in expired_segments(chain, kept, segment_size):
            segment.unlink(missing_ok=True)


def compress_next(folder: Path, segment_size: int) -> None:
    """Compress a finished segment, one a look; the newest stays, as pg_receivewal may come back to it."""
    chain = read_chain(folder, segment_size)
    finished = [one for one in chain.segments if not (one.partial or one.compressed)]
    if len(finished) > 1:
        compress(chain.wal / finished[0].file)


def compress(segment: Path) -> None:
    """Replace a finished segment by its compressed form; killed at any time, one of them is there."""
    target = segment.with_name(segment.name + ".gz")
    part = segment.with_name(segment.name + PART)
    with segment.open("rb") as source, part.open("wb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1) as packed:
            shutil.copyfileobj(source, packed, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(0o600)
    part.rename(target)
    sync(target.parent)
    segment.unlink()


def remove_leftovers(folder: Path) -> None:
    """What killed archivers have left: unfinished base backups, compressions, copies to hand on, and removals."""
    for place in (".", "chains/*/wal", "chains/*/base"):
        for left in folder.glob(f"{place}/{SENDING}*"):
            shutil.rmtree(left, ignore_errors=True)
    for left in (*folder.glob(f"chains/*/base/*{PART}"), *folder.glob("chains/*/base/*.gone")):
        shutil.rmtree(left, ignore_errors=True)
    for left in folder.glob("chains/*.gone"):
        shutil.rmtree(left, ignore_errors=True)
    for left in (*folder.glob(f"chains/*/wal/*{PART}"), *folder.glob(f"chains/*/base/*.json{PART}")):
        left.unlink(missing_ok=True)
