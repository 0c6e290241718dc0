"""An independent model of the books, in plain Python, says after any sequence of operations what is stored."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import pairwise

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import Conflict, InvalidInput
from atb_db.repository import account, audit, positions, sessions, trades
from atb_db.types import PositionSide, PositionStatus
from tests.statements.examples import START, at


@dataclass
class Holding:
    """A position in the model; sizes are in units of its original size."""

    id: int
    side: PositionSide
    quantity: Decimal
    size: Decimal
    entry_price: Decimal
    open: Decimal = Decimal(1)
    entered: Decimal = Decimal(1)
    cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    interest: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    exits: int = 0
    scale_ins: int = 0
    full_exits: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self.cost = self.entry_price

    @property
    def net(self) -> Decimal:
        return self.realized - self.fees - self.interest + self.funding

    def pnl(self, part: Decimal, price: Decimal) -> Decimal:
        """What part of the original quantity earns at the price."""
        move = price - self.entry_price if self.side is PositionSide.LONG else self.entry_price - price
        return move * part * self.quantity

    def exit(self, part: Decimal, price: Decimal) -> Decimal:
        earned = self.pnl(part, price)
        self.open -= part
        self.realized += earned
        self.exits += 1
        return earned

    def add(self, part: Decimal, price: Decimal) -> None:
        self.entry_price = (self.entry_price * self.open + price * part) / (self.open + part)
        self.open += part
        self.entered += part
        self.cost += price * part
        self.scale_ins += 1


@dataclass
class Books:
    """A session in the model."""

    balance: Decimal
    deltas: list[Decimal] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    nets: list[Decimal] = field(default_factory=list)

    def book(self, delta: Decimal) -> None:
        """A change of nothing is no entry, but for that of an exit, which is the last."""
        self.balance += delta
        self.deltas.append(delta)


class Engine:
    """Does the same to the database and to the model."""

    def __init__(self, db: Database, seed: int) -> None:
        self.db = db
        self.random = random.Random(seed)  # noqa: S311  repeatable
        self.session_id = db.run(
            sessions.create_trading_session(
                strategy_name="model",
                symbol="X",
                timeframe="1h",
                mode="BACKTEST",
                initial_balance=1000,
                start_time=START,
            )
        )
        self.books = Books(Decimal(1000), [Decimal(1000)])
        self.clock = 0.0

    def number(self, low: int, high: int) -> Decimal:
        return Decimal(self.random.randint(low * 1000, high * 1000)) / 1000

    def step(self) -> None:
        self.clock += self.random.choice((0.01, 1, 20))
        live = [holding for holding in self.books.holdings if not holding.closed]
        actions = [self.open, self.adjust, self.set_balance, self.log_trade, self.transfer]
        if live:
            actions += [*[self.partial_exit, self.scale_in, self.close] * 3, self.fund]
        self.random.choice(actions)()

    def pick(self) -> Holding:
        return self.random.choice([holding for holding in self.books.holdings if not holding.closed])

    def open(self) -> None:
        side = self.random.choice(list(PositionSide))
        quantity, size, price = self.number(1, 5), self.number(0, 1) + Decimal("0.001"), self.number(50, 150)
        number, fee = len(self.books.holdings), self.fee()
        position_id = self.db.run(
            positions.open_position(
                session_id=self.session_id,
                symbol="X",
                side=side,
                entry_price=price,
                size=size,
                quantity=quantity,
                strategy_name="model",
                entry_order_id=f"entry-{number}",
                entry_time=at(self.clock),
                entry_commission=fee,
            )
        )
        self.books.holdings.append(Holding(position_id, side, quantity, size, price))
        self.pay(self.books.holdings[-1], fee)

    def fee(self) -> Decimal:
        return self.random.choice((Decimal(0), self.number(-1, 2)))

    def pay(self, holding: Holding, fee: Decimal) -> None:
        holding.fees += fee
        if fee:
            self.books.book(-fee)

    def fund(self) -> None:
        holding, amount = self.pick(), self.number(-3, 3)
        self.db.run(positions.record_funding(position_id=holding.id, amount=amount, timestamp=at(self.clock)))
        holding.funding += amount
        self.books.book(amount)

    def transfer(self) -> None:
        amount = self.number(-30, 30)
        self.db.run(
            account.record_transfer(session_id=self.session_id, amount=amount, reason="model", timestamp=at(self.clock))
        )
        self.books.book(amount)

    def partial_exit(self) -> None:
        holding, price = self.pick(), self.number(50, 150)
        part = self.random.choice((Decimal("0.1"), Decimal("0.25"), Decimal("0.5"), Decimal("0.7"), Decimal(1)))
        fee = self.fee()
        value = positions.apply_partial_exit(
            position_id=holding.id, size=part, price=price, commission=fee, timestamp=at(self.clock),
            target_level=holding.exits,
        )  # fmt: skip
        if part > holding.open:
            with pytest.raises(InvalidInput, match="of its original size left"):
                self.db.run(value)
        else:
            self.db.run(value)
            holding.fees += fee
            earned = holding.exit(part, price) - fee
            if earned or not holding.open:
                self.books.book(earned)
            if not holding.open:
                holding.closed = True
                self.books.nets.append(holding.net)

    def scale_in(self) -> None:
        holding, part, price = self.pick(), self.random.choice((Decimal("0.2"), Decimal("0.5"))), self.number(50, 150)
        fee = self.fee()
        self.db.run(
            positions.apply_scale_in(
                position_id=holding.id, size=part, price=price, commission=fee, timestamp=at(self.clock)
            )
        )
        holding.add(part, price)
        self.pay(holding, fee)

    def close(self) -> None:
        holding, price, commission = self.pick(), self.number(50, 150), self.number(0, 2)
        given = self.random.choice((None, self.number(-20, 20)))
        value = positions.close_position(
            position_id=holding.id,
            exit_price=price,
            exit_time=at(self.clock),
            exit_reason="model",
            pnl=given,
            commission=commission,
            margin_interest_cost="0.25",
        )
        self.db.run(value)
        rest = holding.pnl(holding.open, price) if given is None else given
        holding.realized += rest
        holding.fees += commission
        holding.interest = Decimal("0.25")
        holding.open = Decimal(0)
        holding.full_exits = 1
        holding.closed = True
        self.books.book(-holding.interest)
        self.books.book(rest - commission)
        self.books.nets.append(holding.net)
        with pytest.raises(Conflict, match="already closed"):
            self.db.run(positions.update_position(position_id=holding.id, stop_loss=1))

    def adjust(self) -> None:
        delta = self.number(-30, 30)
        balance = self.db.run(
            account.adjust_balance(session_id=self.session_id, delta=delta, reason="model", timestamp=at(self.clock))
        )
        self.books.book(delta)
        assert close_to(balance, self.books.balance)

    def set_balance(self) -> None:
        balance = self.number(500, 1500)
        self.db.run(
            account.set_balance(session_id=self.session_id, balance=balance, reason="model", timestamp=at(self.clock))
        )
        self.books.book(balance - self.books.balance)

    def log_trade(self) -> None:
        pnl = self.random.choice((Decimal(0), self.number(-20, 20)))
        value = trades.log_trade(
            session_id=self.session_id,
            symbol="X",
            side="SHORT",
            entry_price=1,
            exit_price=1,
            size=1,
            entry_time=START,
            exit_time=at(self.clock - self.random.choice((0, 0, 48)) if self.clock > 48 else self.clock),
            pnl=pnl,
            commission="0.125",
            exit_reason="model",
            strategy_name="model",
        )
        # A retry that nobody asked for.
        assert self.db.run(value) == self.db.run(value)
        self.books.book(pnl - Decimal("0.125"))
        self.books.nets.append(pnl - Decimal("0.125"))


def close_to(found: Decimal, expected: Decimal) -> bool:
    """Equal but for the digits that an average price leaves after the division."""
    return abs(found - expected) <= Decimal("1e-12") * max(Decimal(1), abs(expected))


def check(engine: Engine) -> None:
    db, books, session_id = engine.db, engine.books, engine.session_id
    ledger = db.run(account.get_balance_history(session_id=session_id, limit=10**6))[::-1]
    assert [entry.entry_number for entry in ledger] == list(range(1, len(books.deltas) + 1))
    assert all(close_to(entry.delta, delta) for entry, delta in zip(ledger, books.deltas, strict=True))
    assert all(later.previous_balance == earlier.total_balance for earlier, later in pairwise(ledger))
    balance = db.run(account.get_current_balance(session_id=session_id))
    with localcontext(prec=1000):
        assert balance == sum(entry.delta for entry in ledger) == ledger[-1].total_balance
    assert close_to(balance, books.balance)
    nets = [found.net_pnl for found in db.run(trades.get_recent_trades(session_id=session_id, limit=10**6))]
    assert len(nets) == len(books.nets)
    assert close_to(sum(nets, Decimal(0)), sum(books.nets, Decimal(0)))
    for holding in books.holdings:
        check_position(db.run(positions.get_position(position_id=holding.id)), holding)
    live = db.run(positions.get_active_positions(session_id=session_id))
    assert [found.id for found in live] == [holding.id for holding in books.holdings if not holding.closed]
    assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []


def check_position(found: positions.Position, holding: Holding) -> None:
    assert (found.status is PositionStatus.CLOSED) == holding.closed
    assert (found.partial_exits_taken, found.scale_ins_taken) == (holding.exits, holding.scale_ins)
    assert (found.original_size, found.original_quantity) == (holding.size, holding.quantity)
    assert found.size is not None
    assert close_to(found.size, holding.entered * holding.size)
    assert found.quantity == holding.entered * holding.quantity
    assert close_to(found.current_size or Decimal(0), holding.open * holding.size)
    assert (found.commission, found.funding) == (holding.fees, holding.funding)
    assert found.margin_interest_cost == holding.interest
    assert found.current_quantity == holding.open * holding.quantity
    assert found.entry_notional == holding.cost * holding.quantity
    average = holding.cost / holding.entered if holding.closed else holding.entry_price
    assert close_to(found.entry_price, average)
    assert close_to(found.realized_pnl, holding.realized)
    kinds = Counter(order.order_type.value for order in found.orders)
    exits = {"ENTRY": 1, "PARTIAL_EXIT": holding.exits, "SCALE_IN": holding.scale_ins, "FULL_EXIT": holding.full_exits}
    assert kinds == Counter(exits)


@pytest.mark.parametrize("seed", range(6))
def test_a_random_session(world_db: Database, seed: int) -> None:
    engine = Engine(world_db, seed)
    for _ in range(4):
        for _ in range(20):
            engine.step()
        check(engine)
    engine.db.run(sessions.end_trading_session(session_id=engine.session_id, end_time=at(10**4)))
    ended = engine.db.run(sessions.get_trading_session(session_id=engine.session_id))
    assert ended.total_trades == len(engine.books.nets)
    assert ended.final_balance is not None
    assert ended.total_pnl is not None
    assert close_to(ended.final_balance, engine.books.balance)
    assert close_to(ended.total_pnl, sum(engine.books.nets, Decimal(0)))
    check(engine)


def test_digits_do_not_grow_with_every_scale_in(world_db: Database) -> None:
    engine = Engine(world_db, 0)
    engine.open()
    holding = engine.books.holdings[0]
    for _ in range(50):
        engine.scale_in()
    engine.db.run(positions.apply_partial_exit(position_id=holding.id, size="0.123", price="99.99999"))
    assert len(str(engine.db.run(account.get_current_balance(session_id=engine.session_id)))) < 50


def test_the_model_is_independent(world_db: Database, world_url: str) -> None:
    """It finds what the server was made to forget."""
    engine = Engine(world_db, 1)
    for _ in range(20):
        engine.step()
    with psycopg.connect(world_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE positions SET realized_pnl = realized_pnl + 1, pnl_correction = pnl_correction + 1"
            " WHERE session_id = %s",
            [engine.session_id],
        )
    with pytest.raises(AssertionError):
        check(engine)
