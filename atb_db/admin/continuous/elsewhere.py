"""What is complete in an archive is handed on, file by file, to a program that takes it elsewhere."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final

from atb_db.admin.backup.offsite import SENDING, OffSite, send_off
from atb_db.admin.continuous.layout import ARCHIVE, CHAIN, Chain, read_archive, read_chains
from atb_db.admin.continuous.segments import is_history
from atb_db.errors import AtbDbError

_SENT: Final = "elsewhere.jsonl"
_LOOK: Final = 1.0
"""Seconds between two looks for what is complete."""
_AGAIN: Final = 30.0
"""Seconds after a failure."""
_PACKED: Final = ".tar.gz"

UntilOf = Callable[[Path, int], datetime | None]
"""Until when everything is in a chain whose log ends with this segment; None where that is not known."""


class Sender:
    """Hands on what is complete, in a thread of its own, again and again until it has gone well."""

    def __init__(self, folder: Path, elsewhere: OffSite, *, until_of: UntilOf, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._elsewhere = elsewhere
        self._until_of = until_of
        self._tell = tell
        self._stopped = Event()
        self._sent = _read_sent(folder)
        self._problem: str | None = None
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Why the newest attempt failed."""
        return self._problem if self._thread.is_alive() else "nothing is taken elsewhere any more: start it again"

    @property
    def until(self) -> datetime | None:
        """Everything that was committed until then is elsewhere."""
        return max((until for until in [*self._sent.values()] if until is not None), default=None)

    def has_all(self) -> bool:
        """Whether everything that is complete is elsewhere; else nothing older may be removed."""
        return self.problem is None and next(self._due(), None) is None

    def stop(self) -> None:
        """End it, and a program at work; what that one had is handed on again at the next start."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                self._send_due()
                self._problem = None
            except (AtbDbError, OSError) as error:
                if self._stopped.is_set():
                    return
                problem = f"not taken elsewhere, and nothing older is removed: {error}"
                if problem != self._problem:
                    self._tell(problem)
                self._problem = problem
            self._stopped.wait(_LOOK if self._problem is None else _AGAIN)

    def _send_due(self) -> None:
        for path in self._due():
            if path.is_dir():
                with self._packed(path) as file:
                    self._send(file, self._name(path) + _PACKED)
            else:
                self._send(path, self._name(path))
            self._note(self._name(path))
        for chain in self._chains():
            self._send_until(chain)

    def _due(self) -> Iterator[Path]:
        """What is complete and not elsewhere yet: a base backup after its log, and its record after itself."""
        paths = [self._folder / ARCHIVE]
        for chain in self._chains():
            paths += (path for path in sorted(chain.wal.iterdir()) if path.suffix == ".gz" or is_history(path.name))
            for base in chain.bases:
                paths += [base.folder, base.folder.with_suffix(".json")]
        return (path for path in paths if self._name(path) not in self._sent)

    def _send_until(self, chain: Chain) -> None:
        """Tell the other place until when the log goes that is there, which is less than is here."""
        there = [one.number for one in chain.segments if self._name(chain.wal / one.file) in self._sent]
        until = self._until_of(chain.folder, max(there)) if there else None
        name = self._name(chain.folder / CHAIN)
        if until is not None and self._sent.get(name) != until:
            with self._place() as place:
                file = place / CHAIN
                file.write_text(json.dumps({"until": until.isoformat()}) + "\n", encoding="utf-8")
                self._send(file, name)
            self._note(name, until)

    def _send(self, file: Path, name: str) -> None:
        send_off(file, self._elsewhere, name=name, stopped=self._stopped)

    @contextmanager
    def _packed(self, base: Path) -> Iterator[Path]:
        """A base backup as one file, as long as it is handed on."""
        with self._place() as place:
            file = place / (base.name + _PACKED)
            with tarfile.open(file, "w:gz", compresslevel=1) as packed:
                packed.add(base, base.name, filter=self._unless_stopped)
            yield file

    def _unless_stopped(self, info: tarfile.TarInfo) -> tarfile.TarInfo:
        if self._stopped.is_set():
            raise AtbDbError("stopped while a base backup was being packed")
        return info

    @contextmanager
    def _place(self) -> Iterator[Path]:
        with TemporaryDirectory(prefix=SENDING, dir=self._folder) as place:
            yield Path(place)

    def _chains(self) -> list[Chain]:
        archive = read_archive(self._folder)
        return [] if archive is None else read_chains(self._folder, archive.segment_size)

    def _name(self, path: Path) -> str:
        """Its place in the archive, which it has elsewhere, too."""
        return str(path.relative_to(self._folder))

    def _note(self, name: str, until: datetime | None = None) -> None:
        self._sent[name] = until
        with (self._folder / _SENT).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, "until": None if until is None else until.isoformat()}) + "\n")


def _read_sent(folder: Path) -> dict[str, datetime | None]:
    """What is elsewhere of what is still here; a line that a killed archiver half wrote is sent again."""
    sent: dict[str, datetime | None] = {}
    with suppress(FileNotFoundError):
        for line in (folder / _SENT).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, KeyError, TypeError):
                found = json.loads(line)
                until = found["until"]
                sent[str(found["name"])] = None if until is None else datetime.fromisoformat(until)
    kept = {name: until for name, until in sent.items() if Path(folder, name).exists()}
    lines = ({"name": name, "until": until and until.isoformat()} for name, until in kept.items())
    part = folder / f"{_SENT}.part"
    part.touch(mode=0o600)
    part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    part.rename(folder / _SENT)
    return kept
