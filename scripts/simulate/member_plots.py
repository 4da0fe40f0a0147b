"""Plots of members: their tiers, who is better and worse off, and by how much."""

from typing import Final

import duckdb
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from scripts.simulate.plot_style import (
    ABOVE_LEGEND,
    BARS_MAX,
    BETTER,
    SAME,
    WORSE,
    legend_above,
    thousands,
)
from scripts.simulate.rows import Money, rows

BINS: Final = 40


def tiers(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = rows(
        con,
        """
        WITH ranks AS (SELECT tier, max(rank) AS rank FROM tier_ranks GROUP BY tier)
        SELECT coalesce(tier_baseline, 'no member') AS before,
               coalesce(tier_alternative, 'no member') AS after, sum(members) AS members,
               coalesce(any_value(b.rank), -1) AS rank_before,
               coalesce(any_value(a.rank), -1) AS rank_after
        FROM tier_matrix LEFT JOIN ranks b ON b.tier = tier_baseline
        LEFT JOIN ranks a ON a.tier = tier_alternative GROUP BY ALL
        """,
    )
    ranks = {one["before"]: one["rank_before"] for one in found}
    ranks.update({one["after"]: one["rank_after"] for one in found})
    names = sorted(ranks, key=lambda name: (ranks[name], name))
    if len(names) < 2:
        return None
    counts = {(one["before"], one["after"]): int(one["members"]) for one in found}
    figure, axes = pyplot.subplots(figsize=(2.6 + 1.2 * len(names), 1.9 + 0.8 * len(names)))
    for x, after in enumerate(names):
        for y, before in enumerate(names):
            members = counts.get((before, after), 0)
            colour = SAME if x == y else BETTER if x > y else WORSE
            axes.add_patch(
                Rectangle(
                    (x - 0.47, y - 0.45), 0.94, 0.9, color=colour if members else "#F6F7F9", lw=0
                )
            )
            ink = "#A0A7B0" if not members else "white" if x != y else "black"
            axes.text(x, y, f"{members:,}", ha="center", va="center", color=ink, fontsize=12)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("tier under the alternative")
    axes.set_ylabel("tier now")
    axes.set_title("Members by tier at the end")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def segments(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = rows(con, "SELECT * FROM group_differences WHERE dimension = 'segment'")[:BARS_MAX]
    if not found:
        return None
    figure, axes = pyplot.subplots(figsize=(8.5, 1.6 + 0.5 * len(found)))
    left = [0.0] * len(found)
    for outcome, colour in (("better", BETTER), ("same", SAME), ("worse", WORSE)):
        shares = [100 * one[outcome] / one["members"] for one in found]
        axes.barh(range(len(found)), shares, left=left, color=colour, label=outcome, height=0.7)
        for place, share in enumerate(shares):
            if share >= 6:
                _inside(axes, left[place] + share / 2, place, found[place][outcome], outcome)
        left = [before + share for before, share in zip(left, shares, strict=True)]
    names = [f"{one['of_members'].replace('_', ' ')} ({one['members']:,})" for one in found]
    axes.set_yticks(range(len(found)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_title("Members better and worse off, by segment", pad=ABOVE_LEGEND)
    axes.set_xlabel("% of the segment's members; figures: how many")
    legend_above(axes)
    return figure


def _inside(axes: Axes, x: float, y: float, members: int, outcome: str) -> None:
    ink = "black" if outcome == "same" else "white"
    axes.text(x, y, f"{members:,}", ha="center", va="center", color=ink, fontsize=9)


def members(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = [
        one["worth_difference"]
        for one in rows(
            con, "SELECT worth_difference FROM member_differences WHERE worth_difference <> 0"
        )
    ]
    if not found:
        return None
    figure, axes = pyplot.subplots(figsize=(8.5, 3.6))
    least, most = min(0, *found), max(0, *found)
    width = max(1, -(-(most - least) // BINS))
    first, last = least // width, most // width + 1
    axes.hist(found, bins=[width * edge for edge in range(first, last + 1)], color=BETTER)
    for patch in axes.patches:
        if isinstance(patch, Rectangle) and patch.get_x() < 0:
            patch.set_facecolor(WORSE)
    axes.axvline(0, color="black", linewidth=0.8)
    (same,) = con.execute(
        "SELECT count(*) FROM member_differences WHERE worth_difference = 0"
    ).fetchone() or (0,)
    axes.set_title(f"By how much members differ ({same:,} don't and aren't shown)")
    axes.set_xlabel("points and rewards, alternative less now, in points at today's prices")
    axes.set_ylabel("members")
    axes.xaxis.set_major_formatter(thousands())
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
