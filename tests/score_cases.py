"""Events and messages for the tests of score, and a model to score them with."""

import msgspec

from schemas.churn_model import ChurnModel
from schemas.events import Event
from schemas.flow import Attributed, Message
from schemas.payloads import Line, Order, Return, Sale
from transforms.score import Score

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
START = 1_483_246_800_000  # 2017-01-01 00:00 in New York

MODEL = msgspec.convert(
    {
        "model": "test",
        "version": 1,
        "markets": ["us"],
        "time_zone": "America/New_York",
        "alive": {"r": 1.4, "alpha": 9.4, "a": 0.6, "b": 3.0},
        "spend": {"p": 6.25, "q": 3.74, "v": 1544.0},
        "bands": [{"band": "low", "from": 0}, {"band": "high", "from": 0.5}],
        "hysteresis": 0.05,
        "rfm": {
            "recency_days": [1, 4, 8, 25],
            "purchase_days": [2, 4, 8, 16],
            "spend": [1000, 2000, 3000, 4000],
        },
        "provenance": {
            "data": "none",
            "command": "none",
            "customers": 0,
            "observed_from": "2017-01-01",
            "observed_until": "2017-01-01",
            "log_likelihood": 0.0,
        },
    },
    ChurnModel,
)
SCORE = Score([MODEL])


def event(event_id: str, kind: str, day: float, amount: int = 1000, order: str | None = None):
    """An event `day` days after the start; `amount` None on a cancellation: of all of the order."""
    lines = (Line(line_id="1", sku="s", amount=amount),) if amount is not None else ()
    payload: Sale | Order | Return
    if kind == "sale":
        payload = Sale(transaction_id=event_id, order_id=order, lines=lines, currency="USD")
    elif kind == "return":
        payload = Return(return_id=event_id, lines=lines)
    else:
        payload = Order(order_id=order or event_id, lines=lines)
    at = START + round(day * DAY_MS)
    return Event(
        event_id=event_id,
        type=kind,
        source="pos",
        occurred_at=at,
        received_at=at,
        market="us",
        payload=payload,
    )


def message(one: Event, known_day: float | None = None, retract: bool = False) -> Message:
    known = one.occurred_at if known_day is None else START + round(known_day * DAY_MS)
    body = Attributed(event=one, member_id="m", reason="card", rung="card", retract=retract)
    order = (known, one.occurred_at, one.source, one.event_id, 0 if retract else 1, 0, "", 0, "", 0)
    return Message(order=order, key="m", body=body)
