"""Steps of the ledger's state machine: what is bought, ordered, cancelled and brought back."""

from typing import Any

import msgspec
from accrue_till import cancel, line, order, return_, sale
from earning_till import receipt
from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule
from machine_members import AFTER, BASKETS, LATE, MEMBERS, Members, orders, receipts, told
from msgspec.structs import replace

from schemas.events import Event
from schemas.flow import AccountChanged
from schemas.ledger import LedgerEntry
from schemas.quote import Quote
from transforms.accrue.quote import CantQuote, quote

OFFERS_NAMED = st.sampled_from([(), (), ("double",), ("triple", "treat")])
OF_A_QUOTE: dict[str, Any] = {"cause": "quote", "event_id": None, "source": None, "reference": None}


class Goods(Members):
    """Purchases and what becomes of them."""

    @rule(
        target=receipts,
        member=MEMBERS,
        some=BASKETS,
        how=st.sampled_from(["till", "till", "mobile"]),
        stored=st.sampled_from([0, 0, 500, 9000]),
        offers=OFFERS_NAMED,
        after=AFTER,
        late=LATE,
    )
    def buy(
        self,
        member: str,
        some: Any,
        how: str,
        stored: int,
        offers: tuple[str, ...],
        after: int,
        late: int,
    ) -> Any:
        at, tenders = self.wait(after) - late, {"stored": stored} if stored else {}
        one = receipt(f"t{self.name()}", at, some, "7", how, tenders, offers=offers)
        quoted = None if late else self.quote(one, member)
        whose = self.tell(one, member)
        if quoted is not None:
            posted = [out for out in self.till(whose).last if isinstance(out, LedgerEntry)]
            earned = sum(out.points for out in posted if out.kind in ("earn", "bonus"))
            assert quoted.points == earned
            for out in self.till(whose).last:
                if isinstance(out, AccountChanged):
                    assert quoted.after == replace(out, **OF_A_QUOTE)
        return one, member

    def quote(self, one: Event, member: str) -> Quote | None:
        """What the basket would earn, if that can be said; asking changes nothing."""
        till = self.till(self.tills.whose(member))
        plan = till.operator.programmes.of_market("us")
        before = msgspec.msgpack.encode(till.state)
        try:
            return quote(till.state, plan, one)
        except CantQuote:
            return None
        finally:
            assert msgspec.msgpack.encode(till.state) == before

    @rule(target=orders, member=MEMBERS, some=BASKETS, after=AFTER, late=LATE)
    def place_order(self, member: str, some: Any, after: int, late: int) -> Any:
        one = order(f"o{self.name()}", self.wait(after) - late, some)
        self.tell(one, member)
        return one, member

    @rule(
        target=receipts,
        of=orders,
        type_=st.sampled_from(["order_collected", "order_delivered", "sale", "sale"]),
        after=AFTER,
        late=LATE,
    )
    def hand_over(self, of: Any, type_: str, after: int, late: int) -> Any:
        """The order is collected or delivered, or a till rings it up."""
        placed, member = of
        name, some = placed.payload.order_id, placed.payload.lines
        at = self.wait(after) - late
        if type_ == "sale":
            one = sale(f"t{self.name()}", at, some, order_id=name)
        else:
            one = order(name, at, some, type_)
            if one.key in self.owner:
                return multiple()
        self.tell(one, member)
        return one, member

    @rule(
        target=told,
        of=orders,
        some=st.lists(st.integers(0, 2), max_size=2, unique=True),
        after=AFTER,
        late=LATE,
    )
    def cancel_order(self, of: Any, some: list[int], after: int, late: int) -> Any:
        """Some lines of it, or (no lines) all."""
        placed, member = of
        lines = placed.payload.lines
        at = self.wait(after) - late
        back = [lines[place] for place in some if place < len(lines)]
        one = cancel(placed.payload.order_id, at, back)
        self.tell(one, member)
        return one

    @rule(
        target=told,
        of=receipts | orders,
        place=st.integers(0, 2),
        part=st.sampled_from([0, 1, 2, 3]),
        named=st.sampled_from([True, True, True, False]),
        after=AFTER,
        late=LATE,
    )
    def bring_back(self, of: Any, place: int, part: int, named: bool, after: int, late: int) -> Any:
        """A line of a receipt, named or not; a late one may have come back before it was bought."""
        bought, member = of
        lines = bought.payload.lines
        of_line = lines[place % len(lines)]
        name = getattr(bought.payload, "transaction_id", None) or bought.payload.order_id
        back = line(
            of_line.line_id,
            of_line.amount * part // 3,
            of_line.sku,
            min(of_line.quantity, max(1, part)),
        )
        at = self.wait(after) - late
        one = return_(f"r{self.name()}", at, name if named else None, [back])
        self.tell(one, member)
        return one

    @rule(target=told, ahead=st.integers(1, 6), member=MEMBERS, some=BASKETS, after=AFTER)
    def bring_back_before_the_sale(self, ahead: int, member: str, some: Any, after: int) -> Any:
        """A return of a sale that isn't known yet, if it ever is."""
        one = return_(f"r{self.name()}", self.wait(after), f"t{self.number + ahead}", some[:1])
        self.tell(one, member)
        return one

    @rule(target=told, of=receipts)
    def remember_receipt(self, of: Any) -> Any:
        return of[0]

    @rule(target=told, of=orders)
    def remember_order(self, of: Any) -> Any:
        return of[0]
