"""accrue: a member's points as a double-entry ledger, and what else a member has.

Read `accrue` (the operator), then `fold`: facts and `timers` applied to an account in the order in
which they happened. The rest, by what it is about:

* an event on its way in: `posting` brings it in, in order or with `rebook`, which inserts or
  removes a fact where it belongs and posts the difference; `read_fact`, `read_purchase` and
  `reading` turn events into `facts`
* what is remembered: `state` (an account, and the facts of the horizon), `receipts` (purchases),
  `privileges` (what an account holds besides points), `book` (where a fold posts), `horizon` (what
  keeps it bounded)
* a programme: `programmes` and `prepared` make it ready, `conditions` and `rate` are its rules,
  `local_time` its calendar; `check` judges its file, by `check_rules`, `check_terms` and
  `check_examples`
* points in and out: `earn` (under `caps`), `receipt_names`, `match_return` and `reverse_return`,
  `redeem`, `expiry`, over `lots` and `take_from_lot`
* tiers: `tiers`, over `tier_windows` and `rolling_tiers`
* challenges: `challenges` by `contributions` and `streaks`, `standing`, `forget_challenges`
* `offers`, `gifts` and `prizes`; paid `membership` and its `entitlements`
* what is told: `report` and `report_privileges` as rows, `view` on every surface; `quote` asks what
  a basket would bring, and `discounts` what offers take off it
* put right by command: `put_right`, `find_difference`, `correct`
* two members who are one: `close_account` empties the one's account into `closed_account`'s
  parts, `receive_account` brings these to the other, whose fold takes them over (`take_over`, with
  `join_tiers`, `join_challenges` and `join_privileges`) and answers what was asked meanwhile
  (`answer_waiting`)
"""

from transforms.accrue.accrue import Accrue
from transforms.accrue.programmes import Programmes

__all__ = ["Accrue", "Programmes"]
