"""Positions logged at once leave what the single commands leave, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atb_db import Database, Settings
from atb_db.errors import AtbDbError, Conflict, IdempotencyConflict, InvalidInput, NotFound, SessionClosed, Timeout
from atb_db.repository import account, audit, bookings, orders, positions, sessions
from atb_db.repository.bookings import NewOrder, NewReport
from atb_db.statement import Statement
from atb_db.values import new_request_id
from tests.invariants.running import run_together

START: Final = datetime(2024, 3, 1, tzinfo=UTC)
_IDS: Final = "'{id,session_id,request_id,request_hash,position_id,order_id,order_fill_id}'::text[]"
# Every row of a session's books in the order of its making, with the keys of what it belongs to in the place of ids.
BOOKS: Final = f"""
WITH own AS (SELECT id, position_id, internal_order_id FROM orders WHERE session_id = %(s)s),
plan AS (
    SELECT p.id, min(o.internal_order_id) AS key FROM positions AS p JOIN own AS o ON o.position_id = p.id GROUP BY p.id
)
SELECT 'position', p.id, k.key, NULL, (to_jsonb(p) - {_IDS})::text
  FROM positions AS p JOIN plan AS k ON k.id = p.id
 UNION ALL
SELECT 'order', o.id, k.key, NULL, (to_jsonb(o) - {_IDS})::text
  FROM orders AS o JOIN own AS w ON w.id = o.id LEFT JOIN plan AS k ON k.id = o.position_id
 UNION ALL
SELECT 'fill', f.id, o.internal_order_id, k.key, (to_jsonb(f) - {_IDS})::text
  FROM order_fills AS f JOIN own AS o ON o.id = f.order_id LEFT JOIN plan AS k ON k.id = f.position_id
 UNION ALL
SELECT 'partial trade', t.id, o.internal_order_id, k.key, (to_jsonb(t) - {_IDS})::text
  FROM partial_trades AS t JOIN own AS o ON o.id = t.order_id LEFT JOIN plan AS k ON k.id = t.position_id
 UNION ALL
SELECT 'trade', t.id, concat_ws(' ', k.key, t.order_id), b.entry_number::text, (to_jsonb(t) - {_IDS})::text
  FROM trades AS t JOIN plan AS k ON k.id = t.position_id JOIN account_balances AS b ON b.request_id = t.request_id
 WHERE t.session_id = %(s)s
 UNION ALL
SELECT 'entry', b.entry_number, k.key, o.internal_order_id, (to_jsonb(b) - {_IDS})::text
  FROM account_balances AS b LEFT JOIN plan AS k ON k.id = b.position_id
  LEFT JOIN order_fills AS f ON f.id = b.order_fill_id LEFT JOIN own AS o ON o.id = f.order_id
 WHERE b.session_id = %(s)s AND b.entry_number > 1
 UNION ALL
SELECT 'metrics', extract(epoch FROM period_start)::bigint, period::text, NULL, (to_jsonb(m) - 'session_id')::text
  FROM performance_metrics AS m WHERE session_id = %(s)s
 UNION ALL
SELECT 'event', 0, timestamp::text, regexp_replace(message, '\\d+', '', 'g'), NULL
  FROM system_events WHERE session_id = %(s)s AND event_type = 'WARNING'
 UNION ALL
SELECT 'session', 0, current_balance::text, ledger_entries::text, NULL FROM trading_sessions WHERE id = %(s)s
 ORDER BY 1, 2, 3, 4, 5
