"""What a batch ID-stitcher makes of the same events: connected components, and its usual repairs.

In: `Observed`. Out: for each event the profile that it ends in, and the member whose that is.
Each stitcher is read in its favour: a profile that holds several members is taken to be the one's
who is named on most of its events, whoever is a member by name on an event stays one where a repair
has thrown the rest away, an event that carries nothing but a receipt goes where its sale went, and
merges of accounts that history knows of are no mistakes.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from scripts.bench.observed import Observed

NONE: Final = -1


class Stitched(NamedTuple):
    """By event: `profile`, a number, and `member`, a number of `Observed.members`; -1: nobody."""

    profile: Any
    member: Any


class Guards(NamedTuple):
    """What components are kept from growing by. `neighbours_max`: an identifier, member ids aside,
    that was linked with more others than this joins nothing. `identifiers_max`: a component with
    more of them is dropped."""

    neighbours_max: int = 10
    identifiers_max: int = 40


def components(seen: Observed) -> Stitched:
    """All identifiers ever seen together, directly or by way of others, are one person."""
    return _by_component(seen, *_edges(seen), identifiers_max=None)


def guarded_components(seen: Observed, guards: Guards) -> Stitched:
    """The same without identifiers that know too many others, and without what grew too large."""
    left, right = _edges(seen)
    degree = np.bincount(np.concatenate([left, right]), minlength=len(seen.identifiers))
    known = (degree <= guards.neighbours_max) | (seen.is_member >= 0)
    joins = known[left] & known[right]
    return _by_component(seen, left[joins], right[joins], identifiers_max=guards.identifiers_max)


def last_login(seen: Observed) -> Stitched:
    """Each identifier is the member's who was seen with it last, for all of history.

    Who that is on an event is said by its member id, else by the owner, until then, of the
    strongest identifier that has one. The winner of a merge goes on for both.
    """
    owner = np.full(len(seen.identifiers), NONE)
    own = seen.is_member >= 0
    owner[own] = seen.is_member[own]
    of, owners = seen.of.tolist(), owner.tolist()
    is_member = seen.is_member.tolist()
    starts = _starts(seen)
    for first, end in pairwise(starts):
        strongest = next((owners[n] for n in reversed(of[first:end]) if owners[n] >= 0), NONE)
        if strongest >= 0:
            for n in of[first:end]:
                if is_member[n] < 0:
                    owners[n] = strongest
    member = np.full(len(seen.types), NONE)
    for number, (first, end) in enumerate(pairwise(starts)):
        for n in reversed(of[first:end]):
            if owners[n] >= 0:
                member[number] = owners[n]
                break
    member = _survivors(seen)[member]
    return _with_receipts(seen, Stitched(profile=member.copy(), member=member))


STITCHERS: Final[dict[str, Callable[[Observed, Guards], Stitched]]] = {
    "components": lambda seen, _: components(seen),
    "guarded components": guarded_components,
    "last login": lambda seen, _: last_login(seen),
}


def _edges(seen: Observed) -> tuple[Any, Any]:
    """Pairs of identifiers that stood on one event, each once: every one of an event with its
    strongest, which joins as much as all pairs of them would."""
    if not len(seen.on):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    lasts = np.append(np.flatnonzero(np.diff(seen.on)), len(seen.on) - 1)
    strongest = seen.of[lasts][np.searchsorted(seen.on[lasts], seen.on)]
    left, right = seen.of, strongest
    merged = _merged(seen)
    left, right = np.concatenate([left, merged[0]]), np.concatenate([right, merged[1]])
    apart = left != right
    low, high = np.minimum(left, right)[apart], np.maximum(left, right)[apart]
    pairs = np.unique(low * len(seen.identifiers) + high)
    return pairs // len(seen.identifiers), pairs % len(seen.identifiers)


def _merged(seen: Observed) -> tuple[Any, Any]:
    """The two member ids of each merge, as identifiers."""
    by_name = {seen.members[m]: n for n, m in enumerate(seen.is_member.tolist()) if m >= 0}
    pairs = [(by_name[a], by_name[b]) for a, b in seen.merges if a in by_name and b in by_name]
    losers, winners = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(losers, dtype=np.int64), np.array(winners, dtype=np.int64)


def _by_component(
    seen: Observed, left: Any, right: Any, *, identifiers_max: int | None
) -> Stitched:
    size = len(seen.identifiers)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    count, component = connected_components(graph, directed=False)
    dropped = np.zeros(count, dtype=bool)
    if identifiers_max is not None:
        dropped = np.bincount(component, minlength=count) > identifiers_max
    profile = np.full(len(seen.types), NONE)
    profile[seen.on] = component[seen.of]  # the strongest is written last
    alone = (profile >= 0) & np.append(dropped, False)[profile]
    profile[alone] = NONE
    member = _most_named(seen, profile, count)[profile]
    member[profile < 0] = NONE
    by_name = alone & (seen.named >= 0)
    survivor = _survivors(seen)[seen.named]
    member[by_name] = survivor[by_name]
    profile[by_name] = count + survivor[by_name]
    return _with_receipts(seen, Stitched(profile=profile, member=member))


def _most_named(seen: Observed, profile: Any, count: int) -> Any:
    """Of each profile the member named on most of its events, the first of equals; -1: nobody."""
    telling = (profile >= 0) & (seen.named >= 0)
    pairs, times = np.unique(
        profile[telling] * len(seen.members) + seen.named[telling], return_counts=True
    )
    found = np.full(count + 1, NONE)
    for pair in pairs[np.argsort(times, kind="stable")].tolist():  # the most frequent is last
        found[pair // len(seen.members)] = pair % len(seen.members)
    return _survivors(seen)[found]


def _survivors(seen: Observed) -> Any:
    """Of each member by number the one who goes on; the last entry, for -1, is -1."""
    numbers = {name: number for number, name in enumerate(seen.members)}
    into = dict(seen.merges)
    found = [NONE] * (len(seen.members) + 1)
    for name, number in numbers.items():
        end, steps = name, 0
        while end in into and into[end] in numbers and steps < len(into):
            end, steps = into[end], steps + 1
        found[number] = numbers[end]
    return np.array(found)


def _with_receipts(seen: Observed, found: Stitched) -> Stitched:
    """What carries no identifier but a receipt goes where the sale or order went."""
    bare = np.ones(len(seen.types), dtype=bool)
    bare[seen.on] = False
    bare &= seen.receipt_event >= 0
    sale = seen.receipt_event[bare]
    found.profile[bare], found.member[bare] = found.profile[sale], found.member[sale]
    return found


def _starts(seen: Observed) -> list[int]:
    """Where each event's identifiers begin among all, and where they end."""
    numbers = np.arange(len(seen.types) + 1)
    starts: list[int] = np.searchsorted(seen.on, numbers).tolist()
    return starts
