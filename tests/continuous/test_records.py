"""The log's bytes without the headers of its pages."""

from __future__ import annotations

from atb_db.admin.continuous.records import PAGE, place_of, stripped, stripped_place


def test_every_place_is_found_again() -> None:
    segment = bytes(PAGE * 3)
    content = stripped(segment)
    assert len(content) == PAGE * 3 - 40 - 24 - 24
    places = [place_of(at) for at in range(len(content))]
    assert [stripped_place(place) for place in places] == list(range(len(content)))
    taken = set(places)
    assert [place for place in range(PAGE * 3) if place not in taken] == [
        *range(40),
        *range(PAGE, PAGE + 24),
        *range(2 * PAGE, 2 * PAGE + 24),
    ]


def test_content_goes_on_behind_a_header() -> None:
    segment = bytes(PAGE - 2) + b"ab" + b"h" * 24 + b"cd" + bytes(PAGE - 26)
    content = stripped(segment)
    assert place_of(content.index(b"abcd")) == PAGE - 2
