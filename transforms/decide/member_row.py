"""The row in `members`: a member as every surface shows them."""

from schemas.decisions import Member
from transforms.decide.member_state import DecideState


def member_row(state: DecideState, time_zone: str) -> Member:
    """The member now; `time_zone` is the one that holds for them."""
    account, score, ended = state.account, state.score, state.ended
    return Member(
        member_id=state.member_id,
        market=state.market,
        tier=account.tier if account else "",
        available=account.available if account else 0,
        pending=account.pending if account else 0,
        held=account.held if account else 0,
        qualifying=account.qualifying if account else 0,
        risk=score.risk if score else 0.0,
        risk_band=score.band if score else "none",
        p_alive=score.p_alive if score else 0.0,
        expected_value=score.expected_value if score else 0,
        segment=score.segment if score else "",
        preferred_channel=state.preferred_channel,
        time_zone=time_zone,
        open_cases=state.open_cases,
        last_seen_at=state.last_seen_at,
        enrolled_at=state.enrolled_at,
        version=state.version,
        closed=None if ended is None else ended.because,  # type: ignore[arg-type]
        merged_into=None if ended is None else ended.into or None,
    )