"""
DIGITS: Final = st.decimals("0.001", "3", places=3)
PRICES: Final = st.decimals("90", "110", places=2)
_TENTHS: Final = Decimal("0.0001")

Drawn = tuple[list[NewOrder], list[NewReport]]

# Threads of the pool draw how long they pause, while positions are drawn here.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


def books(url: str, session_id: int) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(BOOKS.encode(), {"s": session_id}).fetchall()
    # As numbers: 0 and 0.00 are the same.
    return [(what, key, of, json.loads(row or "null", parse_float=Decimal)) for what, _, key, of, row in found]


class Drawing:
    """Draws a position: its orders and their reports."""

    def __init__(self, draw: st.DrawFn, number: int) -> None:
        self.draw, self.number = draw, number
        self.orders: list[NewOrder] = []
        self.reports: list[NewReport] = []
        self.symbol = draw(st.sampled_from(["BTCUSDT", "ETH/USDT", "ADAUSDT"]))
        self.side: Literal["LONG", "SHORT"] = draw(st.sampled_from(["LONG", "SHORT"]))
        self.base = draw(st.sampled_from([None, "BTC"]))
        self.settled = draw(st.sampled_from([None, None, "EUR"])) if self.symbol != "ETH/USDT" else None
        self.at = START + timedelta(hours=draw(st.integers(0, 60)))
        self.held = Decimal(0)

    def position(self) -> Drawn:
        """An entry, some scale-ins and partial exits, and mostly an exit."""
        first = self.draw(DIGITS)
        self._entry(first * self.draw(st.sampled_from([Decimal(1), Decimal("0.9")])))
        self._fill(first, enters=True)
        for _ in range(self.draw(st.integers(0, 3))):
            self._carry()
            if self.draw(st.booleans()):
                more = self.draw(DIGITS)
                self._order("SCALE_IN", more)
                self._fill(more, enters=True)
            else:
                less = (self.held * self.draw(st.sampled_from([Decimal("0.25"), Decimal("0.5")]))).quantize(_TENTHS)
                if 0 < less < self.held:
                    self._order("PARTIAL_EXIT", less, target_level=1)
                    self._fill(less, enters=False)
        self._carry()
        if self.held > 0 and self.draw(st.integers(0, 4)):
            kind = self.draw(st.sampled_from(["FULL_EXIT", "STOP_LOSS"]))
            self._order(kind, self.held, reason=self.draw(st.none() | st.just("target")))
            self._fill(self.held, enters=False)
        return self.orders, self.reports

    def _entry(self, quantity: Decimal) -> None:
        draw = self.draw
        linear = self.symbol == "ETH/USDT" or draw(st.integers(0, 2))
        self._order(
            "ENTRY",
            quantity,
            size=draw(st.none() | st.just("0.1")),
            entry_balance=draw(st.none() | st.just(1000)),
            stop_loss=draw(st.none() | PRICES),
            trailing_stop=draw(st.booleans()),
            confidence_score=draw(st.none() | st.just("0.7")),
            leverage=draw(st.none() | st.just(3)),
            entry_tag=draw(st.none() | st.just("dip")),
            contract="LINEAR" if linear else "INVERSE",
            contract_size=draw(st.sampled_from([1, 10])),
            base_asset=self.base,
            settlement_currency=self.settled,
            settlement_rate=2 if self.settled else None,
            strategy_name=draw(st.none() | st.just("mine")),
        )

    def _order(self, kind: str, quantity: Decimal, **others: object) -> None:
        entry = f"{self.number} entry"
        key = entry if kind == "ENTRY" else f"{self.number} {kind} {len(self.orders)}"
        made: dict[str, object] = {
            "order_type": kind,
            "symbol": self.symbol,
            "side": self.side,
            "quantity": quantity,
            "internal_order_id": key,
            "created_at": self.at,
            "entry": None if kind == "ENTRY" else entry,
            "exchange_order_id": self.draw(st.none() | st.just(f"x{key}")),
            "price": self.draw(st.none() | PRICES),
        }
        self.orders.append(NewOrder(**made, **others))  # type: ignore[arg-type]

    def _fill(self, quantity: Decimal, *, enters: bool) -> None:
        """Fill the newest order, by a total or by executions."""
        self.at += timedelta(minutes=self.draw(st.integers(-3, 90)))
        rate = self.draw(st.sampled_from([None, "1.1"])) if self.settled else None
        of_all: dict[str, object] = {"timestamp": self.at, "price": self.draw(PRICES), "settlement_rate": rate}
        moved = self._executed(quantity, of_all, enters=enters) if self.draw(st.booleans()) else quantity
        if not self.reports or self.reports[-1].internal_order_id != self.orders[-1].internal_order_id:
            self._report(
                **of_all,
                status=self.draw(st.sampled_from(["FILLED", "PARTIALLY_FILLED"])),
                quantity=quantity,
                commission=self.draw(st.none() | st.decimals(-1, 2, places=3)),
                pnl=None if enters else self.draw(st.none() | st.decimals(-9, 9, places=2)),
            )
        self.held += moved if enters else -moved

    def _executed(self, quantity: Decimal, of_all: dict[str, object], *, enters: bool) -> Decimal:
        moved, left = Decimal(0), quantity
        for part in range(self.draw(st.integers(1, 3))):
            share = (
                left
                if part == 2
                else (left * self.draw(st.sampled_from([Decimal("0.3"), Decimal(1)]))).quantize(_TENTHS)
            )
            if share <= 0:
                break
            left -= share
            fee, currency = self.draw(
                st.sampled_from([(None, None), ("0", "USDT"), ("0.25", "usdt"), ("0.0001", "BTC"), ("0.3", "BNB")])
            )
            if currency == "BTC" and (self.base is None or not enters):
                fee, currency = None, None
            self._report(
                **of_all,
                exchange_fill_id=f"{part}",
                quantity=share,
                fee=fee,
                fee_currency=currency,
                commission=self.draw(st.none() | st.just("0.2")) if currency == "BNB" else None,
            )
            taken = Decimal(fee) if fee is not None and currency == "BTC" else Decimal(0)
            moved += share - (taken if self.side == "LONG" else -taken)
        return moved

    def _carry(self) -> None:
        if self.draw(st.integers(0, 3)) == 0 and self.held > 0:
            kind = self.draw(st.sampled_from(["funding", "margin_interest_cost"]))
            self._report(timestamp=self.at, **{kind: self.draw(st.decimals(0, 1, places=4))})

    def _report(self, **given: object) -> None:
        self.reports.append(NewReport(self.orders[-1].internal_order_id, **given))  # type: ignore[arg-type]


@st.composite
def some_positions(draw: st.DrawFn) -> Drawn:
    """Up to four positions, one after the other or report by report in turn."""
    drawn = [Drawing(draw, number).position() for number in range(draw(st.integers(1, 4)))]
    reports = [one for _, own in drawn for one in own]
    if draw(st.booleans()):
        reports = [own[place] for place in range(len(reports)) for _, own in drawn if place < len(own)]
    return [one for own, _ in drawn for one in own], reports


def one_by_one(db: Database, session_id: int, drawn: Drawn) -> None:
    ids: dict[str, int] = {}
    made, reports = drawn

    def position_of(key: str) -> int:
        found = db.run(orders.get_order(order_id=ids[key])).position_id
        assert found is not None
        return found

    for one in made:
        fields = one._asdict()
        entry = fields.pop("entry")
        place = None if entry is None else position_of(entry)
        ids[one.internal_order_id] = db.run(
            orders.create_order(session_id=session_id, status="OPEN", position_id=place, **fields)
        )
    for report in reports:
        db.run(_command(report, ids[report.internal_order_id], position_of(report.internal_order_id)))


def _command(one: NewReport, order_id: int, position_id: int) -> Statement[object]:
    fields = {name: value for name, value in one._asdict().items() if value is not None and name != "internal_order_id"}
    at = fields.pop("timestamp")
    if one.funding is not None:
        return positions.record_funding(position_id=position_id, amount=one.funding, timestamp=at)
    if one.margin_interest_cost is not None:
        cost = one.margin_interest_cost
        return positions.record_margin_interest(position_id=position_id, cost=cost, timestamp=at)
    if one.exchange_fill_id is not None:
        return orders.record_fill(order_id=order_id, filled_at=at, **fields)
    quantity, price = fields.pop("quantity", None), fields.pop("price", None)
    return orders.update_order_status(
        order_id=order_id, filled_quantity=quantity, filled_price=price, timestamp=at, **fields
    )


def problems(db: Database, session_id: int) -> Sequence[str]:
    return [one.identity for one in db.run_batch(audit.audit_session(session_id=session_id)).findings]


def same_books(db: Database, url: str, start: Callable[..., int], data: st.DataObject) -> None:
    drawn = data.draw(some_positions())
    at_once, alone = start("1000"), start("1000")
    db.run(bookings.log_positions(session_id=at_once, orders=drawn[0], reports=drawn[1]))
    one_by_one(db, alone, drawn)
    assert books(url, at_once) == books(url, alone)
    assert problems(db, at_once) == problems(db, alone)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_books_are_those_of_the_single_commands(
    db: Database, url: str, start_session: Callable[..., int], data: st.DataObject
) -> None:
    same_books(db, url, start_session, data)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_books_are_those_of_the_single_commands_each_time(
    db: Database, url: str, start_session: Callable[..., int], data: st.DataObject
) -> None:
    same_books(db, url, start_session, data)


ENTRY: Final = NewOrder("ENTRY", "BTCUSDT", "LONG", 2, "entry", START)
EXIT: Final = NewOrder("FULL_EXIT", "BTCUSDT", "LONG", 2, "exit", START, entry="entry", reason="target")
ENTERED: Final = NewReport("entry", START, status="FILLED", quantity=2, price=100, commission=1)
EXITED: Final = NewReport("exit", START, exchange_fill_id="f", quantity=2, price=110, fee=1, fee_currency="USDT")


def test_each_report_says_what_it_became(db: Database, session_id: int) -> None:
    first, second = db.run(
        bookings.log_positions(session_id=session_id, orders=[ENTRY, EXIT], reports=[ENTERED, EXITED])
    )
    assert (first.fill_id, first.position_id) == (None, second.position_id)
    assert [one.id for one in db.run(orders.get_fills(order_id=second.order_id))] == [second.fill_id]
    assert db.run(positions.get_position(position_id=first.position_id)).realized_pnl == 20
    assert db.run(account.get_current_balance(session_id=session_id)) == 1018


@pytest.mark.parametrize(
    ("drawn", "refused"),
    [
        (([ENTRY, EXIT], [ENTERED, EXITED._replace(quantity=3)]), (Conflict, "more than its position can take")),
        (([ENTRY, EXIT], [EXITED, ENTERED]), (Conflict, "more than its position can take")),
        (
            ([ENTRY, EXIT], [ENTERED, EXITED, EXITED._replace(exchange_fill_id="g")]),
            (Conflict, "after its position was"),
        ),
        (([ENTRY, EXIT], [ENTERED, EXITED, NewReport("entry", START, funding=1)]), (Conflict, "is not open")),
        (([ENTRY], [NewReport("entry", START, margin_interest_cost=1)]), (Conflict, "is not open")),
        (([ENTRY], [ENTERED._replace(internal_order_id="no")]), (NotFound, "no order no among them")),
        (([ENTRY, EXIT._replace(entry="no")], []), (NotFound, "no order no among them")),
        (([ENTRY, EXIT._replace(side="SHORT")], []), (InvalidInput, "its entry is not")),
        (([ENTRY, EXIT, EXIT._replace(internal_order_id="x", entry="exit")], []), (InvalidInput, "its entry is not")),
        (([EXIT._replace(entry=None)], []), (InvalidInput, "names no entry")),
        (([ENTRY, ENTRY], [ENTERED]), (Conflict, "internal_order_id")),
        (([ENTRY._replace(quantity=-1)], []), (InvalidInput, "above zero")),
        (([ENTRY._replace(stop_loss=-1)], []), (InvalidInput, "negative")),
        (([ENTRY], [ENTERED._replace(price=0)]), (Conflict, "at a price of 0")),
        (([ENTRY], [ENTERED._replace(price=-1)]), (InvalidInput, "no such price")),
        (
            ([ENTRY], [NewReport("entry", START, exchange_fill_id="f", quantity=1, price=-1)]),
            (InvalidInput, "no such price"),
        ),
        (([ENTRY], [ENTERED._replace(timestamp=datetime(1970, 1, 1, tzinfo=UTC))]), (InvalidInput, "2009")),
        (([ENTRY._replace(settlement_currency="EUR"), EXIT], [ENTERED, EXITED]), (Conflict, "no rate is known")),
    ],
)
def test_what_does_not_fit_changes_nothing(
    db: Database, url: str, session_id: int, drawn: Drawn, refused: tuple[type[AtbDbError], str]
) -> None:
    before = books(url, session_id)
    with pytest.raises(refused[0], match=refused[1]):
        db.run(bookings.log_positions(session_id=session_id, orders=drawn[0], reports=drawn[1]))
    assert books(url, session_id) == before


def test_repeated_after_the_session_has_ended_it_is_answered_and_a_new_one_refused(
    db: Database, url: str, session_id: int
) -> None:
    one = bookings.log_positions(session_id=session_id, orders=[ENTRY, EXIT], reports=[ENTERED, EXITED])
    answer = db.run(one)
    db.run(sessions.end_trading_session(session_id=session_id))
    before = books(url, session_id)
    assert db.run(one) == answer
    with pytest.raises(SessionClosed):
        db.run(bookings.log_positions(session_id=session_id, orders=[ENTRY], reports=[]))
    with pytest.raises(IdempotencyConflict):
        db.run(
            bookings.log_positions(
                session_id=session_id, orders=[ENTRY], reports=[], request_id=one.request_id or new_request_id()
            )
        )
    assert books(url, session_id) == before


def test_nothing_is_begun_while_another_books_in_the_session(db: Database, url: str, session_id: int) -> None:
    one = bookings.log_positions(session_id=session_id, orders=[ENTRY, EXIT], reports=[ENTERED, EXITED])
    drawn = "SELECT last_value, is_called FROM positions_id_seq"
    with psycopg.connect(url) as other, Database(Settings.load(url, environ={}, lock_timeout=0.05)) as waiting:
        other.execute("SELECT FROM trading_sessions WHERE id = %s FOR NO KEY UPDATE", [session_id])
        before = other.execute(drawn).fetchone()
        with pytest.raises(Timeout):
            waiting.run(one)
        assert other.execute(drawn).fetchone() == before
    assert len(db.run(one)) == 2


def test_one_request_in_two_sessions_at_once_is_one_of_them(
    url: str, session_id: int, start_session: Callable[..., int]
) -> None:
    other_id = start_session()
    request_id = new_request_id()
    twins = [
        bookings.log_positions(session_id=one, orders=[ENTRY, EXIT], reports=[ENTERED, EXITED], request_id=request_id)
        for one in (session_id, other_id)
    ]
    with Database(Settings.load(url, environ={}, pool_min=2, pool_max=2)) as pool:
        results = run_together(pool, twins)
    assert {type(one) for one in results} == {list, IdempotencyConflict}


def test_nothing_is_no_change(db: Database, url: str, session_id: int) -> None:
    before = books(url, session_id)
    assert db.run(bookings.log_positions(session_id=session_id, orders=[], reports=[])) == []
    assert books(url, session_id) == before


def test_what_is_older_than_the_balance_that_was_set_is_a_warning(db: Database, url: str, session_id: int) -> None:
    db.run(account.set_balance(session_id=session_id, balance=1000, reason="sync", timestamp=START + timedelta(1)))
    db.run(bookings.log_positions(session_id=session_id, orders=[ENTRY, EXIT], reports=[ENTERED, EXITED]))
    warned = [key for what, key, *_ in books(url, session_id) if what == "event"]
    assert len(warned) == 2
