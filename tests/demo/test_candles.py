from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from atb_db.demo.candles import CandleFileError, built_in, read

HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = (
    "2024-01-01T00:00:00Z,100,110,90,105,3.5\n",
    "2024-01-01T00:15:00Z,105,106.25,104,104,0\n",
    "2024-01-01T01:00:00+00:15,104,104,104,104,1\n",
)


def written(folder: Path, text: str, name: str = "ETHUSDT-15m.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_equal_seeds_give_equal_markets() -> None:
    assert built_in() == built_in()
    assert built_in(50).candles == built_in().candles[:50]
    assert built_in(50, seed=1) != built_in(50, seed=2)


def test_the_market_is_the_same_on_every_machine() -> None:
    """A change of the generator changes what newcomers see: look at the demo, then put the new digest here."""
    text = "\n".join(",".join(map(str, candle)) for candle in built_in(500).candles)
    assert sha256(text.encode()).hexdigest() == "c37ee7e9da2ea0d30838b1d4e54c1f942287b7a6ec7455db32fc70d2606a9bbd"


def test_built_in_candles_are_a_market() -> None:
    market = built_in()
    assert market.timeframe == "1h"
    for before, candle in pairwise(market.candles):
        assert candle.timestamp - before.timestamp == timedelta(hours=1)
        assert candle.open == before.close
        assert 0 < candle.low <= min(candle.open, candle.close)
        assert max(candle.open, candle.close) <= candle.high
        assert candle.volume > 0
        assert all(isinstance(number, Decimal) for number in candle[1:])


@pytest.mark.parametrize("name", ["ETHUSDT-15m.csv", "ethusdt.csv.gz"])
def test_a_file_is_read_exactly(tmp_path: Path, name: str) -> None:
    text = HEADER + "".join(ROWS)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    market = read(path)
    assert (market.symbol, market.timeframe, len(market.candles)) == ("ETHUSDT", "15m", 3)
    first, second, third = market.candles
    assert first.timestamp == datetime(2024, 1, 1, tzinfo=UTC)
    assert (first.open, first.volume) == (Decimal(100), Decimal("3.5"))
    assert second.high == Decimal("106.25")
    assert third.timestamp == datetime(2024, 1, 1, 0, 45, tzinfo=UTC)


def test_columns_may_stand_in_any_order_and_have_company(tmp_path: Path) -> None:
    text = "\ufeffclose,volume,trades,timestamp,low,high,open\n"
    text += "5,1,9,2024-01-01T00:00:00Z,4,6,4.5\n5,1,9,2024-01-02T00:00:00Z,4,6,5\n"
    market = read(written(tmp_path, text, "-.csv"))
    assert (market.symbol, market.timeframe) == ("CANDLES", "1d")
    assert market.candles[0].open == Decimal("4.5")


@pytest.mark.parametrize(
    ("seconds", "timeframe"), [(60, "1m"), (900, "15m"), (3600, "1h"), (14400, "4h"), (86400, "1d"), (90, "90s")]
)
def test_the_timeframe_is_called_as_exchanges_do(seconds: int, timeframe: str) -> None:
    assert built_in(2)._replace(interval=timedelta(seconds=seconds)).timeframe == timeframe


BROKEN = {
    "empty": ("", "ETHUSDT-15m.csv is empty: its first line must be timestamp,open,high,low,close,volume"),
    "only a header": (HEADER, "ETHUSDT-15m.csv has 0 candles: at least 2 are needed"),
    "one candle": (HEADER + ROWS[0], "ETHUSDT-15m.csv has 1 candles: at least 2 are needed"),
    "missing column": (
        "timestamp,open,high,low,close\n",
        "ETHUSDT-15m.csv, line 1: the column volume is missing",
    ),
    "no header": (ROWS[0] + ROWS[1], "ETHUSDT-15m.csv, line 1: the column timestamp is missing"),
    "text": (
        HEADER + ROWS[0] + ROWS[1].replace("106.25", "high"),
        "ETHUSDT-15m.csv, line 3: high must be a number, not 'high'",
    ),
    "short line": (
        HEADER + ROWS[0] + "2024-01-01T00:15:00Z,105\n",
        "ETHUSDT-15m.csv, line 3: high must be a number, not ''",
    ),
    "NaN": (
        HEADER + ROWS[0].replace("3.5", "NaN"),
        "ETHUSDT-15m.csv, line 2: volume must be a finite number below 1e30, not NaN",
    ),
    "infinity": (
        HEADER + ROWS[0].replace("110", "inf"),
        "ETHUSDT-15m.csv, line 2: high must be a finite number below 1e30, not Infinity",
    ),
    "astronomic": (
        HEADER + ROWS[0].replace("110", "1e30"),
        "ETHUSDT-15m.csv, line 2: high must be a finite number below 1e30, not 1E+30",
    ),
    "out of order": (
        HEADER + ROWS[1] + ROWS[0],
        "ETHUSDT-15m.csv, line 3: 2024-01-01T00:00:00Z does not come after the candle before it",
    ),
    "twice": (
        HEADER + ROWS[0] + ROWS[0],
        "ETHUSDT-15m.csv, line 3: 2024-01-01T00:00:00Z does not come after the candle before it",
    ),
    "no time": (
        HEADER + ROWS[0].replace("2024-01-01T00:00:00Z", "yesterday"),
        "ETHUSDT-15m.csv, line 2: timestamp must be an ISO 8601 time, not 'yesterday'",
    ),
    "no time zone": (
        HEADER + ROWS[0].replace("00Z", "00"),
        "ETHUSDT-15m.csv, line 2: timestamp 2024-01-01T00:00:00 has no time zone: append Z if it is UTC",
    ),
    "zero price": (
        HEADER + ROWS[0].replace("90", "0"),
        "ETHUSDT-15m.csv, line 2: a price is not above zero",
    ),
    "negative volume": (
        HEADER + ROWS[0].replace("3.5", "-1"),
        "ETHUSDT-15m.csv, line 2: the volume is below zero",
    ),
    "close above high": (
        HEADER + ROWS[0].replace("110", "104"),
        "ETHUSDT-15m.csv, line 2: open and close do not lie between low and high",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CandleFileError) as refused:
        read(written(tmp_path, text))
    assert str(refused.value) == sentence


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CandleFileError, match=r"nowhere\.csv: there is no such file"):
        read(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "content",
    [
        HEADER.encode(),
        gzip.compress((HEADER + "".join(ROWS)).encode())[:-10],
        gzip.compress(HEADER.encode())[:10] + b"\xff" * 40,
    ],
    ids=["plain", "cut off", "garbage"],
)
def test_what_is_no_gzip_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "X.csv.gz"
    path.write_bytes(content)
    with pytest.raises(CandleFileError, match=r"^X\.csv\.gz cannot be read: "):
        read(path)


@pytest.mark.parametrize("count", [0, 1000], ids=["at once", "later"])
def test_what_is_no_text_is_told(tmp_path: Path, count: int) -> None:
    path = tmp_path / "X.csv"
    lines = [",".join([candle[0].isoformat(), *map(str, candle[1:])]) for candle in built_in(count).candles]
    path.write_bytes("\n".join([HEADER.strip(), *lines, ""]).encode() + b"\xff\xfe")
    with pytest.raises(CandleFileError, match=r"^X\.csv is not text in UTF-8$"):
        read(path)


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(CandleFileError, match="cannot be read"):
        read(tmp_path)
