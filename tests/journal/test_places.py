"""A journal is a regular file of its own: nothing else is opened for one, waited for, written to or renamed over."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from stat import S_IFCHR

import pytest

from atb_db.errors import JournalUnusable
from atb_db.journal.contents import read_contents, read_status
from atb_db.journal.frames import frame
from atb_db.journal.queue import Queue
from atb_db.repository import events

LIMIT = 1 << 20
PRECIOUS = b"somebody else's\n"


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{folder}/{path.name}")  # the path itself may be too long
        finally:
            os.close(folder)


def device(minor: int) -> Callable[[Path], None]:
    """A device of the test's own: root could replace the machine's."""

    def make(path: Path) -> None:
        try:
            os.mknod(path, 0o600 | S_IFCHR, os.makedev(1, minor))
        except PermissionError:
            pytest.skip("no device can be made here")

    return make


def link_to_device(path: Path) -> None:
    device(3)(path.parent / "device")
    path.symlink_to("device")


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def link_to_precious(path: Path) -> None:
    (path.parent / "precious").write_bytes(PRECIOUS)
    path.symlink_to("precious")


def link_to_empty(path: Path) -> None:
    (path.parent / "empty").touch()
    path.symlink_to("empty")


THINGS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a folder": Path.mkdir,
    "an empty device": device(3),
    "an endless device": device(5),
    "a link to a device": link_to_device,
    "a link to nothing": link_to("nothing"),
    "a link to itself": link_to("journal"),
    "a link to an empty file": link_to_empty,
    "a link to something else": link_to_precious,
}


def found_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Kind and size of everything but locks."""
    found = {path.name: path.lstat() for path in folder.iterdir() if path.suffix != ".lock"}
    return {name: (stat.st_mode, stat.st_ino) for name, stat in found.items()}


@pytest.mark.parametrize("make", THINGS.values(), ids=THINGS)
def test_only_nothing_or_a_journal_becomes_a_journal(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "journal"
    make(path)
    before = found_in(tmp_path)
    with pytest.raises(JournalUnusable):
        Queue(path, LIMIT)
    if make is link_to_empty:
        assert read_status(path).waiting == 0
    else:
        with pytest.raises(JournalUnusable):
            read_status(path)
    assert found_in(tmp_path) == before
    if (tmp_path / "precious").exists():
        assert (tmp_path / "precious").read_bytes() == PRECIOUS


@pytest.mark.parametrize("suffix", [".lock", ".new"])
@pytest.mark.parametrize("make", THINGS.values(), ids=THINGS)
def test_what_lies_beside_it_is_not_followed(tmp_path: Path, suffix: str, make: Callable[[Path], object]) -> None:
    beside = tmp_path / f"journal{suffix}"
    make(beside)
    kind = beside.lstat().st_mode
    if suffix == ".new" and not beside.is_dir():
        Queue(tmp_path / "journal", LIMIT).close()  # what is in the way of a new file goes, and where it leads to stays
        assert read_contents(tmp_path / "journal").next_number == 1
        assert not beside.is_symlink()
    else:
        with pytest.raises(JournalUnusable):
            Queue(tmp_path / "journal", LIMIT)
        assert beside.lstat().st_mode == kind
        assert not (tmp_path / "journal").exists()
    assert not (tmp_path / "nothing").exists()
    if (tmp_path / "precious").exists():
        assert (tmp_path / "precious").read_bytes() == PRECIOUS
    if (tmp_path / "empty").exists():
        assert (tmp_path / "empty").read_bytes() == b""


def test_another_name_of_a_file_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(PRECIOUS)
    (tmp_path / "journal.new").hardlink_to(tmp_path / "precious")
    Queue(tmp_path / "journal", LIMIT).close()
    assert (tmp_path / "precious").read_bytes() == PRECIOUS


def test_a_link_to_a_journal_is_that_journal(tmp_path: Path) -> None:
    Queue(tmp_path / "journal", LIMIT).close()
    (tmp_path / "link").symlink_to("journal")
    queue = Queue(tmp_path / "link", LIMIT)
    queue.append(events.log_event(event_type="TEST", message="by way of the link"))
    queue.close()
    assert read_status(tmp_path / "journal").waiting == 1
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "journal").read_bytes().startswith(frame({"journal": "atb_db", "next": 1}))
