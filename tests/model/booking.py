"""What a fill does to its position, ledger and trade in the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from tests.model.records import BRINGS, ZERO, Account, Contract, Fill, Order, Position, Refused, Truth, rounded, share


@dataclass
class Booking:
    """The books, and how a fill is taken up, booked, waits and is converted."""

    accounts: list[Account]
    orders: dict[str, Order] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    partials: dict[tuple[str, str], list[Decimal]] = field(default_factory=dict)
    trades: dict[str, tuple[Decimal, Decimal, Decimal, Decimal, Decimal]] = field(default_factory=dict)
    money: set[str] = field(default_factory=set)

    def _active(self, session: int) -> None:
        if self.accounts[session].ended:
            raise Refused("SessionClosed")

    def _pay_interest(self, p: Position, interest: Decimal) -> None:
        p.interest += interest
        self._post(p, "INTEREST", amount=-interest)

    def _post(
        self, p: Position, kind: str, pnl: Decimal = ZERO, commission: Decimal = ZERO, amount: Decimal = ZERO
    ) -> None:
        """Enter what a position has brought."""
        self._enter_in_ledger(p.session, kind, pnl, commission, amount)
        brought = self._brought(p)
        brought["pnl"] += pnl
        brought["commission"] += commission
        if amount:
            brought[kind] += amount

    def _enter_in_ledger(
        self, session: int, kind: str, pnl: Decimal = ZERO, commission: Decimal = ZERO, amount: Decimal = ZERO
    ) -> None:
        account = self.accounts[session]
        account.ledger.append((kind, pnl, commission, amount))
        account.balance += pnl - commission + amount

    def _brought(self, p: Position) -> dict[str, Decimal]:
        """What a position has brought to the session where it is."""
        return self.accounts[p.session].brought.setdefault(p.label, dict.fromkeys(BRINGS, ZERO))

    def _take_up(self, order: Order, before: Truth, fill: Fill, pnl: Decimal | None, rate: Decimal | None) -> None:
        after = order.truth()
        fill.quantity = after.units - before.units
        fill.value = after.value - before.value
        fill.commission = after.commission - before.commission
        fill.told_pnl, fill.rate = pnl, rate
        if order.position:
            self._book(order.position, fill, pnl, rate)
        self.fills.append(fill)
        if order.enters and fill.position and not fill.rest:
            self._settle_rests(fill.position, rate)

    def _link(self, order: Order, p: Position) -> None:
        order.position = p
        waiting = sorted((one for one in self.fills if one.order is order and not one.booked), key=lambda one: one.at)
        if self._values_again(order, p.contract):
            for one in waiting:
                one.position, one.booked, one.quantity, one.value, one.commission = p, True, ZERO, ZERO, ZERO
            nothing = Truth(ZERO, ZERO, ZERO)
            assert order.filled_at
            pnls, rates = self._reported(waiting)
            return self._take_up(order, nothing, Fill(order, "CHANGE", order.filled_at, ZERO, ZERO, ZERO), pnls, rates)
        for one in waiting:
            self._book(p, one, one.told_pnl, one.rate)
        if order.enters and waiting and waiting[-1].position:
            self._settle_rests(waiting[-1].position, None)
        return None

    @staticmethod
    def _reported(waiting: list[Fill]) -> tuple[Decimal | None, Decimal | None]:
        """The P&L and the rate of fills that are booked as one."""
        saying = [one for one in waiting if one.kind == "FILL" or one.told_pnl is not None or one.rate is not None]
        pnls, rates = [one.told_pnl for one in saying], {one.rate for one in saying if one.rate is not None}
        pnl = sum((one for one in pnls if one is not None), ZERO) if pnls and None not in pnls else None
        return pnl, rates.pop() if len(rates) == 1 else None

    @staticmethod
    def _values_again(order: Order, contract: Contract) -> bool:
        """Value an order by the contract that it turns out to be of; whether that changes anything."""
        before = order.base_fee, order.value, order.total_value
        order.base_fee = order.value = ZERO
        for one in order.fills.values():
            assert one.executed
            quantity, price = one.executed
            if not contract.allows(price):
                raise Refused("InvalidInput")
            base_fee = ZERO
            if one.fee and one.fee[0] and one.fee[1] == contract.base_asset:
                base_fee = one.fee[0] if order.enters == (order.side == "LONG") else -one.fee[0]
                one.known = contract.value(one.fee[0], price) if one.known is None else one.known
            order.base_fee += base_fee
            order.value += contract.value(quantity - base_fee, price) or ZERO
        if order.average is not None:
            order.total_value = contract.value(order.total, order.average)
            order.average = None if order.total_value is None else order.average
        return (order.base_fee, order.value, order.total_value) != before

    def _book(self, p: Position, fill: Fill, told_pnl: Decimal | None, rate: Decimal | None) -> None:
        order, moved, worth = fill.order, fill.quantity, fill.value
        while p.status == "CLOSED" and moved != 0 and p.next:
            p = p.next
        if p.status == "CLOSED" and order.enters and moved > 0:
            p = self._continue(p)
        before = p.status
        from_prices = self._enter(p, fill) if order.enters else self._leave(p, fill)
        taken, gain = fill.quantity, told_pnl
        fill.unconverted = None
        if gain is None or not (taken or (moved == 0 and worth)):
            known = self._rate(p, rate) if from_prices else ZERO
            gain = ZERO if known is None else rounded(from_prices * known)
            fill.unconverted = from_prices if known is None else None
        p.pnl += gain
        p.commission += fill.commission
        p.unbooked += abs(moved - taken)
        self._note_partial(p, order, taken, gain)
        fill.position, fill.booked, fill.pnl, fill.rest = p, True, gain, None
        p.status = "OPEN" if p.held > 0 else "CLOSED" if p.quantity > 0 else "PLANNED"
        p.entry_price = self._average(p)
        if p.status == "CLOSED" and before != "CLOSED":
            self._close(p, fill)
        elif gain or fill.commission:
            self._post(p, "FILL", gain, fill.commission)
        if before == "CLOSED":
            self._revise(p)
        if moved != taken:
            fill.rest = Fill(
                order, "REST", fill.at, moved - taken, worth - fill.value, ZERO, position=p, rate=fill.rate
            )
            self.fills.append(fill.rest)

    @staticmethod
    def _average(p: Position) -> Decimal | None:
        """The average price of what is open, or of all that was entered."""
        units, value = (p.held, p.cost) if p.held > 0 else (p.quantity, p.entered_value)
        units *= p.contract.size
        above, below = (value, units) if p.contract.kind == "LINEAR" else (units, value)
        return (above / below).quantize(Decimal(1).scaleb(-24), ROUND_HALF_UP) if below else None

    def _enter(self, p: Position, fill: Fill) -> Decimal:
        """Take up an entry; its P&L by the prices: of a corrected one the share of what has left."""
        taken = max(fill.quantity, -p.held)
        p.quantity += taken
        p.original += taken if fill.order.kind == "ENTRY" else ZERO
        p.entered_value += fill.value
        if taken:
            # Of one that is planned also where fees have taken all of it again.
            before = [f.at for f in self.fills if f.position is p and f.booked and f.quantity and f is not fill]
            p.entry_time = min([fill.at, *(before if p.status == "PLANNED" else [p.entry_time or fill.at])])
        if p.held == 0:
            fill.released = fill.value + p.cost
        else:
            fill.released = ZERO if taken else fill.value - share(fill.value, p.held, p.quantity)
        p.cost += fill.value - fill.released
        fill.quantity = taken
        return -p.direction * fill.released

    @staticmethod
    def _leave(p: Position, fill: Fill) -> Decimal:
        """Take up an exit, as far as there is something to exit; its P&L by the prices."""
        moved = fill.quantity
        if moved > p.held:
            fill.quantity = p.held
            fill.value = share(fill.value, p.held, moved) if p.held else ZERO
        elif moved < 0:
            fill.quantity = ZERO if p.status == "CLOSED" else max(moved, -p.exited)
        fill.released = share(p.cost, fill.quantity, p.held) if fill.quantity else ZERO
        p.cost -= fill.released
        p.exited += fill.quantity
        p.exited_value += fill.value
        return p.direction * (fill.value - fill.released)

    def _close(self, p: Position, fill: Fill) -> None:
        self._post(p, "FILL", fill.pnl, fill.commission)
        exits = [
            one.at
            for one in self.fills
            if one.position is p and one.booked and one.quantity > 0 and not one.order.enters
        ]
        assert p.entry_time
        p.exit_time = max([p.entry_time, fill.at, *exits])
        p.exit_reason = fill.order.reason or fill.order.kind.lower()
        self.trades[p.label] = (ZERO, ZERO, ZERO, ZERO, ZERO)
        self._revise(p)

    def _revise(self, p: Position) -> None:
        if p.label in self.trades:
            self.trades[p.label] = p.pnl, p.commission, p.interest, p.quantity, p.funding

    @staticmethod
    def _rate(p: Position, rate: Decimal | None) -> Decimal | None:
        if p.contract.currency == "USDT":
            return Decimal(1)
        return p.contract.rate if rate is None else rate

    def _convert(self, fill: Fill, pnl: Decimal | None, rate: Decimal | None) -> None:
        """Book the P&L of a fill for which no rate was known, if it is now."""
        if pnl is None and rate is None:
            return
        p, due = fill.position, fill.unconverted
        assert p
        assert due is not None
        known = self._rate(p, rate)
        assert pnl is not None or known is not None
        gain = rounded(due * known) if pnl is None and known is not None else pnl or ZERO
        fill.pnl += gain
        fill.unconverted = None
        p.pnl += gain
        if (key := (fill.order.label, p.label)) in self.partials and not fill.order.enters:
            self.partials[key][1] += gain
        if gain:
            self._post(p, "FILL", gain)
        self._revise(p)

    def _note_partial(self, p: Position, order: Order, quantity: Decimal, gain: Decimal) -> None:
        if order.kind not in ("PARTIAL_EXIT", "SCALE_IN"):
            return
        key = order.label, p.label
        gain = ZERO if order.enters else gain
        if key in self.partials or quantity or gain:
            sums = self.partials.setdefault(key, [ZERO, ZERO])
            sums[0] += quantity
            sums[1] += gain

    def _continue(self, closed: Position) -> Position:
        p = Position(closed.label + "+", closed.side, closed.contract, closed.session, continues=True)
        closed.next = self.positions[p.label] = p
        p.unbooked, closed.unbooked = closed.unbooked, ZERO
        for one in self.fills:
            if one.position is closed and not one.booked:
                one.position = p
        return p

    def _settle_rests(self, p: Position, rate: Decimal | None) -> None:
        """What could not be taken up is, oldest first, as far as the position now reaches."""
        rests = [one for one in self.fills if one.position is p and not one.booked]
        for one in sorted(rests, key=lambda one: one.at):
            if p.held <= 0:
                break
            if one.quantity < 0 and not one.order.enters and p.exited == 0:
                continue
            p.unbooked -= abs(one.quantity)
            self._book(p, one, None, rate if one.rate is None else one.rate)
