"""How things are counted in sentences for people."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Such as `1 session`, `1,000 rows` or `2 indexes`."""
    ending = "" if number == 1 else "es" if noun.endswith("x") else "s"
    return f"{number:,} {noun}{ending}"
