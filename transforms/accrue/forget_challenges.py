"""Forgetting what can't change any more in challenges.

In: the progress of a member, and the instant from which on facts may still arrive. Out: the same
progress, smaller. Promises: forgetting is invisible: what is settled could not be taken back.
"""

from collections.abc import Iterable

from transforms.accrue import streaks
from transforms.accrue.privileges import Met, Progress
from transforms.accrue.programmes import Plan
from transforms.accrue.standing import name_in


def forget(challenges: dict[str, Progress], plan: Plan, to: int) -> dict[str, Progress]:
    """With prizes that no return from `to` on concerns won for good, without the periods that
    ended before these, and without challenges that no version has from then on."""
    since, known = to - plan.remember_ms, plan.challenges_from(to)
    kept = {}
    for key, one in challenges.items():
        if one.run is None:
            if one.until is not None and max(one.until, one.counted_at) < since:
                continue
            settle_met(one, [met for met in one.met if met.at < since])
        else:
            streaks.settle(one, since)
        if one.counted_at >= since or name_in(key) in known:
            kept[key] = one
    return kept


def settle_met(one: Progress, settled: Iterable[Met]) -> None:
    """Targets that were met, and whose prizes stand for good."""
    for met in list(settled):
        one.met.remove(met)
        one.before += 1
        one.before_at = max(one.before_at, met.at)
        one.counted -= met.took
