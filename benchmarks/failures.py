"""What breaks while it is measured is one cell of the page, with its reason, and not the end of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

EVERYBODY: Final = "everybody"
"""Stands for all contenders where a whole part broke."""
_LONGEST: Final = 200
"""Characters of a reason."""
_BEFORE: Final = 15
"""Characters shown before the first that differs."""


class Failures:
    """By operation, or other name of a row, and contender: why it could not be measured."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, str]] = {}

    @contextmanager
    def of(self, what: str, who: str) -> Iterator[None]:
        """A block whose exception is the failure of this contender at this operation."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  whatever it is, it stands in the page
            self.add(what, who, f"{type(error).__name__}: {error}")

    def add(self, what: str, who: str, reason: str) -> None:
        """Note why it failed; what is known already stays."""
        plain = " ".join(reason.replace("|", "/").split())
        self.found.setdefault(what, {}).setdefault(who, plain[:_LONGEST])

    def has(self, what: str, who: str) -> bool:
        """Whether it has failed there."""
        return who in self.found.get(what, {})

    def differing(self, what: str, how: str, found: dict[str, object]) -> None:
        """Note those of the contenders that found something else than most; among as many, the first are right."""
        shown = {who: repr(value) for who, value in found.items()}
        texts = list(shown.values())
        most = max(texts, key=texts.count, default="")
        for who, text in shown.items():
            if text != most:
                first = next((n for n, pair in enumerate(zip(text, most, strict=False)) if len({*pair}) > 1), 0)
                start = max(0, first - _BEFORE)
                own, others = (one[start : start + _LONGEST // 3] for one in (text, most))
                self.add(what, who, f"{how} {own} instead of {others}")
