"""The incumbent's naive times, read as wall time of a zone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from atb_db.importing.errors import Unfit
from atb_db.importing.plan import Row


class Clock:
    """Reads naive times in a zone, and counts those that the end of a summer time makes ambiguous, its start skips."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.ambiguous = self.skipped = 0

    def at(self, row: Row, name: str) -> datetime:
        """A moment.

        Raises:
            Unfit: there is none.
        """
        found = self.at_or_none(row, name)
        if found is None:
            raise Unfit(f"{name} is missing")
        return found

    def about(self, row: Row, *names: str) -> datetime:
        """The first of these that is a moment, else the last there is: what is in quarantine only has to be sorted."""
        for name in names:
            with suppress(Unfit):
                found = self.at_or_none(row, name)
                if found is not None:
                    return found
        return datetime.max.replace(tzinfo=UTC)

    def at_or_none(self, row: Row, name: str) -> datetime | None:
        """A moment, or None; of an ambiguous hour the first."""
        value = row.get(name)
        if value is None:
            return None
        if not isinstance(value, datetime):
            raise Unfit(f"{name} is no time: {str(value)[:40]!r}")
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        there = value.replace(tzinfo=self.zone)
        first, second = there.utcoffset(), there.replace(fold=1).utcoffset()
        # Where a zone goes back, the first reading is the one before; where it goes forward, neither of them was.
        if first is not None and second is not None and first != second:
            self.ambiguous += first > second
            self.skipped += first < second
        try:
            return there.astimezone(UTC)
        except OverflowError:
            raise Unfit(f"{name} is no time: {value}") from None
