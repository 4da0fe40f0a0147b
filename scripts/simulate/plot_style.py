"""How all plots look: grey is the baseline and blue the alternative; orange is worse, green better.

The colours can be told apart by colour-blind people and on paper. Matplotlib draws without a
display; whoever imports this module, and nobody else, loads it.
"""

from typing import Any, Final

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes  # after the choice of a backend
from matplotlib.ticker import FuncFormatter

NOW, ALTERNATIVE = "#8C96A3", "#0072B2"
BETTER, WORSE, SAME = "#009E73", "#D55E00", "#D5D9DF"
STYLE: Final[Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 12,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "kizuna",
    "svg.fonttype": "none",
    "legend.frameon": False,
}
BARS_MAX: Final = 14
ABOVE_LEGEND: Final = 28


def legend_above(axes: Axes) -> None:
    """Where no bar can lie under it."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)


def thousands() -> FuncFormatter:
    return FuncFormatter(
        lambda value, _: f"{value:,.0f}" if value == round(value) else f"{value:g}"
    )
