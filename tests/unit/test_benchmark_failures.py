"""A contender that breaks in a benchmark is noted, and the others go on."""

from __future__ import annotations

from benchmarks.failures import Failures


def test_who_breaks_is_noted_with_the_first_reason() -> None:
    failures = Failures()
    for reason in ("a | of\na table", "another"):
        with failures.of("log_event", "psqlpy"):
            raise ValueError(reason)
    with failures.of("log_event", "atb_db"):
        pass
    assert failures.found == {"log_event": {"psqlpy": "ValueError: a / of a table"}}
    assert failures.has("log_event", "psqlpy")
    assert not failures.has("log_event", "atb_db")


def test_who_differs_is_who_differs_from_most() -> None:
    failures = Failures()
    failures.differing("trades", "answered", {"first": [1], "second": [2], "third": [2]})
    failures.differing("events", "answered", {"first": [1], "second": [2]})
    failures.differing("orders", "answered", {"first": [1], "second": [1]})
    failures.differing("nobody", "answered", {})
    failures.differing("fills", "left behind", {"first": "0" * 300 + "1", "second": "0" * 300 + "2"})
    zeros = "0" * 15
    assert failures.found.pop("fills") == {"second": f"left behind {zeros}2' instead of {zeros}1'"}
    assert failures.found == {
        "trades": {"first": "answered [1] instead of [2]"},
        "events": {"second": "answered [2] instead of [1]"},
    }
