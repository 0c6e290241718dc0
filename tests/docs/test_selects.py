from __future__ import annotations

import pytest

from tests.docs.selects import FIRST, completed, same

LISTED = 'SELECT p.id, coalesce(p.entry_price, 0) AS entry_price,\n       p.note, o.id AS "orders.id"\n'


def test_what_is_read_alike_is_listed_and_is_the_same() -> None:
    assert sorted(same()) == sorted(sorted((first, *others)) for first, others in FIRST.items()), "make docs writes it"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["id", "entry_price", "note"], LISTED),
        (
            ["id", "entry_price", "venue", "note"],
            'SELECT p.id, coalesce(p.entry_price, 0) AS entry_price, p.venue, p.note, o.id AS "orders.id"\n',
        ),
    ],
)
def test_a_field_that_the_list_lacks_is_written_after_the_one_before_it(fields: list[str], expected: str) -> None:
    assert completed(LISTED, fields) == expected
