"""Units made ahead: all of them in their order, never many more than were taken, and errors where they are taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from atb_db.importing.ahead import made_ahead
from atb_db.importing.errors import UnusableSource
from atb_db.importing.plan import Origin, Unit

LARGE = 500
"""Rows of a unit that changes hands alone."""


def unit(number: int) -> Unit:
    return Unit(str(number), (), (Origin("trades", str(number), {}),) * LARGE)


def test_all_come_in_their_order_and_few_are_made_ahead() -> None:
    made = 0

    def make() -> Iterator[Unit]:
        nonlocal made
        for number in range(100):
            made += 1
            yield unit(number)

    with made_ahead(make()) as units:
        for taken, one in enumerate(units):
            assert one.book == str(taken)
            assert made - taken <= 7
    assert made == 100


def test_an_error_is_raised_after_what_came_before_it() -> None:
    def make() -> Iterator[Unit]:
        yield unit(0)
        raise UnusableSource("it is broken")

    with made_ahead(make()) as units:
        assert next(units).book == "0"
        with pytest.raises(UnusableSource, match="it is broken"):
            next(units)


def test_whoever_leaves_early_leaves_no_thread() -> None:
    before = threading.active_count()
    with made_ahead(map(unit, range(1000))) as units:
        next(units)
    assert threading.active_count() == before
