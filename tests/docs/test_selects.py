from __future__ import annotations

from tests.docs.selects import FIRST, same


def test_what_is_read_alike_is_listed_and_is_the_same() -> None:
    assert sorted(same()) == sorted(sorted((first, *others)) for first, others in FIRST.items()), "make docs writes it"
