"""Who owns an identifier at an instant, by each policy, and when it has too many owners.

In: spans of ownership. Out: owners as of then; the end of a span; the moment of sharing. Promised:
nothing that is seen after an instant changes the answer, but for the first sign within a window.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import attrgetter

from transforms.stitch.ownership import Ownership, Span, signed_out_between

_first = attrgetter("first")


def last_owner(ownership: Ownership, at: int, window_ms: int, _: int) -> tuple[str, ...]:
    """The owner at `at`: the latest seen before unless signed out since, else the next one to be
    seen within `window_ms` unless somebody signed out in between."""
    spans = ownership.spans
    index = bisect_right(spans, at, key=_first)
    if index and not signed_out_between(ownership, spans[index - 1].first, at):
        return (spans[index - 1].owner,)
    if index < len(spans):
        following = spans[index]
        near = following.first - at <= window_ms
        if near and not signed_out_between(ownership, at, following.first):
            return (following.owner,)
    return ()


def all_owners(ownership: Ownership, at: int, window_ms: int, period_ms: int) -> tuple[str, ...]:
    """All owners who were seen within `period_ms` before `at`, or, if nobody was, ever before; else
    the first to be seen within `window_ms` after: all of them, if they were at one instant."""
    before = [span for span in ownership.spans if span.first <= at]
    if before:
        lately = [span for span in before if _seen_by(span, at) > at - period_ms]
        return tuple(sorted({span.owner for span in lately or before}))
    first = min((span.first for span in ownership.spans), default=at + window_ms + 1)
    if first - at > window_ms:
        return ()
    return tuple(sorted({span.owner for span in ownership.spans if span.first == first}))


def first_owner(ownership: Ownership, at: int, window_ms: int, _: int) -> tuple[str, ...]:
    """The owner who was seen first, from `window_ms` before that on."""
    if ownership.spans and ownership.spans[0].first <= at:
        return (ownership.spans[0].owner,)
    return _next_owner(ownership, at, window_ms)


def until(ownership: Ownership, index: int) -> int | None:
    """When a span's ownership ended, if there is one owner at a time; None: it still stands."""
    spans = ownership.spans
    ends = [spans[index + 1].first] if index + 1 < len(spans) else []
    out = bisect_left(ownership.sign_outs, spans[index].last)
    ends.extend(ownership.sign_outs[out : out + 1])
    return min(ends, default=None)


def too_many_since(spans: Iterable[Span], most: int, period_ms: int) -> int | None:
    """The first instant at which more than `most` owners had been seen within `period_ms`."""
    spans = list(spans)
    if len({span.owner for span in spans}) <= most:
        return None
    lately: dict[str, int] = {}
    signs = sorted((at, one.owner) for one in spans for at in (one.first, *one.between, one.last))
    for at, owner in signs:
        lately[owner] = at
        if sum(seen > at - period_ms for seen in lately.values()) > most:
            return at
    return None


def _seen_by(span: Span, at: int) -> int:
    """The last sign of a span at or before `at`, which isn't before its first."""
    if span.last <= at:
        return span.last
    place = bisect_right(span.between, at)
    return span.between[place - 1] if place else span.first


def _next_owner(ownership: Ownership, at: int, window_ms: int) -> tuple[str, ...]:
    following = next((span for span in ownership.spans if span.first > at), None)
    if following is None or following.first - at > window_ms:
        return ()
    return (following.owner,)
