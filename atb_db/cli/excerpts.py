"""Long texts that differ, cut to where they do."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 60
_BEFORE: Final = 20


def excerpts(one: str | None, other: str | None) -> tuple[str, str]:
    """Of both texts what is around their first difference, as one line each; nothing when there is only one text."""
    if one is None or other is None:
        return "", ""
    first, second = " ".join(one.split()), " ".join(other.split())
    if max(len(first), len(second)) <= LONGEST:
        return first, second
    common = next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    start = max(common - _BEFORE, 0)
    return _cut(first, start), _cut(second, start)


def _cut(text: str, start: int) -> str:
    end = start + LONGEST
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")
