"""What an account remembers of purchases: what was bought, what it earned, what came back.

Parts of the state; kept as long as returns are accepted.
"""

from transforms.accrue.facts import Bit, ReturnedLine


class BasketLine(
    Bit,
    kw_only=True,
    rename={"line_id": "l", "sku": "s", "quantity": "q", "amount": "a", "rules": "r"},
):
    """A line that was bought; `amount` in minor units."""

    line_id: str
    sku: str
    quantity: int = 1
    amount: int
    rules: int = -1
    """Mask of the earn rules that the line counts for, decided when the purchase occurred."""


class Basket(Bit, kw_only=True, rename={"at": "t", "lines": "l", "portions": "o"}):
    """The lines of a purchase in the order of their ids; they never change."""

    at: int
    lines: list[BasketLine]
    portions: dict[int, tuple[int, int]] = {}
    """Of rules for which only a part of the amount counts, by place: (part, whole)."""


class Receipt(
    Bit,
    kw_only=True,
    rename={
        "at": "t",
        "basket": "b",
        "tier": "i",
        "version": "v",
        "earned": "e",
        "reversed": "x",
        "returned": "r",
        "lot": "l",
        "withdrawn": "w",
        "applies": "p",
        "room": "c",
        "counted": "n",
    },
):
    """What a purchase earned and under which terms, so that returns can rate what is kept."""

    at: int
    basket: str
    tier: str
    version: int
    earned: list[int]
    """Points by rule."""
    reversed: list[int] = []
    """Points by rule taken back so far, or forgiven by policy."""
    returned: dict[str, list[int]] = {}
    """Quantity and amount that came back, by line."""
    lot: str = ""
    """The lot that it opened at the member who bought; empty: at this one."""
    withdrawn: bool = False
    """It is somebody else's after all: all of it was taken back."""
    applies: int = -1
    """Mask of the rules that fitted the member when the purchase occurred."""
    room: dict[int, int] = {}
    """Points left under the caps at that time, by the rule's place (`rate.ALL`: of all)."""
    counted: dict[str, int] = {}
    """What of it, less what came back, counts for challenges, by their names."""

    @property
    def cause(self) -> str:
        """The event of the purchase, source/event_id."""
        return self.basket.partition("\x1e")[0]


class EarlyName(Bit, kw_only=True, rename={"of": "o", "at": "t"}):
    """Another name of an order that isn't known yet."""

    of: str
    at: int


class Parked(Bit, kw_only=True):
    """A line of a return whose purchase isn't known yet."""

    at: int
    source: str
    event_id: str
    occurred_at: int
    receipt_id: str | None = None
    line: ReturnedLine | None = None
    """None: the whole receipt."""
    basket: str | None = None
    """A purchase on its way from a merged account, which is somebody else's: none of it stays."""
