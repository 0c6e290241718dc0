"""`atb-db health` without the library of the command line, whose loading takes longer than the check itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from atb_db.admin.readable import read_duration
from atb_db.cli.streams import give_up_stdout

if TYPE_CHECKING:
    from datetime import timedelta

    from atb_db.admin.health import Health

_OK, _FAILED, _FOUND, _UNREACHABLE, _INTERRUPTED = 0, 1, 3, 4, 130
"""Of `exits.ExitCode`, which loads the errors of every command."""
_VALUES: Final = ("--max-silence", "--rpo", "--journal", "--url")


class _Wanted(NamedTuple):
    max_silence: timedelta | None = None
    rpo: timedelta | None = None
    journal: tuple[Path, ...] = ()
    allow_halt: bool = False
    url: str | None = None


def health(words: Sequence[str]) -> int | None:
    """Run it with these options; the exit code.

    None where the whole command line must look at them: help, JSON, mistakes, and what else is not done every minute.
    """
    wanted = _wanted(words)
    if wanted is None:
        return None
    try:
        found = _check(wanted)
    except KeyboardInterrupt:
        return _INTERRUPTED
    if found is None:
        return None
    return _printed(str(found)) or _code(found)


def _code(found: Health) -> int:
    if not found.reachable:
        return _UNREACHABLE
    return _OK if found.healthy else _FOUND


def _check(wanted: _Wanted) -> Health | None:
    from atb_db.admin.health import MAX_SILENCE, Demand, check_health
    from atb_db.config import Settings
    from atb_db.errors import AtbDbError

    silence = MAX_SILENCE if wanted.max_silence is None else wanted.max_silence
    demand = Demand(silence, wanted.rpo, halt_is_fine=wanted.allow_halt, journals=wanted.journal)
    try:
        return check_health(Settings.load(wanted.url), demand)
    except AtbDbError:
        return None


def _printed(line: str) -> int:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError as error:
        give_up_stdout()
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"atb-db: {error.strerror}\n")
        return _FAILED
    return _OK


def _wanted(words: Sequence[str]) -> _Wanted | None:
    found = _Wanted()
    for name, text in _options(words):
        read = _READERS.get(name)
        changed = read(found, text) if read is not None else None
        if changed is None:
            return None
        found = changed
    return found


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option with its value, which is nothing where it has none."""
    rest = iter(words)
    for word in rest:
        name, glue, text = word.partition("=")
        yield name, text if glue else next(rest, "") if name in _VALUES else ""


def _silence(found: _Wanted, text: str) -> _Wanted | None:
    length = read_duration(text)
    return None if length is None else found._replace(max_silence=length)


def _rpo(found: _Wanted, text: str) -> _Wanted | None:
    length = read_duration(text)
    return None if length is None else found._replace(rpo=length)


def _journal(found: _Wanted, text: str) -> _Wanted | None:
    return found._replace(journal=(*found.journal, Path(text))) if text else None


def _allow_halt(found: _Wanted, text: str) -> _Wanted | None:
    return None if text else found._replace(allow_halt=True)


def _url(found: _Wanted, text: str) -> _Wanted | None:
    return found._replace(url=text) if text else None


_READERS: Final[dict[str, Callable[[_Wanted, str], _Wanted | None]]] = {
    "--max-silence": _silence,
    "--rpo": _rpo,
    "--journal": _journal,
    "--allow-halt": _allow_halt,
    "--url": _url,
}
