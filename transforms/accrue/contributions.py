"""What a purchase counts for a challenge.

In: a challenge, a basket, and what came back of it. Out: purchases, minor units or items. Promises:
what is counted of a purchase is what would have been counted had only the kept part been bought; a
line that was free counts for nothing.
"""

from collections.abc import Mapping, Sequence

from transforms.accrue.prepared import Contest
from transforms.accrue.receipts import Basket

NOTHING = (0, 0)


def counted(contest: Contest, basket: Basket, returned: Mapping[str, Sequence[int]]) -> int:
    """What a basket counts. `returned`: quantity and amount that came back, by line."""
    says, place = contest.says, contest.place
    amount = units = 0
    for line in basket.lines:
        if line.rules >> place & 1:
            back = returned.get(line.line_id, NOTHING)
            kept = line.amount - back[1]
            if kept > 0:
                amount += kept
                units += max(0, line.quantity - back[0])
    if place in basket.portions:
        part, whole = basket.portions[place]
        amount = amount * part // whole
    if amount <= 0 or amount < says.when.spend_at_least or units < says.when.units_at_least:
        return 0
    return amount if says.counts == "spend" else units if says.counts == "units" else 1
