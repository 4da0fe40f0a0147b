"""`kizuna explain trigger`: why did this message go out, there, then, and on what facts?

In: the id of a trigger. Out: what the channel was told, the decision behind it with its inputs,
what became of the same message on other channels, the journey and the event that began it, what
the channel reported.
"""

from typing import Any, Final

import msgspec

from scripts.explain.questions import Questions, Unknown
from transforms.decide.identify import identify

_TRIGGERS: Final = """
    SELECT * EXCLUDE (_seq) FROM triggers WHERE trigger_id = $trigger ORDER BY decided_at, action
"""
_DECISIONS: Final = """
    SELECT * EXCLUDE (_seq) FROM decisions WHERE trigger_id = $trigger
    ORDER BY decided_at, decision_id
"""
_OTHERS: Final = """
    SELECT channel, outcome, reason, decided_at FROM decisions
    WHERE entry_id = $entry AND step = $step AND channel <> $channel AND member_id = $member
    ORDER BY decided_at, channel
"""
_JOURNEY: Final = "SELECT * EXCLUDE (_version) FROM journeys WHERE entry_id = $entry"
_CANDIDATES: Final = """
    SELECT DISTINCT source, event_id, type, known_at FROM event_owners
    WHERE member_id = $member AND known_at = $at ORDER BY source, event_id
"""
_DELIVERIES: Final = """
    SELECT state, channel, reason, "at" FROM deliveries WHERE trigger_id = $trigger
    ORDER BY "at", state
"""


class TriggerStory(msgspec.Struct, frozen=True, kw_only=True):
    """All that led to a trigger, and what came of it."""

    triggers: list[dict[str, Any]]
    """What the channel was told, in order."""
    decisions: list[dict[str, Any]]
    others: list[dict[str, Any]]
    journey: dict[str, Any] | None
    began: dict[str, Any] | None
    """The event that began the journey; None: a timer did."""
    deliveries: list[dict[str, Any]]


def explain_trigger(questions: Questions, trigger_id: str) -> TriggerStory:
    """The story of a trigger; raises Unknown for no trigger's id."""
    triggers = questions.rows(_TRIGGERS, trigger=trigger_id)
    if not triggers:
        raise Unknown(f"{trigger_id} is no trigger in {questions.folder}")
    first = triggers[0]
    decisions = questions.rows(_DECISIONS, trigger=trigger_id)
    for one in decisions:
        one["inputs"] = msgspec.json.decode(one["inputs"])
    for one in triggers:
        if isinstance(one["data"], str):
            one["data"] = msgspec.json.decode(one["data"])
    journey = questions.row(_JOURNEY, entry=first["entry_id"])
    return TriggerStory(
        triggers=triggers,
        decisions=decisions,
        others=questions.rows(
            _OTHERS,
            entry=first["entry_id"],
            step=first["step"],
            channel=first["channel"],
            member=first["member_id"],
        ),
        journey=journey,
        began=_began(questions, journey) if journey else None,
        deliveries=questions.rows(_DELIVERIES, trigger=trigger_id),
    )


def _began(questions: Questions, journey: dict[str, Any]) -> dict[str, Any] | None:
    """The event whose name is in the id of the journey's entry."""
    rows = questions.rows(_CANDIDATES, member=journey["member_id"], at=journey["entered_at"])
    for row in rows:
        reference = f"{row['source']}/{row['event_id']}"
        parts = (journey["member_id"], journey["journey"], reference)
        if identify(*parts) == journey["entry_id"]:
            return row
    return rows[0] if len(rows) == 1 else None
