"""Scripted years of members, as people write them, made into events.

A script is YAML: the member, the market and `events`, a list of `local time: {what happened}`. One
key says what (`buys`, `returns`, `does`, …, see `VERBS`), `known` when the event became known, if
later; `touchpoint` and `store` where. Goods are `[number] sku CATEGORY amount`, commas between.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.load import load
from config.nodes import read, value_of
from schemas.programme import Programme

CONFIG = Path(__file__).parents[1] / "config"
GOLDEN = Path(__file__).parent / "golden"
GOODS = re.compile(r"(?:(\d+) )?(\S+) ([A-Z][A-Z ]*) ([\d,]*\d\.\d\d)")

Said = dict[str, Any]


class Year:
    """A script, and the events that it becomes."""

    def __init__(self, file: Path) -> None:
        script: Said = value_of(read(file), set())
        self.name = file.stem
        self.member: str = script["member"]
        self.market: str = script["market"]
        programme = load(CONFIG / "programmes" / f"{self.name}.yaml", Programme)
        self.zone = ZoneInfo(programme.time_zone)
        self.programme = programme
        self.receipts: dict[str, list[Said]] = {}
        self.events = [
            self._event(number, at, dict(said))
            for number, one in enumerate(script["events"], 1)
            for at, said in one.items()
        ]

    def _event(self, number: int, at: str, said: Said) -> Said:
        verb = next(one for one in VERBS if one in said)
        event_id = self.named(said.pop("id", number))
        type_, source, payload = VERBS[verb](self, event_id, said.pop(verb), said)
        known = said.pop("known", at)
        context = {
            name: str(said.pop(key))
            for key, name in (("touchpoint", "touchpoint"), ("store", "store_id"))
            if key in said
        }
        assert not said, f"{self.name}, {at}: nobody knows {', '.join(said)}"
        return {
            "event_id": event_id,
            "type": type_,
            "source": source,
            "occurred_at": self._ms(at),
            "received_at": self._ms(known),
            "market": self.market,
            "identifiers": {"member_id": self.member},
            "context": context,
            "payload": payload,
        }

    def named(self, name: Any) -> str:
        """The id of what a script calls so."""
        return f"{self.member}-{name}"

    def _ms(self, text: str) -> int:
        at = datetime.fromisoformat(text).replace(tzinfo=self.zone)
        return round(at.timestamp() * 1000)

    def lines(self, receipt: str, goods: str) -> list[Said]:
        """The lines of a receipt, remembered for its returns."""
        lines = []
        for place, one in enumerate(goods.split(", "), 1):
            found = GOODS.fullmatch(one)
            assert found, f"{self.name}: must be [number] sku CATEGORY amount; got {one!r}"
            number, sku, category, amount = found.groups()
            lines.append(
                {
                    "line_id": str(place),
                    "sku": sku,
                    "category": category,
                    "quantity": int(number or 1),
                    "amount": round(float(amount.replace(",", "")) * 100),
                }
            )
        self.receipts.setdefault(receipt, lines)
        return lines

    def returned(self, receipt: str, goods: str) -> list[Said]:
        """Lines that come back, with the ids that they had."""
        ids = {line["sku"]: line["line_id"] for line in self.receipts[receipt]}
        return [line | {"line_id": ids[line["sku"]]} for line in self.lines("", goods)]


def _buys(year: Year, event_id: str, goods: str, said: Said) -> tuple[str, str, Said]:
    lines = year.lines(event_id, goods)
    paid = said.pop("paid", "card")
    total = sum(line["amount"] for line in lines)
    parts = {paid: total / 100} if isinstance(paid, str) else paid
    payload = {
        "transaction_id": event_id,
        "currency": "USD",
        "lines": lines,
        "tenders": [
            {"method": method, "amount": round(float(amount) * 100)}
            for method, amount in parts.items()
        ],
        "offers": said.pop("offers", []),
        "redemptions": [year.named(one) for one in said.pop("redemptions", [])],
    }
    return "sale", "pos", payload


def _orders(year: Year, event_id: str, goods: str, said: Said) -> tuple[str, str, Said]:
    payload = {
        "order_id": event_id,
        "currency": "USD",
        "fulfilment": said.pop("fulfilment", "pickup"),
        "lines": year.lines(event_id, goods),
        "offers": said.pop("offers", []),
    }
    return "order_placed", "app", payload


def _follows(type_: str) -> Callable[..., tuple[str, str, Said]]:
    """What becomes of an order: all of it, or the `goods` that are cancelled."""

    def made(year: Year, event_id: str, order: str, said: Said) -> tuple[str, str, Said]:
        order_id, goods = year.named(order), said.pop("goods", None)
        lines = year.receipts[order_id] if goods is None else year.returned(order_id, goods)
        return type_, "app", {"order_id": order_id, "currency": "USD", "lines": lines}

    return made


def _returns(year: Year, event_id: str, goods: str, said: Said) -> tuple[str, str, Said]:
    receipt = year.named(said.pop("of"))
    payload = {
        "return_id": event_id,
        "transaction_id": receipt,
        "lines": year.returned(receipt, goods),
    }
    return "return", "pos", payload


def _does(year: Year, event_id: str, activity: str, said: Said) -> tuple[str, str, Said]:
    quantity = said.pop("quantity", 1)
    return "activity_completed", "app", {"activity": activity, "quantity": quantity}


def _redeems(hold: bool) -> Callable[..., tuple[str, str, Said]]:
    def made(year: Year, event_id: str, wanted: Any, said: Said) -> tuple[str, str, Said]:
        what = {"points": wanted} if isinstance(wanted, int) else {"reward_id": wanted}
        return "redeem", "command", {"redemption_id": event_id, "hold": hold} | what

    return made


def _settles(type_: str) -> Callable[..., tuple[str, str, Said]]:
    return lambda year, event_id, redemption, said: (
        type_,
        "command",
        {"redemption_id": year.named(redemption)},
    )


def _plan(step: str) -> Callable[..., tuple[str, str, Said]]:
    def made(year: Year, event_id: str, plan: str, said: Said) -> tuple[str, str, Said]:
        return f"membership_{step}", "profile", {"plan": plan, "trial": said.pop("trial", False)}

    return made


def _offer(type_: str) -> Callable[..., tuple[str, str, Said]]:
    def made(year: Year, event_id: str, offer: str, said: Said) -> tuple[str, str, Said]:
        return type_, "command", {"offer_id": offer, "reason": said.pop("because", "")}

    return made


def _uses(year: Year, event_id: str, benefit: str, said: Said) -> tuple[str, str, Said]:
    reference = said.pop("reference", "")
    return "benefit_used", "partner", {"benefit": benefit, "reference": reference}


def _upgraded(year: Year, event_id: str, benefit: str, said: Said) -> tuple[str, str, Said]:
    return "upgrade_cleared", "partner", {"benefit": benefit, "reference": event_id}


def _adjusts(year: Year, event_id: str, points: int, said: Said) -> tuple[str, str, Said]:
    return "adjust", "command", {"points": points, "reason": said.pop("because"), "actor": "staff"}


VERBS: dict[str, Callable[..., tuple[str, str, Said]]] = {
    "enrols": lambda year, event_id, birthday, said: (
        "enrolled",
        "profile",
        {"birthday": birthday} if birthday else {},
    ),
    "buys": _buys,
    "orders": _orders,
    "collects": _follows("order_collected"),
    "receives": _follows("order_delivered"),
    "cancels": _follows("order_cancelled"),
    "returns": _returns,
    "does": _does,
    "redeems": _redeems(hold=False),
    "holds": _redeems(hold=True),
    "captures": _settles("capture"),
    "releases": _settles("release"),
    "starts": _plan("started"),
    "renews": _plan("renewed"),
    "fails_to_pay": _plan("payment_failed"),
    "ends": _plan("ended"),
    "granted": _offer("grant_offer"),
    "revoked": _offer("revoke_offer"),
    "uses": _uses,
    "is_upgraded": _upgraded,
    "adjusts": _adjusts,
}
"""What can happen in a script."""


def years(folder: Path = GOLDEN) -> list[Year]:
    """All scripts, by name."""
    return [Year(file) for file in sorted(folder.glob("*.yaml"))]


def write_events(scripts: Iterable[Year], file: Path, more: Iterable[Said] = ()) -> int:
    """Their events, and more, as JSON Lines in the order in which they became known; how many."""
    events = [*more, *(event for one in scripts for event in one.events)]
    events.sort(key=lambda event: (event["received_at"], event["source"], event["event_id"]))
    file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return len(events)
