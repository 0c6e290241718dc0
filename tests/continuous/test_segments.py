"""Names and positions of the log's segments."""

from __future__ import annotations

import pytest

from atb_db.admin.continuous.segments import holes, is_history, parse_position, parse_segments, shown_position

SIZE = 1 << 24
NAMES = [f"0000000100000000000000{number:02X}" for number in range(1, 6)]


def test_names_are_read_and_others_are_none() -> None:
    found = parse_segments(
        [*NAMES, f"{NAMES[0]}.gz", "0000000100000000000000FE.partial", "00000002.history", "x"], SIZE
    )
    assert [one.number for one in found] == [1, 1, 2, 3, 4, 5, 254]
    assert [one.compressed for one in found[:2]] == [False, True]
    assert (found[-1].partial, found[-1].name) == (True, "0000000100000000000000FE")
    assert parse_segments(["000000010000000200000003"], SIZE)[0].number == 2 * 256 + 3
    assert parse_segments(["000000010000000200000003"], 1 << 26)[0].number == 2 * 64 + 3
    assert [is_history(name) for name in ("00000002.history", NAMES[0])] == [True, False]


@pytest.mark.parametrize("text", ["0/1A2B3C4D", "FF/0", "1/0"])
def test_positions_are_read_and_written(text: str) -> None:
    assert shown_position(parse_position(text)) == text


def test_a_position_is_bytes_since_the_cluster_began() -> None:
    assert parse_position("2/10") == (2 << 32) + 16


@pytest.mark.parametrize(
    ("files", "first", "last", "missing"),
    [
        (NAMES, 1, None, []),
        (NAMES[:2] + NAMES[3:], 1, None, [3]),
        (NAMES, 1, 7, [6, 7]),
        (NAMES[1:], 1, None, [1]),
        ([*NAMES[:2], f"{NAMES[2]}.partial"], 1, None, []),
        ([NAMES[0], f"{NAMES[1]}.partial", NAMES[2]], 1, None, [2]),  # what comes after it is not its continuation
        ([f"{NAMES[0]}.gz", NAMES[1]], 1, None, []),
        ([*NAMES[:2], "000000020000000000000003"], 1, None, []),  # another timeline goes on
        ([], 1, 2, [1, 2]),
    ],
)
def test_holes_are_found(files: list[str], first: int, last: int | None, missing: list[int]) -> None:
    assert list(holes(parse_segments(files, SIZE), first=first, last=last)) == missing
