"""What a parting looks like, and what speaks for its cause.

In: the event behind it as both sides know it, what differs at it, and what the runs say. Out: a
`Kind`, and sentences. Nothing here is certain but what differs: a cause is inferred from what
else agrees.
"""

from collections.abc import Sequence

from scripts.reconcile.result import Change, Event, Kind, Side


def kind_of(event: Event | None, at_it: Sequence[Change]) -> Kind:
    """What differs first, from what an event needs first: it is there, somebody's, rated."""
    entries = [change for change in at_it if change.table == "ledger_entries"]
    if event is None:
        return "timer" if entries else "derived_rows"
    a, b = event.a, event.b
    if (a.refused is None) != (b.refused is None):
        return "refused_event"
    if a.known != b.known:
        return "missing_event"
    if a.owner != b.owner:
        return "other_member"
    if a.answers != b.answers:
        return "other_answer"
    if entries:
        versions = (
            {row["programme_version"] for row in rows if row is not None}
            for rows in ([change.a for change in entries], [change.b for change in entries])
        )
        ours, theirs = versions
        return "other_programme" if ours and theirs and ours != theirs else "other_entries"
    return "derived_rows"


def reasons_for(
    kind: Kind,
    first: Change,
    event: Event | None,
    sides: tuple[Side, Side],
    contradicted: Sequence[Sequence[str]],
) -> list[str]:
    """What speaks for a cause, the strongest first."""
    said = [*_own_contradictions(contradicted), *_ends(first, event, sides)]
    runs = [side.runs[-1] for side in sides if side.runs]
    if len(runs) == 2:
        if runs[0].config_hash != runs[1].config_hash:
            said.append("The two ran with other configurations: other rules give other rows.")
        if runs[0].kizuna_version != runs[1].kizuna_version:
            said.append(
                f"A was written by version {runs[0].kizuna_version} of kizuna, B by "
                f"{runs[1].kizuna_version}."
            )
    if not said and kind in ("missing_event", "refused_event"):
        said.append("The two didn't get the same input.")
    elif not said and len(runs) == 2:
        said.append(
            "Configuration and version are the same on both sides, and nothing of the member "
            "differs before: a row was changed after it was written, or other code wrote it."
        )
    return said


def _own_contradictions(contradicted: Sequence[Sequence[str]]) -> list[str]:
    """What only one side contradicts in itself speaks against that side."""
    a, b = contradicted
    alone = [
        [sentence for sentence in a if sentence not in b],
        [sentence for sentence in b if sentence not in a],
    ]
    said = []
    for name, other, sentences, theirs in (("A", "B", *alone), ("B", "A", *reversed(alone))):
        said += [f"{name} contradicts itself: {sentence}." for sentence in sentences[:3]]
        if len(sentences) > 3:
            said.append(f"{name} contradicts itself {len(sentences) - 3} times more.")
        if sentences and not theirs:
            said.append(
                f"{other} doesn't: most likely a row of {name} was changed or lost after it was "
                "written."
            )
    return said


def _ends(first: Change, event: Event | None, sides: tuple[Side, Side]) -> list[str]:
    """A side whose history ends earlier can't have what came after."""
    at = event.known_at if event is not None and event.known_at else first.at
    said = []
    for name, side, row in zip("AB", sides, (first.a, first.b), strict=True):
        if row is None and at is not None and side.ends_at is not None and side.ends_at < at:
            said.append(f"{name}'s history ends before that, at {side.ends_at:%Y-%m-%d %H:%M:%S}.")
    return said
