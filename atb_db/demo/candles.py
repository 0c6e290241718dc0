"""Candles: from a CSV file, or from a seeded market that is the same on every machine."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, TextIO

from atb_db.errors import InvalidInput

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
CENT: Final = Decimal("0.01")
LARGEST: Final = Decimal("1e30")


class CandleFileError(InvalidInput):
    """The candle file cannot be replayed."""


class Candle(NamedTuple):
    """Trading during one interval from `timestamp` on; prices in quote currency, volume in units of the base asset."""

    timestamp: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Market(NamedTuple):
    """The candles to replay; they are in order of time, `interval` is the time from one to the next."""

    symbol: str
    interval: timedelta
    candles: list[Candle]

    @property
    def timeframe(self) -> str:
        """The interval as exchanges call it, such as 1h."""
        seconds = int(self.interval.total_seconds())
        for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
            if seconds % length == 0:
                return f"{seconds // length}{unit}"
        return f"{seconds}s"


def load(path: Path | None) -> Market:
    """The market of a file, or the built-in one.

    Raises:
        CandleFileError: the file is missing or broken; the sentence names it and the line.
    """
    return built_in() if path is None else read(path)


class _Regime(NamedTuple):
    """A mood of the market; drift and swing are millionths of the price per candle."""

    drift: int
    swing: int


_REGIMES: Final = (
    _Regime(drift=500, swing=4500),  # rally
    _Regime(drift=0, swing=2500),  # calm
    _Regime(drift=-450, swing=5000),  # decline
    _Regime(drift=0, swing=7000),  # turmoil
)


def built_in(count: int = 2400, *, seed: int = 4) -> Market:
    """Hourly candles of a random walk whose mood changes every few days; equal arguments, equal candles.

    Whole numbers and Decimals only, so that no machine's floating point makes a difference.
    """
    return Market("DEMOUSDT", timedelta(hours=1), list(_walk(Random(seed), count)))  # noqa: S311  a market, no secret


def _walk(dice: Random, count: int) -> Iterator[Candle]:
    price = Decimal("30000.00")
    regime, remaining = _REGIMES[0], 0
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for hour in range(count):
        if not remaining:
            regime, remaining = dice.choice(_REGIMES), dice.randrange(48, 240)
        remaining -= 1
        close = _moved(price, regime.drift + _bell(dice, regime.swing))
        high = _moved(max(price, close), abs(_bell(dice, regime.swing // 2)))
        low = _moved(min(price, close), -abs(_bell(dice, regime.swing // 2)))
        volume = Decimal(dice.randrange(50_000, 500_000) * regime.swing) / 1_000_000
        yield Candle(start + timedelta(hours=hour), price, high, low, close, volume)
        price = close


def _bell(dice: Random, swing: int) -> int:
    """Nearly normally distributed around 0, as the sum of even draws is; `swing` is about its deviation."""
    return sum(dice.randrange(-swing, swing + 1) for _ in range(3))


def _moved(price: Decimal, millionths: int) -> Decimal:
    return max((price * (1_000_000 + millionths) / 1_000_000).quantize(CENT), CENT)


def read(path: Path) -> Market:
    """The candles of a CSV file, plain or gzipped, with the columns of `COLUMNS` in any order.

    Times are ISO 8601 with an offset or Z. The symbol is what the file's name begins with: BTCUSDT-1h.csv.gz.

    Raises:
        CandleFileError: the file is missing or broken; the sentence names it and the line.
    """
    try:
        with _opened(path) as file:
            candles = list(_candles(path.name, file))
    except FileNotFoundError:
        raise CandleFileError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise CandleFileError(f"{path.name} is not text in UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise CandleFileError(f"{path.name} cannot be read: {error}") from None
    if len(candles) < 2:  # noqa: PLR2004  two make an interval
        raise CandleFileError(f"{path.name} has {len(candles)} candles: at least 2 are needed")
    interval = min(later.timestamp - earlier.timestamp for earlier, later in pairwise(candles))
    symbol = re.match(r"[A-Za-z0-9]{1,64}", path.name)
    return Market(symbol[0].upper() if symbol else "CANDLES", interval, candles)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _candles(name: str, lines: Iterable[str]) -> Iterator[Candle]:
    reader = csv.DictReader(lines)
    header = reader.fieldnames
    if header is None:
        raise CandleFileError(f"{name} is empty: its first line must be {','.join(COLUMNS)}")
    if missing := [column for column in COLUMNS if column not in header]:
        raise CandleFileError(f"{name}, line 1: the column {missing[0]} is missing")
    before: datetime | None = None
    try:
        for row in reader:
            candle = _candle(row)
            if before is not None and candle.timestamp <= before:
                raise ValueError(f"{candle.timestamp:%Y-%m-%dT%H:%M:%SZ} does not come after the candle before it")
            before = candle.timestamp
            yield candle
    except (ValueError, csv.Error) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise CandleFileError(f"{name}, line {reader.line_num}: {error}") from None


def _candle(row: dict[str, str | None]) -> Candle:
    """The row as a candle; ValueError says what is wrong with it."""
    prices = [_number(column, row[column]) for column in COLUMNS[1:]]
    candle = Candle(_time(row["timestamp"]), *prices)
    if min(prices[:4]) <= 0:
        raise ValueError("a price is not above zero")
    if candle.volume < 0:
        raise ValueError("the volume is below zero")
    if not candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
        raise ValueError("open and close do not lie between low and high")
    return candle


def _time(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        raise ValueError(f"timestamp must be an ISO 8601 time, not {(text or '')[:40]!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"timestamp {text} has no time zone: append Z if it is UTC")
    return moment.astimezone(UTC)


def _number(column: str, text: str | None) -> Decimal:
    try:
        number = Decimal((text or "").strip())
    except InvalidOperation:
        raise ValueError(f"{column} must be a number, not {(text or '')[:40]!r}") from None
    if not number.is_finite() or abs(number) >= LARGEST:
        raise ValueError(f"{column} must be a finite number below 1e30, not {number}")
    return number
