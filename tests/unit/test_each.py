"""Every case is checked, and all that fail are named."""

from __future__ import annotations

import pytest

from tests.each import each


def holds(case: int) -> None:
    assert case % 2 == 0
    if case == 4:
        with pytest.raises(ValueError, match="four"):
            int("4")


def test_all_that_fail_are_named() -> None:
    with pytest.raises(ExceptionGroup, match="3 of 5 cases") as caught:
        each([0, 1, 2, 3, 4], holds)
    notes = [getattr(error, "__notes__", [str(error)])[-1] for error in caught.value.exceptions]
    assert notes[:2] == ["case: 1", "case: 3"]
    assert notes[2].startswith("4: DID NOT RAISE")


def test_none_fails() -> None:
    each([0, 2], holds)


def test_no_case_is_no_success() -> None:
    with pytest.raises(AssertionError, match="no case"):
        each([], holds)
