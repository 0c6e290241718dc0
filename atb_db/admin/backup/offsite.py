"""A backup handed on to a program that takes it elsewhere, encrypted if wanted; no shell is between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final, NamedTuple

from atb_db.admin.errors import ToolMissing
from atb_db.admin.programs import Invocation, run, running
from atb_db.errors import AtbDbError

PLACE: Final = "{}"
"""What the file's path takes the place of in a command."""
NAME: Final = "{name}"
"""What its place in an archive takes the place of."""
SENDING: Final = ".sending-"
"""How the names of folders begin that are there as long as something is handed on."""
_POLL: Final = 0.2
_AGE: Final = ("age1", "ssh-")


class OffSite(NamedTuple):
    """How a backup gets elsewhere."""

    command: tuple[str, ...]
    """Its words; `{}` in them is the file's path, which else comes last, `{name}` its place in an archive."""
    recipient: str | None = None
    """For whom it is encrypted: an age1… or ssh-… key for `age`, anybody else for `gpg`."""


def send_off(file: Path, elsewhere: OffSite, *, name: str | None = None, stopped: Event | None = None) -> None:
    """Run the command for a finished file, and wait until it has ended well.

    The encrypted copy lies beside the file as long as the command runs; the file itself stays as it is. `name` is what
    `{name}` stands for. When `stopped` is set, the command is ended.

    Raises:
        AtbDbError: the command, or the encryption, ended with another exit status than 0; the last that it said.
            Or it was stopped.
        ToolMissing: there is no such program.
    """
    with _encrypted(file, elsewhere.recipient) as path:
        whole = str(path.absolute())
        words = [word.replace(PLACE, whole) for word in elsewhere.command]
        if words == [*elsewhere.command]:
            words.append(whole)
        if name is not None:
            words = [word.replace(NAME, name + path.name.removeprefix(file.name)) for word in words]
        with running(Invocation(_program(words[0]), tuple(words), {})) as child:
            while stopped is not None and child.poll() is None:
                if stopped.wait(_POLL):
                    raise AtbDbError(f"stopped while {words[0]} was at work")


def check_off_site(elsewhere: OffSite) -> None:
    """Look whether the programs are there, before there is something to send.

    Raises:
        ToolMissing: one is not.
    """
    _program(elsewhere.command[0])
    if elsewhere.recipient is not None:
        _program(_encryption(elsewhere.recipient))


@contextmanager
def _encrypted(file: Path, recipient: str | None) -> Iterator[Path]:
    if recipient is None:
        yield file
        return
    name = _encryption(recipient)
    program = _program(name)
    with TemporaryDirectory(prefix=SENDING, dir=file.parent) as folder:
        target = Path(folder, f"{file.name}.{name}")
        options = () if name == "age" else ("--batch", "--yes", "--trust-model", "always", "--encrypt")
        words = (name, *options, "--recipient", recipient, "--output", str(target), str(file))
        run(Invocation(program, (str(program), *words[1:]), {}))
        yield target


def _encryption(recipient: str) -> str:
    return "age" if recipient.startswith(_AGE) else "gpg"


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(f"there is no program {name} on this machine")
    return Path(found)
