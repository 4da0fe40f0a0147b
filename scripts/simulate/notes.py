"""What to know before believing a figure: the limits of this very simulation, in sentences.

In: both configurations and the comparison. Out: notes. History is what people did under the current
rules; the alternative is told the same events and answers them anew.
"""

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Final

import duckdb

from config.deployment import Deployment
from schemas.programme import Programme, Terms
from scripts.simulate.settle import Settled

BEHAVIOUR = (
    "Everybody does what they did: this is a what-if on the same behaviour, not a forecast of how "
    "people would respond to other rules."
)

FOREVER: Final = datetime(9999, 1, 1, tzinfo=timezone.utc)


def history_of(con: duckdb.DuckDBPyConnection, catalogue: str = "") -> tuple[datetime, datetime]:
    """When the first purchase that earned was, and when time ended; UTC."""
    first, last = one(
        con,
        f"""
        SELECT (SELECT min(earned_at) FROM {catalogue}lots),
               (SELECT greatest((SELECT max(known_at) FROM {catalogue}event_owners),
                                (SELECT max(posted_at) FROM {catalogue}ledger_entries)))
        """,
    )
    last = last or datetime(1970, 1, 1)
    return (first or last).replace(tzinfo=timezone.utc), last.replace(tzinfo=timezone.utc)


def about_dates(
    con: duckdb.DuckDBPyConnection, current: Deployment, alternative: Deployment
) -> Iterable[str]:
    """For each version of a programme that differs, which part of this history it rates.

    `con` reads the baseline's warehouse.
    """
    was = {programme.programme: programme for programme in current.programmes}
    for programme in alternative.programmes:
        before = was.get(programme.programme)
        if before is not None and before != programme:
            yield from _of_versions(con, before, programme)


def _of_versions(
    con: duckdb.DuckDBPyConnection, before: Programme, after: Programme
) -> Iterable[str]:
    first, last = history_of(con)
    known = {terms.version: terms for terms in before.versions}
    for place, terms in enumerate(after.versions):
        if known.get(terms.version) == terms:
            continue
        following = after.versions[place + 1 :]
        until = following[0].effective_from if following else None
        yield f"{after.programme} version {terms.version} {_covers(con, terms, until, first, last)}"
    kept = {terms.version for terms in after.versions}
    for version in sorted(known.keys() - kept):
        yield f"{after.programme} version {version} is not there in the alternative."


def _covers(
    con: duckdb.DuckDBPyConnection,
    terms: Terms,
    until: datetime | None,
    first: datetime,
    last: datetime,
) -> str:
    since = terms.effective_from
    if since > last:
        return (
            f"counts from {since:%Y-%m-%d} on, after the end of this history ({last:%Y-%m-%d}): it "
            f"changes nothing here. To ask what it would have done: --effective-from "
            f"{first:%Y-%m-%d}T00:00:00Z"
        )
    if until is not None and until <= first:
        return f"ended on {until:%Y-%m-%d}, before this history: it changes nothing here."
    rated, of = one(
        con,
        "SELECT count(*) FILTER (earned_at >= $since AND earned_at < $until), count(*) FROM lots",
        {"since": _plain(since), "until": _plain(until or FOREVER)},
    )
    if rated == of:
        return f"is in force for all of this history: all {of:,} lots of points are its."
    return (
        f"is in force for a part of this history: {rated:,} of {of:,} lots of points are earned in "
        "its time, the others keep the rules of their day."
    )


def _plain(moment: datetime) -> datetime:
    """As the warehouse holds times: UTC without a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def about_prices(
    current: Deployment, alternative: Deployment, point_value_given: bool
) -> Iterable[str]:
    """A reward's price in points says what a point buys, hence what it costs."""
    if point_value_given:
        return
    was = {programme.programme: _prices(programme) for programme in current.programmes}
    for programme in alternative.programmes:
        before = was.get(programme.programme, {})
        for reward, points in _prices(programme).items():
            if before.get(reward, points) != points:
                ratio = before[reward] / points
                yield (
                    f"{reward} takes {points:,} points instead of {before[reward]:,}, so for it a "
                    f"point buys {ratio:.3g} times as much. The liability of both counts a point "
                    "alike; --alternative-point-value says what one costs under the alternative."
                )


def _prices(programme: Programme) -> dict[str, int]:
    return {one.reward: one.points for one in programme.versions[-1].rewards}


def about_commands(settled: Settled) -> Iterable[str]:
    """What the flow orders itself is an answer to the rules, too."""
    if settled.changed:
        yield (
            f"{_many(settled.changed, 'command')} that the flow gave itself (transfers of merges, "
            "unlinks over a limit) would be another, or none: they were given anew by the "
            "alternative, and those of history left out."
        )
    if settled.circling:
        yield (
            "The commands that the alternative gives itself lead to others each time that they "
            "are applied, so the last ones weren't: look for limits that exclude each other."
        )


def about_answers(con: duckdb.DuckDBPyConnection) -> Iterable[str]:
    """Where history and the alternative contradict each other. `con` reads the comparison with
    both warehouses attached."""
    refused, points = one(
        con,
        "SELECT count(*), coalesce(sum(points_baseline), 0) FROM redemption_differences "
        "WHERE outcome = 'would_be_refused'",
    )
    if refused:
        yield (
            f"{_many(refused, 'redemption')} that history accepted ({points:,} points) would be "
            "refused. Sales that used them keep the amounts that were paid."
        )
    accepted, unfinished = one(
        con,
        "SELECT count(*), count(*) FILTER (status_alternative <> 'captured') "
        "FROM redemption_differences WHERE outcome = 'would_be_accepted'",
    )
    if accepted:
        rest = (
            f" {_many(unfinished, 'of them')} only reserves points: history has no sale that would "
            "take them, since it was refused there."
            if unfinished
            else ""
        )
        yield f"{_many(accepted, 'redemption')} that history refused would be accepted.{rest}"
    reports, lost = one(
        con,
        """
        SELECT count(*), count(*) FILTER (trigger_id NOT IN (
            SELECT trigger_id FROM alternative.triggers))
        FROM baseline.deliveries
        WHERE trigger_id IN (SELECT trigger_id FROM baseline.triggers)
        """,
    )
    if lost:
        yield (
            f"{lost:,} of {reports:,} reports of channels are about messages that the alternative "
            "doesn't send; it keeps them and learns nothing from them."
        )
    silent = one(
        con,
        "SELECT coalesce(sum(only_alternative), 0) FROM trigger_differences WHERE action = 'send'",
    )[0]
    if silent and reports:
        yield (
            f"To {_many(silent, 'message')} that only the alternative sends nobody could answer: "
            "they count as ignored, and escalate."
        )
    (corrected,) = one(
        con,
        "SELECT count(DISTINCT member_id) FROM alternative.corrections WHERE status = 'applied'",
    )
    if corrected:
        yield (
            f"{_many(corrected, 'member')} had an account corrected: a correction says what it "
            "must stand at, so what the alternative did to their points before is taken back."
        )
    (staff,) = one(con, "SELECT count(*) FROM baseline.ledger_entries WHERE kind = 'adjust'")
    if staff:
        yield f"Made by staff under the current rules, and kept: {_many(staff, 'adjustment')}."


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 or what == "of them" else f"{count:,} {what}s"


def one(con: duckdb.DuckDBPyConnection, sql: str, values: Any = None) -> tuple[Any, ...]:
    """The only row of an answer."""
    row: tuple[Any, ...] | None = con.execute(sql, values).fetchone()
    assert row is not None
    return row
