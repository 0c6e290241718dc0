"""Files that are whole or as they were before: written beside their place, then renamed into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from atb_db.admin.errors import Unusable


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file to write; at the end of the block it takes the place and permissions of `path`. An exception removes it.

    A reader never sees a part of it. A file that was not there before is for its owner alone, as it holds account data.

    Raises:
        Unusable: it cannot be written.
    """
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False) as file:
            part = Path(file.name)
        try:
            yield part
            part.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o600)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror or error}") from None
