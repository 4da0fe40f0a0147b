"""What a survivor's account is told of a merge: that another's is on its way, and that it came.

In: a posting whose event is `account_merged` or `transfer`. Out: facts in the survivor's state, and
rows that say what arrived. Promises: each part of an account is taken over once, however often it
comes; one of another programme never is, since its points aren't worth the same here.
"""

from schemas.flow import Output
from schemas.ledger import AccountMerge, RedemptionAnswer
from schemas.payloads import Merge, Transfer
from transforms.accrue import report
from transforms.accrue.closed_account import ACCOUNT, read
from transforms.accrue.facts import Joining, TakenOver
from transforms.accrue.posting import Posting
from transforms.accrue.state import AccrueState, encode_account
from transforms.accrue.take_over import key_of


def expect_account(posting: Posting, merge: Merge) -> None:
    """Wait for what was in the loser's account."""
    account, event = posting.state.current, posting.event
    if merge.loser == posting.state.member_id:
        return
    if merge.loser not in account.joining and merge.loser not in account.taken:
        posting.insert(
            Joining(
                at=posting.known_at,
                source=event.source,
                event_id=event.event_id,
                occurred_at=event.occurred_at,
                loser=merge.loser,
            )
        )


def receive_account(posting: Posting, transfer: Transfer) -> None:
    """Take over one part of a closed account."""
    state, event = posting.state, posting.event
    part = "" if transfer.part == ACCOUNT else transfer.part
    if key_of(transfer.loser, part) in state.current.taken:
        return
    fits = state.programme == transfer.programme
    fact = TakenOver(
        at=posting.known_at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        loser=transfer.loser,
        part=part,
    )
    if fits:
        contents = read(transfer.contents)
        fact.account = encode_account(contents.account)
        state.baskets = contents.baskets | state.baskets
        if transfer.enrolled_at is not None:
            began = state.enrolled_at or transfer.enrolled_at
            state.enrolled_at = min(began, transfer.enrolled_at)
    known = set(state.current.holds)
    posting.insert(fact)
    for redemption_id in state.current.holds:
        if redemption_id not in known:
            posting.rows += _held_on(state, redemption_id, posting)
    if not part:
        posting.rows.append(_joined(state, transfer, fits, posting.known_at))


def _held_on(state: AccrueState, redemption_id: str, posting: Posting) -> list[Output]:
    held = state.current.redemptions[redemption_id]
    return [
        RedemptionAnswer(
            redemption_id=redemption_id,
            member_id=state.member_id,
            request="transfer",
            points=held.points,
            code=held.code,
            source=posting.event.source,
            event_id=posting.event.event_id,
            answered_at=posting.known_at,
        ),
        report.redemption(state, redemption_id, held, posting.known_at),
    ]


def _joined(state: AccrueState, transfer: Transfer, fits: bool, now: int) -> AccountMerge:
    return AccountMerge(
        loser=transfer.loser,
        survivor=state.member_id,
        merge=transfer.merge,
        programme=transfer.programme,
        points=transfer.points,
        debt=transfer.debt,
        lots=transfer.lots,
        holds=transfer.holds,
        status="joined" if fits else "other_programme",
        merged_at=transfer.merged_at,
        joined_at=now if fits else None,
        version=state.version,
    )
