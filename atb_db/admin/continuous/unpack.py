"""Segments of the log taken out of an archive at their full length, also while an archiver works in it."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from atb_db.admin.continuous.segments import Segment
from atb_db.admin.errors import BadBackup


def unpack(wal: Path, segment: Segment, target: Path, size: int) -> None:
    """Copy one segment; a finished one has its full length. An archiver may compress or finish it at this moment."""
    if target.exists() and segment.partial:
        return  # it was finished meanwhile
    names = (segment.file, segment.name, f"{segment.name}.gz")
    source = next((wal / name for name in names if (wal / name).exists()), None)
    if source is None:
        raise BadBackup(f"the segment {segment.file} of the log is gone")
    try:
        with gzip.open(source) if source.suffix == ".gz" else source.open("rb") as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    except (OSError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadBackup(f"the segment {source.name} of the log is damaged: {error}") from None
    if target.stat().st_size != size:
        raise BadBackup(f"the segment {source.name} of the log has {target.stat().st_size} bytes instead of {size}")
