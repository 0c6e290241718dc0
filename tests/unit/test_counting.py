"""What is one is not many."""

from __future__ import annotations

import pytest

from atb_db.admin.counting import counted


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "session", "0 sessions"),
        (1, "session", "1 session"),
        (1, "index", "1 index"),
        (2, "index", "2 indexes"),
        (1000, "row", "1,000 rows"),
    ],
)
def test_nouns_follow_their_number(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text
