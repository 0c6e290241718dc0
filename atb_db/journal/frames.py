"""The journal's lines: each a record with its length and checksum, by which torn and damaged lines are found.

    1 000000a5 5f3c91d0 {"entry":17,"at":"2024-03-01T09:00:00+00:00","statement":"events.log_event", …}

Format version, length of the record in bytes and CRC-32 of all that, in hexadecimal; then the record in JSON, which has
no line breaks inside. The line's beginning stays as it is in every version of the format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from zlib import crc32

from atb_db.errors import JournalUnusable
from atb_db.types import JsonValue

FORMAT: Final = 1
DONE_SIZE: Final = 48
"""Bytes of the longest line that says that an entry is done."""

_HEAD: Final = re.compile(rb"([0-9]{1,3}) ([0-9a-f]{8}) ([0-9a-f]{8}) ")
_BEGUN: Final = re.compile(rb"[0-9]{1,3}( [0-9a-f]{0,8}( [0-9a-f]{0,8} ?)?)?")

Record = Mapping[str, JsonValue]


def frame(record: Mapping[str, object]) -> bytes:
    """The record's line.

    Raises:
        ValueError: it has no JSON form.
    """
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    start = b"%d %08x" % (FORMAT, len(body))
    return b"%b %08x %b\n" % (start, crc32(start + body), body)


def unframe(line: bytes) -> Record | None:
    """The line's record, or None if the line is not what was written.

    Raises:
        JournalUnusable: the line is whole, and of a later version of the format.
    """
    head = _HEAD.match(line)
    if head is None or not line.endswith(b"\n"):
        return None
    body = line[head.end() : -1]
    start = line[: head.end(2)]
    if len(body) != int(head[2], 16) or crc32(start + body) != int(head[3], 16):
        return None
    if int(head[1]) > FORMAT:
        raise JournalUnusable(f"the journal has format {int(head[1])}, and this version of atb_db knows up to {FORMAT}")
    record: JsonValue = json.loads(body)
    return record if isinstance(record, Mapping) else None


def is_torn(tail: bytes) -> bool:
    """Whether a file's last line was only begun: its writer died before it could promise anything.

    A begun line lacks at least its line break, which no other byte of it is.
    """
    head = _HEAD.match(tail)
    if head is None:
        return _BEGUN.fullmatch(tail) is not None
    return not tail.endswith(b"\n") and len(tail) <= head.end() + int(head[2], 16)
