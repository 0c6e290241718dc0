"""Enums of the schema with their labels, and the types that statements take and return.

A parameter that takes an enum also takes its labels as text. Type checkers know them as `…Label`, in upper case; at run
time any case will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final, Literal, SupportsFloat, TypeAlias
from uuid import UUID


class PositionSide(StrEnum):
    """Direction of a position, and of the orders and trades that belong to it."""

    LONG = "LONG"
    SHORT = "SHORT"


PositionSideLabel: TypeAlias = Literal["LONG", "SHORT"]


class PositionStatus(StrEnum):
    """PLANNED = journaled and not filled, OPEN = holds something, CLOSED = holds nothing any more, which is final."""

    PLANNED = "PLANNED"
    OPEN = "OPEN"
    CLOSED = "CLOSED"


PositionStatusLabel: TypeAlias = Literal["PLANNED", "OPEN", "CLOSED"]


class ContractType(StrEnum):
    """How a price makes a value: LINEAR = quantity x size x price, INVERSE = quantity x size / price."""

    LINEAR = "LINEAR"
    INVERSE = "INVERSE"


ContractTypeLabel: TypeAlias = Literal["LINEAR", "INVERSE"]


class OrderType(StrEnum):
    """What an order does to its position."""

    ENTRY = "ENTRY"
    PARTIAL_EXIT = "PARTIAL_EXIT"
    SCALE_IN = "SCALE_IN"
    FULL_EXIT = "FULL_EXIT"
    STOP_LOSS = "STOP_LOSS"


OrderTypeLabel: TypeAlias = Literal["ENTRY", "PARTIAL_EXIT", "SCALE_IN", "FULL_EXIT", "STOP_LOSS"]


class OrderStatus(StrEnum):
    """State of an order; PENDING = journaled before it is sent; FILLED, CANCELLED, FAILED and EXPIRED are final."""

    PENDING = "PENDING"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


OrderStatusLabel: TypeAlias = Literal[
    "PENDING", "OPEN", "PARTIALLY_FILLED", "FILLED", "CANCELLED", "FAILED", "EXPIRED", "UNKNOWN"
]


class TradeSource(StrEnum):
    """Where a session's money is: on an exchange, in history, or on paper."""

    LIVE = "LIVE"
    BACKTEST = "BACKTEST"
    PAPER = "PAPER"


TradeSourceLabel: TypeAlias = Literal["LIVE", "BACKTEST", "PAPER"]


class PartialOperationType(StrEnum):
    """Whether a partial trade made its position smaller or larger."""

    PARTIAL_EXIT = "PARTIAL_EXIT"
    SCALE_IN = "SCALE_IN"


class EventType(StrEnum):
    """What a system event reports."""

    ENGINE_START = "ENGINE_START"
    ENGINE_STOP = "ENGINE_STOP"
    STRATEGY_CHANGE = "STRATEGY_CHANGE"
    MODEL_UPDATE = "MODEL_UPDATE"
    ERROR = "ERROR"
    WARNING = "WARNING"
    ALERT = "ALERT"
    BALANCE_ADJUSTMENT = "BALANCE_ADJUSTMENT"
    TEST = "TEST"
    ENGINE_RESUME = "ENGINE_RESUME"
    PURGE = "PURGE"
    BACKUP = "BACKUP"
    RESTORE = "RESTORE"
    RESTORE_DRILL = "RESTORE_DRILL"
    RESET = "RESET"
    MAINTENANCE = "MAINTENANCE"


EventTypeLabel: TypeAlias = Literal[
    "ENGINE_START",
    "ENGINE_STOP",
    "STRATEGY_CHANGE",
    "MODEL_UPDATE",
    "ERROR",
    "WARNING",
    "ALERT",
    "BALANCE_ADJUSTMENT",
    "TEST",
    "ENGINE_RESUME",
    "PURGE",
    "BACKUP",
    "RESTORE",
    "RESTORE_DRILL",
    "RESET",
    "MAINTENANCE",
]


