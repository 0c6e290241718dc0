"""What the operator says of an import of freqtrade."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.types import TradeSource


class Choice(NamedTuple):
    """What the operator says of an import."""

    account: str | None = None
    mode: TradeSource = TradeSource.LIVE
    initial_balance: Decimal | None = None
    since: datetime | None = None
