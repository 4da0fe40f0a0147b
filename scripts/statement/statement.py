"""The whole statement, and the proof of its totals.

In: a warehouse, a member, the days from and until which, the configuration and what the run read.
Out: a `Statement`. Promised: opening + earned − spent − expired − reversed (± adjusted and moved)
is what the entries add up to, what the members' table says and what is in the lots; where it isn't,
the statement says so.
"""

from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

import msgspec

from config.deployment import Deployment
from schemas.programme import Programme, Terms
from scripts.explain.questions import Questions
from scripts.explain.source_events import SourceEvents
from scripts.statement.collect import Collected, Row, collect
from scripts.statement.standing import Standing, standing
from scripts.statement.tell import Teller
from scripts.statement.timeline import OWN, Happening, Timeline


class Month(msgspec.Struct, kw_only=True):
    """A month in which something happened."""

    month: str
    """Year-month."""
    opening: dict[str, int]
    happenings: list[Happening]


class Totals(msgspec.Struct, kw_only=True):
    """Where the points of the period came from and went."""

    opening: int
    earned: int
    spent: int
    expired: int
    reversed: int
    adjusted: int
    moved: int
    """To or from another account, by a merge."""
    closing: int

    @property
    def comes_to(self) -> int:
        """What the opening balance and the movements add up to."""
        went = self.spent + self.expired + self.reversed
        return self.opening + self.earned - went + self.adjusted + self.moved


class Statement(msgspec.Struct, kw_only=True):
    """An account over some days."""

    member_id: str
    market: str
    programme: str
    currency: str
    minor_units: int
    time_zone: str
    since: date
    until: date
    months: list[Month]
    totals: Totals
    closing: dict[str, int]
    merged_into: str | None
    """The member in whom this one goes on."""
    stands: Standing | None
    """What the member has; None: the statement ends before today, or the account was merged."""
    wrong: list[str]
    """What doesn't add up."""
    unread: str
    """Why events couldn't be looked at; empty: they could."""


def make_statement(
    questions: Questions,
    member_id: str,
    since: date | None,
    until: date | None,
    deployment: Deployment,
    sources: SourceEvents,
) -> Statement:
    """The statement of a member from a day until another, both included; None: all there is."""
    rows = collect(questions, member_id)
    programme = _programme(deployment, rows.member["market"])
    zone = ZoneInfo(programme.time_zone if programme else "UTC")
    minor_units = programme.minor_units if programme else 100
    read = sources.named([(row["source"], row["event_id"]) for row in rows.events])
    events = {f"{event.source}/{event.event_id}": event for event in read.events}
    timeline = Timeline(rows, events, Teller(minor_units), zone, _rules(programme))
    happenings = timeline.happenings()
    end = questions.end().astimezone(zone).date()
    last = max([one.at.astimezone(zone).date() for one in happenings], default=end)
    whole = until is None or until >= last
    first = happenings[0].at.astimezone(zone).date() if happenings else end
    begins = since or first
    ends = until or max(last, end)
    told = [one for one in happenings if begins <= one.at.astimezone(zone).date() <= ends]
    before = [one for one in happenings if one.at.astimezone(zone).date() < begins]
    opening, closing = _after(before), _after(before + told)
    totals = _totals(rows.entries, zone, begins, ends, sum(opening.values()), sum(closing.values()))
    survivor = rows.member["merged_into"] or None
    stands = None
    if whole and survivor is None:
        stands = standing(rows, _terms(programme, questions.end()), minor_units)
    return Statement(
        member_id=member_id,
        market=rows.member["market"],
        programme=programme.programme if programme else "",
        currency=programme.currency if programme else "",
        minor_units=minor_units,
        time_zone=str(zone),
        since=begins,
        until=ends,
        months=_months(told, opening, zone),
        totals=totals,
        closing=closing,
        merged_into=survivor,
        stands=stands,
        wrong=_wrong(rows, totals, closing, whole),
        unread=read.missing,
    )


def _programme(deployment: Deployment, market: str) -> Programme | None:
    return next((one for one in deployment.programmes if market in one.markets), None)


def _terms(programme: Programme | None, at: datetime) -> Terms | None:
    """The version in force."""
    versions = programme.versions if programme else ()
    begun = [one for one in versions if one.effective_from <= at]
    return begun[-1] if begun else None


def _rules(programme: Programme | None) -> list[str]:
    """Names of earn rules as they stand in the file, so that they are told in that order."""
    versions = programme.versions if programme else ()
    names = (rule.name or str(rule.__struct_config__.tag) for one in versions for rule in one.earn)
    return list(dict.fromkeys(names))


def _after(happenings: list[Happening]) -> dict[str, int]:
    """The balances after these."""
    moved = [movement for one in happenings for movement in one.movements]
    return {name: getattr(moved[-1], name) if moved else 0 for name in OWN}


def _months(told: list[Happening], opening: dict[str, int], zone: ZoneInfo) -> list[Month]:
    months = []
    balances = opening
    for name, group in groupby(told, lambda one: f"{one.at.astimezone(zone):%Y-%m}"):
        happenings = list(group)
        months.append(Month(month=name, opening=balances, happenings=happenings))
        if any(one.movements for one in happenings):
            balances = _after(happenings)
    return months


def _totals(
    entries: list[Row], zone: ZoneInfo, since: date, until: date, opening: int, closing: int
) -> Totals:
    """From the entries themselves, by the accounts that points came from and went to."""
    flows = dict.fromkeys(("issued", "redeemed", "expired", "reversed", "transferred"), 0)
    adjusted = 0
    for row in entries:
        if not since <= row["posted_at"].astimezone(zone).date() <= until:
            continue
        for account, points in ((row["debit"], -row["points"]), (row["credit"], row["points"])):
            if account == "issued" and row["kind"] == "adjust":
                adjusted -= points
            elif account in flows:
                flows[account] += points
    return Totals(
        opening=opening,
        earned=-flows["issued"],
        spent=flows["redeemed"],
        expired=flows["expired"],
        reversed=flows["reversed"],
        adjusted=adjusted,
        moved=-flows["transferred"],
        closing=closing,
    )


def _wrong(rows: Collected, totals: Totals, closing: dict[str, int], whole: bool) -> list[str]:
    """What doesn't agree: the movements, the members' table, the lots."""
    wrong = []
    if totals.comes_to != totals.closing:
        wrong.append(f"the movements add up to {totals.comes_to:,}, not {totals.closing:,}")
    if not whole:
        return wrong
    for name in OWN:
        if rows.member[name] != closing[name]:
            wrong.append(
                f"the entries leave {closing[name]:,} points {name}, but members says "
                f"{rows.member[name]:,}"
            )
    remaining = sum(row["remaining"] for row in rows.lots)
    debt = max(0, -closing["available"])
    total = sum(closing.values())
    if not total <= remaining <= total + debt:
        wrong.append(f"the lots hold {remaining:,} points, but the balance is {total:,}")
    return wrong
