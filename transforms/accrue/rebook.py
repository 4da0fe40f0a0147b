"""Rebooking: a fact inserted or removed where it belongs, and the difference posted.

In: the state, facts to insert or an event to remove, and now. Out: entries that turn what was
posted into what would have been posted in perfect order. Promises: the account becomes the fold
of its facts; of each movement that is new or grew, what is missing is posted; of each that shrank
or vanished, entries with `kind` correct and the accounts swapped name what they correct. Nothing
is edited, and no entry id is used twice.
"""

from msgspec.structs import replace

from schemas.ledger import LedgerEntry
from transforms.accrue.book import Answer, Book, entry_id
from transforms.accrue.facts import AnyFact
from transforms.accrue.fold import apply, place
from transforms.accrue.programmes import Plan
from transforms.accrue.report_privileges import differing
from transforms.accrue.state import Account, AccrueState, Posted, decode_account, encode_account
from transforms.accrue.timers import fire


def insert_place(facts: list[AnyFact], fact: AnyFact) -> int:
    """Where a fact belongs among the facts: after all that come before it or with it."""
    at = len(facts)
    key = place(fact)
    while at and place(facts[at - 1]) > key:
        at -= 1
    return at


def base_account(state: AccrueState) -> Account:
    """A fresh copy of the account before the facts."""
    return decode_account(state.base) if state.base else Account()


def rebook(
    state: AccrueState, plan: Plan, now: int, facts: list[AnyFact], because_of: str
) -> tuple[Book, Book]:
    """Make `facts` the facts of the state; the books of the fold before and after.

    The entries to post are those of the second book; its account is the state's from now on.
    """
    before = state.facts
    same = 0
    while same < min(len(before), len(facts)) and before[same] is facts[same]:
        same += 1
    prefix = Book(base_account(state), state.member_id, plan, state.baskets, now, silent=True)
    for fact in facts[:same]:
        apply(prefix, fact)
    copied = decode_account(encode_account(prefix.account))
    was = _finish(copied, state, plan, now, before[same:])
    becomes = _finish(prefix.account, state, plan, now, facts[same:])
    told = {_said(answer) for answer in was.answers}
    becomes.answers = [answer for answer in becomes.answers if _said(answer) not in told]
    becomes.entries = _difference(state, was.entries, becomes.entries, now, because_of)
    becomes.touched = dict.fromkeys(
        lot_id
        for lot_id in {**was.account.lots, **becomes.account.lots}
        if was.account.lots.get(lot_id) != becomes.account.lots.get(lot_id)
    )
    becomes.changed = dict.fromkeys(differing(was.account, becomes.account))
    state.facts = facts
    state.current = becomes.account
    return was, becomes


def _said(answer: Answer) -> tuple[str, str, str, str | None, str | None]:
    """What tells an answer from others: a time-out is answered again by each fold."""
    return answer.request, answer.redemption_id, answer.code, answer.source, answer.event_id


def _finish(
    account: Account, state: AccrueState, plan: Plan, now: int, facts: list[AnyFact]
) -> Book:
    """Fold the rest of the facts, and fire what was due until now."""
    book = Book(account, state.member_id, plan, state.baskets, now)
    for fact in facts:
        apply(book, fact)
    fire(book, now)
    return book


def renumber(state: AccrueState, entries: list[LedgerEntry], now: int) -> None:
    """Give entries posted in order other ids, where rebookings used theirs up.

    That is so for a movement that was posted, corrected away, and now happens after all.
    """
    if not state.rebooked:
        return
    for at, entry in enumerate(entries):
        standing = state.rebooked.get(entry.entry_id)
        if standing is not None:
            new_id = entry_id(entry.entry_id, "again", str(state.version))
            standing.append(Posted(entry_id=new_id, points=entry.points, at=now))
            entries[at] = replace(entry, entry_id=new_id)


def _difference(
    state: AccrueState,
    was: list[LedgerEntry],
    becomes: list[LedgerEntry],
    now: int,
    because_of: str,
) -> list[LedgerEntry]:
    """What must be posted so that the entries `was` amount to the entries `becomes`."""
    wanted = {entry.entry_id: entry.points for entry in becomes}
    there = {entry.entry_id: entry.points for entry in was}
    posted: list[LedgerEntry] = []
    for entry in was:
        surplus = entry.points - wanted.get(entry.entry_id, 0)
        if surplus > 0:
            posted += _take_back(state, entry, surplus, now, because_of)
    for entry in becomes:
        missing = entry.points - there.get(entry.entry_id, 0)
        if missing > 0:
            already = there.get(entry.entry_id, 0)
            posted.append(_add(state, entry, missing, already, now, because_of))
    return posted


def _take_back(
    state: AccrueState, entry: LedgerEntry, surplus: int, now: int, because_of: str
) -> list[LedgerEntry]:
    """Correct the entries that stand for a movement, the newest first."""
    standing = state.rebooked.get(entry.entry_id)
    if standing is None:
        standing = [Posted(entry_id=entry.entry_id, points=entry.points, at=now)]
        state.rebooked[entry.entry_id] = standing
    corrections = []
    for one in reversed(standing):
        points = min(one.points, surplus)
        if points:
            one.points -= points
            one.at = now
            surplus -= points
            corrections.append(
                replace(
                    entry,
                    entry_id=entry_id(one.entry_id, "correct", f"{because_of}#{state.version}"),
                    debit=entry.credit,
                    credit=entry.debit,
                    points=points,
                    kind="correct",
                    posted_at=now,
                    corrects=one.entry_id,
                    posting="rebooked",
                    because_of=because_of,
                )
            )
    return corrections


def _add(
    state: AccrueState, entry: LedgerEntry, missing: int, already: int, now: int, because_of: str
) -> LedgerEntry:
    """Post what a movement lacks: under its own id, unless that was ever used."""
    standing = state.rebooked.get(entry.entry_id)
    new_id = entry.entry_id
    if already or standing is not None:
        if standing is None:
            standing = [Posted(entry_id=entry.entry_id, points=already, at=now)]
        new_id = entry_id(entry.entry_id, "rebooked", f"{because_of}#{state.version}")
        standing.append(Posted(entry_id=new_id, points=missing, at=now))
        state.rebooked[entry.entry_id] = standing
    posting = entry.posting if entry.posting == "late" else "rebooked"
    return replace(
        entry,
        entry_id=new_id,
        points=missing,
        posted_at=now,
        posting=posting,
        because_of=because_of,
    )
