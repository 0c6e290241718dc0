"""What can stop an import before anything is written."""

from __future__ import annotations

from atb_db.errors import AtbDbError


class UnusableSource(AtbDbError):
    """What was named cannot be imported from."""


class Unfit(Exception):
    """A row cannot become a record; the text is the sentence that says why."""
