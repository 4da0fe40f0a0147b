"""accrue: a member's points as a double-entry ledger.

Read `accrue` (the operator), then `fold` (facts and `timers` applied to an account in the order in
which they happened), then what a fold calls: `earn`, `match_return` and `reverse_return`, `redeem`,
`correct` (by what `find_difference` found), `tiers`, over `lots` and `book`. `posting` brings one
event in: in order, or with `rebook`, which inserts or removes a fact where it belongs and posts
the difference. `read_fact` turns events into `facts`, `programmes` and `rate` prepare the rules,
`horizon` keeps the `state` bounded, `report` says what changed and, with `view`, what every surface
shows, `check` judges a programme file. `quote` asks what a basket would bring, and `discounts` what
offers take off it.

Of two members who are one: `close_account` empties the one's account into `closed_account`'s parts,
`receive_account` brings these to the other, whose fold takes them over (`take_over`) and answers
what was asked meanwhile (`answer_waiting`).
"""

from transforms.accrue.accrue import Accrue
from transforms.accrue.programmes import Programmes

__all__ = ["Accrue", "Programmes"]
