"""The log's bytes: records put together from pages, and which transactions wrote something in one. Pure.

The layout is that of `access/xlogrecord.h`, `access/xlog_internal.h` and `storage/bufpage.h`, the same from PostgreSQL
14 to 18 but for the marks of compression.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import Final, NamedTuple

PAGE: Final = 8192
_LONG_HEADER: Final = 40
"""Bytes at the beginning of a segment's first page that belong to no record."""
_HEADER: Final = 24
"""The same of every other page."""
_RECORD_HEADER: Final = 24
_SHORT_MAIN, _LONG_MAIN, _ORIGIN, _TOP_TRANSACTION, _LAST_BLOCK = 255, 254, 253, 252, 32
_HAS_IMAGE, _SAME_RELATION = 0x10, 0x80
_HAS_HOLE: Final = 0x01
_COMPRESSED: Final = {14: 0x02}
_COMPRESSED_SINCE: Final = 0x1C


class _Block(NamedTuple):
    image: int
    """Length of the image of the whole page; 0 without one."""
    hole: tuple[int, int]
    """Where zeros were left out of it, and how many."""
    compressed: bool
    data: int
    """Length of the change."""


def stripped(segment: bytes) -> bytes:
    """What the records of a segment are made of, without the headers of its pages, which may interrupt any of them."""
    first = segment[_LONG_HEADER:PAGE]
    return first + b"".join(segment[page + _HEADER : page + PAGE] for page in range(PAGE, len(segment), PAGE))


def stripped_place(place: int) -> int:
    """Where something that is at a place in a segment is without the headers."""
    page, rest = divmod(place, PAGE)
    return (
        max(0, rest - _LONG_HEADER)
        if page == 0
        else page * (PAGE - _HEADER) - (_LONG_HEADER - _HEADER) + rest - _HEADER
    )


def place_of(stripped_at: int) -> int:
    """The reverse of `stripped_place`."""
    if stripped_at < PAGE - _LONG_HEADER:
        return _LONG_HEADER + stripped_at
    page, rest = divmod(stripped_at - (PAGE - _LONG_HEADER), PAGE - _HEADER)
    return (page + 1) * PAGE + _HEADER + rest


def writers(record: bytes, wanted: bytes, *, major: int) -> Iterator[int]:
    """The transactions that wrote the wanted bytes, as far as a record shows them; in order, also repeatedly.

    A record has its own transaction's change; or the image of a page, with the rows of others. Each row of a table says
    who wrote it; the pages of an index do not say it, and show nothing.
    """
    transaction: int = unpack_from("<I", record, 4)[0]
    blocks, place = _blocks(record, major)
    for block in blocks:
        image, place = record[place : place + block.image], place + block.image
        if wanted in image and not block.compressed:
            yield from _row_writers(image, block.hole, wanted)
        change, place = record[place : place + block.data], place + block.data
        if wanted in change:
            yield transaction


def _blocks(record: bytes, major: int) -> tuple[list[_Block], int]:
    """The pages that a record changes, and where their contents begin."""
    place, total, contents = _RECORD_HEADER, len(record), 0
    blocks: list[_Block] = []
    while total - place > contents:
        kind = record[place]
        if kind in {_SHORT_MAIN, _LONG_MAIN}:
            place += 2 if kind == _SHORT_MAIN else 5
            break
        if kind in {_ORIGIN, _TOP_TRANSACTION}:
            place += 3 if kind == _ORIGIN else 5
            continue
        if kind > _LAST_BLOCK:
            return [], total  # of a version that nobody knows yet
        flags, data = unpack_from("<BH", record, place + 1)
        place += 4
        block = _Block(0, (0, 0), compressed=False, data=data)
        if flags & _HAS_IMAGE:
            length, hole_at, about = unpack_from("<HHB", record, place)
            place += 5
            compressed = bool(about & _COMPRESSED.get(major, _COMPRESSED_SINCE))
            place += 2 if compressed and about & _HAS_HOLE else 0
            block = _Block(length, (hole_at, PAGE - length), compressed, data)
        place += (0 if flags & _SAME_RELATION else 12) + 4
        blocks.append(block)
        contents += block.image + block.data
    return blocks, place


def _row_writers(image: bytes, hole: tuple[int, int], wanted: bytes) -> Iterator[int]:
    """The transactions that wrote the rows with the wanted bytes, of a table's page."""
    at, length = hole
    page = image[:at] + bytes(length) + image[at:]
    lower, _, special = unpack_from("<HHH", page, 12)
    if special != PAGE:
        return
    for pointer in range(_HEADER, lower, 4):
        item: int = unpack_from("<I", page, pointer)[0]
        start, size = item & 0x7FFF, item >> 17
        if wanted in page[start : start + size]:
            yield unpack_from("<I", page, start)[0]
