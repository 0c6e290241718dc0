"""What an archive lets go of: never what a moment within the window needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from atb_db.admin.continuous.layout import Base, Chain
from atb_db.admin.continuous.retention import expired_bases, expired_chains, expired_segments
from atb_db.admin.continuous.segments import parse_segments

SIZE = 1 << 24
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def base(day: float, segment: int) -> Base:
    at = NOW - timedelta(days=day)
    position = segment * SIZE + 40
    return Base(Path(f"base-{day}"), at, at + timedelta(minutes=1), position, position + 100, 1, 1.0)


def chain(name: str, *bases: Base, until: float | None, last: int = 20, missing: tuple[int, ...] = ()) -> Chain:
    first = min((one.start_position // SIZE for one in bases), default=1)
    files = [f"0000000100000000000000{number:02X}" for number in range(first, last + 1)]
    end = None if until is None else NOW - timedelta(days=until)
    return Chain(Path(name), end, bases, tuple(parse_segments(files, SIZE)), missing)


def test_the_newest_base_before_the_window_stays_with_its_log() -> None:
    found = chain("one", base(10, 1), base(8, 4), base(6, 9), base(1, 15), until=0)
    since = NOW - timedelta(days=7)
    gone = expired_bases(found, since=since)
    assert [one.folder.name for one in gone] == ["base-10"]
    kept = [one for one in found.bases if one not in gone]
    assert [path.name[-2:] for path in expired_segments(found, kept, SIZE)] == ["01", "02", "03"]
    assert list(expired_segments(found, [], SIZE)) == []


def test_chains_go_when_their_end_is_out_of_the_window_and_never_the_last_whole_one() -> None:
    since = NOW - timedelta(days=7)
    old, recent = chain("old", base(20, 1), until=9), chain("recent", base(6, 1), until=3)
    broken = chain("broken", base(2, 1), until=1, missing=(5,))
    going_on = chain("going-on", until=None)
    killed = chain("killed", base(1, 1), until=None)
    assert expired_chains([killed, recent, going_on], since=since) == []
    assert [one.folder.name for one in expired_chains([old, recent, going_on], since=since)] == ["old"]
    assert [one.folder.name for one in expired_chains([old, going_on], since=since)] == []
    assert [one.folder.name for one in expired_chains([old, broken, going_on], since=since)] == []


def test_what_others_are_put_together_with_stays_with_them() -> None:
    whole, first, second = base(12, 1), base(10, 4), base(8, 9)
    first, second = first._replace(parent=whole.folder.name), second._replace(parent=first.folder.name)
    since = NOW - timedelta(days=7)
    assert expired_bases(chain("one", base(14, 0), whole, first, second, until=0), since=since) == (base(14, 0),)
    later = base(7.5, 12)
    assert expired_bases(chain("one", whole, first, second, later, until=0), since=since) == (whole, first, second)


def test_whatever_goes_every_moment_of_the_window_can_still_be_restored(chance: Random) -> None:
    for _ in range(500):
        days = sorted((chance.uniform(0, 20) for _ in range(chance.randint(1, 8))), reverse=True)
        found = chain("one", *(base(day, 1 + number * 2) for number, day in enumerate(days)), until=0)
        since = NOW - timedelta(days=chance.uniform(1, 10))
        kept = [one for one in found.bases if one not in expired_bases(found, since=since)]
        gone = {path.name for path in expired_segments(found, kept, SIZE)}
        for _ in range(10):
            moment = since + chance.random() * (NOW - since)
            before = [one for one in found.bases if one.finished_at <= moment]
            if before:
                chosen = max(before, key=lambda one: one.finished_at)
                assert chosen in kept
                needed = {one.file for one in found.segments if one.number >= chosen.start_position // SIZE}
                assert needed & gone == set()
