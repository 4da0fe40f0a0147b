"""The ledger holds after every step of whatever happens: a state machine over all operations.

Two members, and a third whom they may be merged with, buy, order, cancel, bring back, hold, spend
and are adjusted, corrected and merged; events are late, come again, are taken back and given
to somebody else; bases move on and states are saved and loaded, between any two steps. What holds
after each, and in the end, is said in `machine_members`.
"""

from math import ceil
from typing import Any

from accrue_till import programme
from hypothesis import HealthCheck, settings
from machine_goods import Goods
from machine_hindsight import Hindsight
from machine_privileges import Privileges
from machine_spending import Spending
from machine_terms import TERMS

from transforms.accrue.check import check_programme

EXAMPLES = max(500, settings().max_examples)
"""Of all programmes together; more of them in the nightly profile (see conftest)."""
PLAYED = settings(
    max_examples=ceil(EXAMPLES / len(TERMS)),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class LedgerMachine(Goods, Spending, Privileges, Hindsight):
    """All that can happen to members' accounts."""


def played(of: str) -> Any:
    """The machine as a test, under one of the programmes."""
    name = f"LedgerMachineOf{of.title().replace('_', '')}"
    machine: Any = type(name, (LedgerMachine,), {"programme": of})
    machine.TestCase.settings = PLAYED
    return machine.TestCase


TestBonuses = played("bonuses")
TestChallenges = played("challenges")
TestGrocer = played("grocer")
TestMembership = played("membership")
TestOneTier = played("one_tier")
TestRolling = played("rolling")
TestTwoVersions = played("two_versions")
TestVisits = played("visits")


def test_every_programme_is_played_and_would_be_accepted() -> None:
    tests = [one for name, one in globals().items() if name.startswith("Test")]
    assert len(tests) == len(TERMS)
    assert PLAYED.max_examples * len(TERMS) >= EXAMPLES
    for name, of in TERMS.items():
        assert not check_programme(programme(*of("negative"))), name
