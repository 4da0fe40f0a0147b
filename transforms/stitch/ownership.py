"""Who owned an identifier when: spans of ownership, and the sign-outs between them.

In: observations (an event carried this identifier together with a stronger one) and
sign-outs, in any order of business time. Out: the owners as of an instant. The
answer depends on what was observed, not on the order in which it became known.
"""

from bisect import bisect_left, bisect_right, insort
from operator import attrgetter

import msgspec

SPANS_MAX = 32
SIGN_OUTS_MAX = 32


class Span(msgspec.Struct, kw_only=True):
    """`owner` was seen with the identifier from `first` to `last`, nobody else in between."""

    owner: str
    first: int
    last: int
    reason: str
    event_id: str


class Ownership(msgspec.Struct, kw_only=True):
    """Spans by `first`, sign-outs by time; both bounded, the oldest are forgotten."""

    spans: list[Span] = []
    sign_outs: list[int] = []


_first = attrgetter("first")


def observe(ownership: Ownership, owner: str, at: int, reason: str, event_id: str) -> Span | None:
    """Take note that `owner` was seen at `at`; the span that this opened, or None."""
    spans = ownership.spans
    index = bisect_right(spans, at, key=_first)
    before = spans[index - 1] if index else None
    if before is not None and before.owner == owner:
        if before.last >= at:
            return None
        if not _signed_out(ownership, before.last, at):
            before.last = at
            return None
    after = spans[index] if index < len(spans) else None
    if after is not None and after.owner == owner and not _signed_out(ownership, at, after.first):
        after.first = at
        return after
    span = Span(owner=owner, first=at, last=at, reason=reason, event_id=event_id)
    spans.insert(index, span)
    if before is not None and before.last > at:
        _split(spans, index - 1, at)
    del spans[:-SPANS_MAX]
    return span


def sign_out(ownership: Ownership, at: int) -> bool:
    """Whoever owned the identifier at `at` does so no longer; False if that was known."""
    if at in ownership.sign_outs:
        return False
    insort(ownership.sign_outs, at)
    del ownership.sign_outs[:-SIGN_OUTS_MAX]
    index = bisect_right(ownership.spans, at, key=_first) - 1
    if index >= 0 and ownership.spans[index].last > at:
        _split(ownership.spans, index, at)
    return True


def last_owner(ownership: Ownership, at: int, window_ms: int) -> tuple[str, ...]:
    """The owner at `at`: the latest seen before unless signed out since, else the next one to be
    seen within `window_ms` unless somebody signed out in between."""
    spans = ownership.spans
    index = bisect_right(spans, at, key=_first)
    if index and not _signed_out(ownership, spans[index - 1].first, at):
        return (spans[index - 1].owner,)
    if index < len(spans):
        following = spans[index]
        near = following.first - at <= window_ms
        if near and not _signed_out(ownership, at, following.first):
            return (following.owner,)
    return ()


def all_owners(ownership: Ownership, at: int, window_ms: int) -> tuple[str, ...]:
    """Every owner seen until `at`, the latest first; if none, all seen within `window_ms` after."""
    spans = ownership.spans
    index = bisect_right(spans, at, key=_first)
    seen = spans[:index] or [span for span in spans if span.first - at <= window_ms]
    return tuple(dict.fromkeys(span.owner for span in reversed(seen)))


def first_owner(ownership: Ownership, at: int, window_ms: int) -> tuple[str, ...]:
    """The owner who was seen first, from `window_ms` before that on."""
    spans = ownership.spans
    return (spans[0].owner,) if spans and spans[0].first - at <= window_ms else ()


def until(ownership: Ownership, span: Span) -> int | None:
    """When a span's ownership ended under `last_owner`; None: it still stands."""
    spans = ownership.spans
    ends = [other.first for other in spans if other.first > span.first]
    index = bisect_left(ownership.sign_outs, span.first)
    ends.extend(ownership.sign_outs[index : index + 1])
    return min(ends, default=None)


def owners_since(ownership: Ownership, at: int) -> int:
    """How many different owners were seen at or after `at`."""
    return len({span.owner for span in ownership.spans if span.last >= at})


def _signed_out(ownership: Ownership, start: int, end: int) -> bool:
    """Somebody signed out in [start, end)."""
    index = bisect_left(ownership.sign_outs, start)
    return index < len(ownership.sign_outs) and ownership.sign_outs[index] < end


def _split(spans: list[Span], index: int, at: int) -> None:
    """Something came between at `at`: what was seen of the span later is a span of its own."""
    span = spans[index]
    later = Span(
        owner=span.owner,
        first=span.last,
        last=span.last,
        reason=span.reason,
        event_id=f"{span.event_id}+",
    )
    span.last = at
    insort(spans, later, key=_first)
