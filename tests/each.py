"""One test for many cheap cases: it fails with all that do not hold, each by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

T = TypeVar("T")


def each(cases: Iterable[T], holds: Callable[[T], object]) -> None:
    """Check every case; a test of its own for each would cost more than the check.

    Raises:
        ExceptionGroup: what some cases failed with, each with a note of the case.
    """
    failed: list[Exception] = []
    checked = 0
    for checked, case in enumerate(cases, 1):  # noqa: B007  counts
        try:
            holds(case)
        except pytest.fail.Exception as failure:
            failed.append(AssertionError(f"{case}: {failure.msg}"))
        except Exception as error:  # noqa: BLE001  all of them are named
            error.add_note(f"case: {case}")
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {checked} cases", failed)
    assert checked, "there is no case"
