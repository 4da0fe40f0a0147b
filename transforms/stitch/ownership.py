"""Who owned an identifier when: spans of ownership, and the sign-outs between them.

In: signs (an event carried this identifier together with a stronger one), sign-outs and
revocations, in any order of business time. Out: spans, which `owner_at` reads. Promised: they
depend on what was seen, not on the order in which it became known, as far as signs are kept: all
spans up to `SPANS_MAX`, and of each span the newest `SIGNS_MAX` signs.

Under `last_owner` an identifier has one owner at a time, from a sign of theirs to the next one of
somebody else. Otherwise owners stand side by side, each from their first sign on.
"""

from bisect import bisect_left, bisect_right, insort
from operator import attrgetter

import msgspec

SPANS_MAX = 32
SIGNS_MAX = 32
SIGN_OUTS_MAX = 32
REVOKED_MAX = 16


class Span(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`owner` was seen with the identifier from `first` to `last`; alone, if it has one owner at
    a time. `between`: when else, in order, for the case that it must be cut."""

    owner: str
    first: int
    last: int
    reason: str
    event_id: str
    between: list[int] = []


class Ownership(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Spans by (first, owner), sign-outs by time, until when owners' signs don't count."""

    spans: list[Span] = []
    sign_outs: list[int] = []
    revoked: dict[str, int] = {}


_place = attrgetter("first", "owner")
_first = attrgetter("first")


def confirms(ownership: Ownership, owner: str, at: int) -> bool:
    """Note a sign that changes nobody's ownership; False: it isn't one, and isn't noted."""
    spans = ownership.spans
    if not spans:
        return False
    index = bisect_right(spans, (at, owner), key=_place) - 1
    if index < 0 or spans[index].owner != owner:
        return False
    span = spans[index]
    if span.last < at and signed_out_between(ownership, span.last, at):
        return False
    _extend(span, at)
    return True


def observe(ownership: Ownership, owner: str, at: int, reason: str, event_id: str) -> None:
    """Take note that `owner` was seen at `at`, where the identifier has one owner at a time."""
    spans = ownership.spans
    index = bisect_right(spans, (at, owner), key=_place)
    if index and (spans[index - 1].last, spans[index - 1].owner) > (at, owner):
        _cut(spans, index - 1, (at, owner))
    after = spans[index] if index < len(spans) else None
    if (
        after is not None
        and after.owner == owner
        and not signed_out_between(ownership, at, after.first)
    ):
        if after.last != after.first:
            after.between.insert(0, after.first)
        after.first, after.reason, after.event_id = at, reason, event_id
        return
    spans.insert(index, Span(owner=owner, first=at, last=at, reason=reason, event_id=event_id))


def confirms_beside(ownership: Ownership, owner: str, at: int) -> bool:
    """`confirms` where owners stand side by side: a sign of the only one after their first."""
    if len(ownership.spans) != 1 or ownership.spans[0].owner != owner:
        return False
    span = ownership.spans[0]
    if at < span.first:
        return False
    _extend(span, at)
    return True


def observe_beside(ownership: Ownership, owner: str, at: int, reason: str, event_id: str) -> None:
    """The same where owners stand side by side."""
    for span in ownership.spans:
        if span.owner == owner:
            break
    else:
        span = Span(owner=owner, first=at, last=at, reason=reason, event_id=event_id)
        insort(ownership.spans, span, key=_place)
    if at < span.first:
        if span.last != span.first:
            span.between.insert(0, span.first)
        span.first, span.reason, span.event_id = at, reason, event_id
        ownership.spans.sort(key=_place)
    else:
        _extend(span, at)


def sign_out(ownership: Ownership, at: int) -> bool:
    """Whoever owned the identifier at `at` does so no longer; False if that was known."""
    if at in ownership.sign_outs:
        return False
    insort(ownership.sign_outs, at)
    del ownership.sign_outs[:-SIGN_OUTS_MAX]
    index = bisect_right(ownership.spans, at, key=_first) - 1
    if index >= 0 and ownership.spans[index].last > at:
        _cut(ownership.spans, index, (at + 1, ""))
    return True


def revoke(ownership: Ownership, owner: str, until: int) -> bool:
    """Signs of `owner` up to `until` don't count, those included that were seen already.

    False if that changes nothing that was seen.
    """
    until = max(until, ownership.revoked.pop(owner, until))
    ownership.revoked[owner] = until
    while len(ownership.revoked) > REVOKED_MAX:
        del ownership.revoked[next(iter(ownership.revoked))]
    kept: list[Span] = []
    changed = False
    for span in ownership.spans:
        if span.owner != owner or span.first > until:
            kept.append(span)
            continue
        changed = True
        left = [at for at in (*span.between, span.last) if at > until]
        if left:
            span.first, span.between = left[0], left[1:-1]
            kept.append(span)
    if changed:
        ownership.spans = _joined(ownership, sorted(kept, key=_place))
    return changed


def counts(ownership: Ownership, owner: str, at: int) -> bool:
    """Whether a sign of `owner` at `at` wasn't revoked."""
    until = ownership.revoked.get(owner)
    return until is None or at > until


def signed_out_between(ownership: Ownership, start: int, end: int) -> bool:
    """Somebody signed out in [start, end)."""
    index = bisect_left(ownership.sign_outs, start)
    return index < len(ownership.sign_outs) and ownership.sign_outs[index] < end


def _extend(span: Span, at: int) -> None:
    """A sign at or after the first one."""
    if at > span.last:
        if span.last != span.first:
            _note(span, span.last)
        span.last = at
    elif span.first < at < span.last:
        _note(span, at)


def _note(span: Span, at: int) -> None:
    """Keep a sign between the first and the last one."""
    between = span.between
    if not between or between[-1] < at:
        between.append(at)
    elif at not in between:
        insort(between, at)
    if len(between) > SIGNS_MAX:
        del between[0]


def _cut(spans: list[Span], index: int, place: tuple[int, str]) -> None:
    """Something came between at `place`: what was seen of the span from there on is another."""
    span = spans[index]
    signs = [span.first, *span.between, span.last]
    before = [at for at in signs if (at, span.owner) < place]
    after = [at for at in signs if (at, span.owner) > place]
    if not after:
        return
    later = Span(
        owner=span.owner,
        first=after[0],
        last=after[-1],
        reason=span.reason,
        event_id=span.event_id,
        between=after[1:-1],
    )
    span.last, span.between = before[-1], before[1:-1]
    insort(spans, later, key=_place)


def _joined(ownership: Ownership, spans: list[Span]) -> list[Span]:
    """Spans of one owner between whom nobody is left become one."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.owner == span.owner
            and not signed_out_between(ownership, last.last, span.first)
        ):
            signs = sorted({*last.between, last.last, span.first, *span.between} - {last.first})
            last.last = span.last
            last.between = [at for at in signs if at < span.last][-SIGNS_MAX:]
        else:
            joined.append(span)
    return joined
