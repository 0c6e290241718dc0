"""Segments of the write-ahead log by their names: positions, and whether a row of them has holes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.gz)?(\.partial)?")
_HISTORY: Final = re.compile(r"[0-9A-F]{8}\.history")
_LOG_FILE: Final = 1 << 32


class Segment(NamedTuple):
    """One file of the log."""

    file: str
    timeline: int
    number: int
    """Of the segment since the cluster began, on any timeline."""
    compressed: bool
    partial: bool
    """Whether it is still being written, or was when the server went."""

    @property
    def name(self) -> str:
        """As the server calls it."""
        return self.file[:24]


def parse_segments(files: Iterable[str], size: int) -> list[Segment]:
    """The segments among the names of files, in order; `size` is that of one segment in bytes."""
    found: list[Segment] = []
    for file in files:
        if match := _NAME.fullmatch(file):
            timeline, log, part = (int(match[group], 16) for group in (1, 2, 3))
            number = log * (_LOG_FILE // size) + part
            found.append(Segment(file, timeline, number, bool(match[4]), bool(match[5])))
    return sorted(found, key=lambda one: (one.timeline, one.number, one.partial))


def is_history(file: str) -> bool:
    """Whether the file says where a timeline came from."""
    return _HISTORY.fullmatch(file) is not None


def parse_position(text: str) -> int:
    """A position in the log, such as 0/1A2B3C4D, in bytes since the cluster began."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def shown_position(position: int) -> str:
    """The position as the server writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def holes(segments: Iterable[Segment], *, first: int, last: int | None = None) -> Iterator[int]:
    """The numbers of the segments that are missing from `first` to `last`, or to the newest there is.

    A segment of any timeline counts; one that is partial only as the newest of its timeline.
    """
    known = list(segments)
    newest = {one.timeline: max(other.number for other in known if other.timeline == one.timeline) for one in known}
    there = {one.number for one in known if not one.partial or one.number == newest[one.timeline]}
    end = max(there, default=first - 1) if last is None else last
    yield from (number for number in range(first, end + 1) if number not in there)
