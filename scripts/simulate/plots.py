"""The comparison as pictures: what the tables say, to be seen at a glance.

In: the comparison. Out: SVG and PNG files, one of each a plot. A plot that would have nothing to
show isn't drawn.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import matplotlib
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scripts.simulate.member_plots import members, segments, tiers
from scripts.simulate.plot_style import (
    ABOVE_LEGEND,
    ALTERNATIVE,
    BARS_MAX,
    NOW,
    STYLE,
    legend_above,
    thousands,
)
from scripts.simulate.rows import Money, rows


def draw(con: duckdb.DuckDBPyConnection, folder: Path, money: Money) -> list[tuple[str, Path]]:
    """Write every plot; titles and SVG files, in the order to be looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with matplotlib.rc_context(STYLE):
        for name, plot in PLOTS.items():
            figure = plot(con, money)
            if figure is None:
                continue
            for kind in ("svg", "png"):
                kept = {"Date": None} if kind == "svg" else {}
                figure.savefig(folder / f"{name}.{kind}", dpi=140, metadata=kept)
            drawn.append((figure.axes[0].get_title(loc="left"), folder / f"{name}.svg"))
            pyplot.close(figure)
    return drawn


def _points(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = rows(
        con,
        "SELECT metric, baseline, alternative FROM metric_differences "
        "WHERE section = 'points' AND part = 'all' AND unit = 'points'",
    )
    return _pairs(found, "metric", "Points by what became of them", "points")


def _channels(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = rows(
        con,
        "SELECT part, baseline, alternative FROM metric_differences "
        "WHERE metric = 'messages by channel' AND part <> 'all' ORDER BY baseline DESC, part",
    )
    return _pairs(found, "part", "Messages sent or shown, by channel", "messages")


def _suppressed(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = rows(
        con,
        "SELECT part, baseline, alternative FROM metric_differences "
        "WHERE metric = 'messages not sent' AND part <> 'all' ORDER BY baseline DESC, part",
    )
    return _pairs(found, "part", "Messages not sent, by reason", "decisions")


def _pairs(found: list[dict[str, Any]], label: str, title: str, unit: str) -> Figure | None:
    """Two bars a name, each with its figure."""
    found = [one for one in found if one["baseline"] or one["alternative"]][:BARS_MAX]
    if not found:
        return None
    figure, axes = pyplot.subplots(figsize=(8.5, 1.4 + 0.55 * len(found)))
    places = range(len(found))
    for offset, side, colour in ((-0.2, "baseline", NOW), (0.2, "alternative", ALTERNATIVE)):
        bars = axes.barh(
            [place + offset for place in places],
            [one[side] for one in found],
            height=0.38,
            color=colour,
            label="now" if side == "baseline" else side,
        )
        axes.bar_label(bars, [f"{one[side]:,.0f}" for one in found], padding=4, fontsize=9)
    axes.set_yticks(list(places), [str(one[label]).replace("_", " ") for one in found])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(title, pad=ABOVE_LEGEND)
    axes.set_xlabel(unit)
    axes.xaxis.set_major_formatter(thousands())
    legend_above(axes)
    return figure


def _outstanding(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = rows(con, "SELECT * FROM points_by_day ORDER BY day")
    if len(found) < 2:
        return None
    figure, axes = pyplot.subplots(figsize=(8.5, 3.8))
    days = [one["day"] for one in found]
    now = [one["outstanding_baseline"] for one in found]
    then = [one["outstanding_alternative"] for one in found]
    axes.fill_between(days, now, then, color=ALTERNATIVE, alpha=0.08, linewidth=0)
    axes.plot(days, now, color=NOW, linewidth=2, label="now")
    axes.plot(days, then, color=ALTERNATIVE, linewidth=2, label="alternative")
    axes.set_title("Points that members have, day by day")
    axes.set_ylabel("points outstanding")
    axes.set_xlabel("end of day, UTC")
    axes.yaxis.set_major_formatter(thousands())
    axes.legend(loc="upper left")
    figure.autofmt_xdate(rotation=0, ha="center")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    return figure


def _liability(con: duckdb.DuckDBPyConnection, money: Money) -> Figure | None:
    found = rows(con, "SELECT * FROM liability_by_month ORDER BY expires_in NULLS LAST")
    if not found:
        return None
    figure, axes = pyplot.subplots(figsize=(8.5, 3.8))
    for offset, side, colour in ((-0.2, "baseline", NOW), (0.2, "alternative", ALTERNATIVE)):
        axes.bar(
            [place + offset for place in range(len(found))],
            [float(one[f"value_{side}"]) / money.minor_units for one in found],
            width=0.38,
            color=colour,
            label="now" if side == "baseline" else side,
        )
    names = [f"{one['expires_in']:%b %Y}" if one["expires_in"] else "never" for one in found]
    axes.set_xticks(range(len(found)), names)
    axes.set_title("Liability by month of expiry", pad=ABOVE_LEGEND)
    axes.set_ylabel(money.currency or "units of currency")
    axes.set_xlabel("last month in which the points can be used")
    axes.yaxis.set_major_formatter(thousands())
    legend_above(axes)
    return figure


PLOTS: Final[dict[str, Callable[[duckdb.DuckDBPyConnection, Money], Figure | None]]] = {
    "points": _points,
    "outstanding": _outstanding,
    "liability": _liability,
    "tiers": tiers,
    "segments": segments,
    "members": members,
    "channels": _channels,
    "suppressed": _suppressed,
}
"""By file name, in the order to be looked at."""
