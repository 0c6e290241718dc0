"""The account: balance, ledger, and snapshots over time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.bulk import copy
from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Json, LedgerEntryType, Number


class LedgerEntry(NamedTuple):
    """One change of a session's balance, in base_currency; entry_number counts from 1 without gaps.

    delta = pnl - commission + amount.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session whose balance changed."""
    entry_number: int
    """Position in the session's ledger, from 1 without gaps."""
    entry_type: LedgerEntryType | str
    """What moved the balance. Text if a later version of atb_db has added it."""
    previous_balance: Decimal
    """Balance before, in base_currency; 0 for the first entry."""
    pnl: Decimal
    """Gross P&L in the change, in base_currency."""
    commission: Decimal
    """Fees in the change, in base_currency; negative for a rebate."""
    amount: Decimal
    """The rest of the change, in base_currency: funding, interest, transfers, adjustments."""
    delta: Decimal
    """Change of the balance, in base_currency: pnl - commission + amount."""
    total_balance: Decimal
    """Balance after, in base_currency."""
    reserved_balance: Decimal
    """Part of total_balance that orders hold, in base_currency."""
    available_balance: Decimal
    """total_balance - reserved_balance, in base_currency."""
    base_currency: str
    """Currency of the amounts: the session's."""
    position_id: int | None
    """Position that the change belongs to, if any."""
    order_fill_id: int | None
    """Fill that the change belongs to, if any."""
    update_reason: str
    """Why the balance changed."""
    updated_by: str
    """Who changed it: the engine, an account sync, a person."""
    last_updated: datetime
    """When the change happened."""
    request_id: UUID
    """Identifies the request that changed the balance; a trade's entry carries the trade's."""
    asset_balances: Json | None
    """Quantity of each asset as the exchange reported it, as strings."""


class Snapshot(NamedTuple):
    """The account as it was at a moment; amounts are in the session's base currency, drawdown is a fraction."""

    id: int
    """Identifier."""
    session_id: int
    """Session whose account it is."""
    timestamp: datetime
    """When the snapshot was taken."""
    balance: Decimal
    """Balance without open positions, in the session's base currency."""
    equity: Decimal
    """Balance and unrealised P&L together, in the session's base currency."""
    margin_used: Decimal
    """Margin that open positions hold, in the session's base currency."""
    margin_available: Decimal | None
    """Margin left, in the session's base currency."""
    total_pnl: Decimal | None
    """Net P&L since the session's start, in the session's base currency."""
    daily_pnl: Decimal | None
    """Net P&L since 00:00 UTC, in the session's base currency."""
    drawdown: Decimal | None
    """(Running peak - equity) / running peak, as a fraction."""
    open_positions: int
    """Number of open positions."""
    total_exposure: Decimal
    """Value of the open positions, in the session's base currency."""
    details: Json | None
    """Further figures as the bot computed them, by name: sharpe_ratio, sortino_ratio, calmar_ratio (dimensionless),
    var_95 (a fraction), and whatever else it keeps with a snapshot; NULL for none.
    """


@command
def log_account_snapshot(
    *,
    session_id: int,
    balance: Number,
    equity: Number,
    timestamp: datetime = NOW,
    margin_used: Number = 0,
    margin_available: Number | None = None,
    total_pnl: Number | None = None,
    daily_pnl: Number | None = None,
    drawdown: Number | None = None,
    open_positions: int = 0,
    total_exposure: Number = 0,
    details: Json | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Record the account as it is at a moment; the snapshot's id.

    Amounts are in the session's base currency; drawdown is a fraction (0.05 = 5 %) of the running peak of equity.
    details has further figures by their names, as the bot computed them: sharpe_ratio, sortino_ratio, var_95.
    """
    ...


@copy(like=log_account_snapshot)
def copy_account_snapshots(
    *,
    session_id: int,
    balance: Number,
    equity: Number,
    timestamp: datetime,
    margin_used: Number = 0,
    margin_available: Number | None = None,
    total_pnl: Number | None = None,
    daily_pnl: Number | None = None,
    drawdown: Number | None = None,
    open_positions: int = 0,
    total_exposure: Number = 0,
    details: Json | None = None,
    request_id: UUID = NEW,
) -> None:
    """Bulk-load snapshots of the account.

    One value is one row, with the parameters of log_account_snapshot.
    """
    ...


@command
def adjust_balance(
    *,
    session_id: int,
    delta: Number,
    reason: str,
    updated_by: str = "engine",
    timestamp: datetime = NOW,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> Decimal:
    """Change a session's balance by an amount, with a ledger entry; the balance after.

    delta is in the session's base currency, negative to take away. A deposit or withdrawal is a record_transfer; what
    the exchange says the balance is, a set_balance.
    """
    ...


@command
def set_balance(
    *,
    session_id: int,
    balance: Number,
    reason: str,
    reserved_balance: Number = 0,
    asset_balances: Json | None = None,
    updated_by: str = "engine",
    timestamp: datetime = NOW,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> Decimal:
    """Set a session's balance, with a ledger entry and a BALANCE_ADJUSTMENT event; the balance after.

    For account synchronisation: the difference to the balance at that very moment becomes an ADJUSTMENT in the ledger.
    reserved_balance is the part that orders hold, asset_balances each asset's quantity as the exchange reports it.

    Record the fills first and set the balance then: P&L and fees are in the balance as soon as their fill is recorded,
    so that the difference is what the books do not know. A fill, fee, funding, interest or transfer from before
    `timestamp` that is recorded afterwards is booked all the same, with a WARNING event, because the exchange's figure
    may have included it.
    """
    ...


@command
def record_transfer(
    *,
    session_id: int,
    amount: Number,
    reason: str,
    updated_by: str = "engine",
    timestamp: datetime = NOW,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> Decimal:
    """Record a deposit or a withdrawal, with a ledger entry; the balance after.

    amount is in the session's base currency, negative for a withdrawal. A transfer is neither profit nor loss: it moves
    balance and peak alike, and is left out of returns, drawdowns and risk figures. InvalidInput for a timestamp before
    2009: an exchange's time that was never set.
    """
    ...


@command
def record_interest(
    *,
    session_id: int,
    amount: Number,
    reason: str = "interest",
    updated_by: str = "engine",
    timestamp: datetime = NOW,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> Decimal:
    """Record interest that the account paid or received, with a ledger entry; the balance after.

    amount is in the session's base currency, negative when paid. Interest of one position is record_margin_interest.
    """
    ...


@query
def get_current_balance(*, session_id: int) -> Decimal:
    """A session's balance now: the sum of its ledger."""
    ...


@query
def get_balance_history(*, session_id: int, limit: int = 100) -> list[LedgerEntry]:
    """A session's newest ledger entries, newest first."""
    ...