class Severity(StrEnum):
    """How urgent a system event is, from least to most."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


SeverityLabel: TypeAlias = Literal["INFO", "WARNING", "ERROR", "CRITICAL"]


class MetricPeriod(StrEnum):
    """Length of the time span that a row of metrics covers; days start at 00:00 UTC."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    ALL_TIME = "ALL_TIME"


MetricPeriodLabel: TypeAlias = Literal["DAILY", "WEEKLY", "MONTHLY", "ALL_TIME"]


class LedgerEntryType(StrEnum):
    """What changed a session's balance."""

    INITIAL = "INITIAL"
    TRADE = "TRADE"
    FILL = "FILL"
    FEE = "FEE"
    FUNDING = "FUNDING"
    INTEREST = "INTEREST"
    TRANSFER = "TRANSFER"
    ADJUSTMENT = "ADJUSTMENT"
    CORRECTION = "CORRECTION"
    MOVE = "MOVE"


class SessionClaim(StrEnum):
    """How an engine got its session: CREATED a new one, RESUMED an active one, or REOPENED an ended one."""

    CREATED = "CREATED"
    RESUMED = "RESUMED"
    REOPENED = "REOPENED"


class StrategyStatus(StrEnum):
    """Stage in the life of a strategy."""

    EXPERIMENTAL = "EXPERIMENTAL"
    TESTING = "TESTING"
    PRODUCTION = "PRODUCTION"
    RETIRED = "RETIRED"
    DEPRECATED = "DEPRECATED"


StrategyStatusLabel: TypeAlias = Literal["EXPERIMENTAL", "TESTING", "PRODUCTION", "RETIRED", "DEPRECATED"]


class StrategyRelationship(StrEnum):
    """How a strategy came from another: EVOLUTION = successor, BRANCH = variant, MERGE = took parts of it."""

    EVOLUTION = "EVOLUTION"
    BRANCH = "BRANCH"
    MERGE = "MERGE"


StrategyRelationshipLabel: TypeAlias = Literal["EVOLUTION", "BRANCH", "MERGE"]


class Environment(StrEnum):
    """What a database is used for; losing PRODUCTION loses money."""

    DEVELOPMENT = "DEVELOPMENT"
    STAGING = "STAGING"
    PRODUCTION = "PRODUCTION"


EnvironmentLabel: TypeAlias = Literal["DEVELOPMENT", "STAGING", "PRODUCTION"]


class ImportOutcome(StrEnum):
    """What became of a row of an import's source."""

    RECORD = "RECORD"
    ADJUSTED = "ADJUSTED"
    QUARANTINED = "QUARANTINED"


ImportOutcomeLabel: TypeAlias = Literal["RECORD", "ADJUSTED", "QUARANTINED"]


Number: TypeAlias = Decimal | SupportsFloat | str
"""An exact number as a parameter: stored as `Decimal(str(x))`, so that 0.1 is 0.1; NaN and Infinity are refused."""

Span: TypeAlias = timedelta | Decimal | SupportsFloat | str
"""A span of time as a parameter: a timedelta, or seconds as an exact number."""

JsonValue: TypeAlias = "Mapping[str, JsonValue] | Sequence[JsonValue] | str | int | float | bool | None"
"""A JSON document as it is read back."""

Json: TypeAlias = Mapping[str, object] | Sequence[object]
"""A JSON document as a parameter: at most 1 MiB; Decimal, datetime, UUID and Enum become strings, NaN becomes null."""


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET
"""Default of a parameter that changes nothing unless it is given; None means NULL there."""


class _New(UUID):
    def __repr__(self) -> str:
        return "NEW"


class _Now(datetime):
    def __repr__(self) -> str:
        return "NOW"


NEW: Final[UUID] = _New(int=0)
"""Default of `request_id`: replaced by a fresh id when the statement's value is made."""

NOW: Final[datetime] = _Now(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
"""Default of a moment: replaced by the current UTC time when the statement's value is made."""
