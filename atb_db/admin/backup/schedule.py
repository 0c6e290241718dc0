"""How often to back up, so that a recovery point objective holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from atb_db.admin.backup.retention import Retention
from atb_db.errors import InvalidInput

# Only what divides an hour or a day comes at equal distances in cron. Railway starts nothing more often than the first.
_MINUTES: Final = (5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)


class Schedule(NamedTuple):
    """When to back up."""

    every: timedelta
    cron: str
    """The five fields; UTC where cron runs in UTC, which does not matter here."""
    worst_loss: timedelta
    """Age of the newest finished backup at the worst moment: just before the next one is finished."""


def plan(rpo: timedelta, duration: timedelta) -> Schedule:
    """The rarest schedule that honours the RPO, when making a backup takes `duration`.

    Raises:
        InvalidInput: none does.
    """
    fitting = [minutes for minutes in _MINUTES if timedelta(minutes=minutes) + duration <= rpo]
    if not fitting:
        raise InvalidInput(
            f"no schedule honours an RPO of {rpo}: a dump takes {duration}, and cron starts one every 5 minutes at the "
            "most; that needs replication or WAL archiving"
        )
    minutes = fitting[-1]
    every = timedelta(minutes=minutes)
    return Schedule(every, _cron(minutes), every + duration)


def most_kept(schedule: Schedule, retention: Retention) -> int:
    """How many backups are kept at the most by a schedule."""
    a_day = timedelta(days=1) // schedule.every
    return retention.days * a_day + retention.daily + retention.weekly + retention.monthly


def _cron(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if rest:
        return f"*/{rest} * * * *"
    return {1: "0 * * * *", 24: "0 0 * * *"}.get(hours, f"0 */{hours} * * *")
