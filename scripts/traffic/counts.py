"""What a city's traffic came out as, counted from what is written: the figures of summary.json."""

from collections import Counter
from typing import Any

import msgspec

from scripts.traffic.chance import DAY_MS
from scripts.traffic.happenings import Happening
from scripts.traffic.rates import LATE_DAYS_MAX, LATE_MS, Rates
from scripts.traffic.rule import Verdict


class Counts:
    """Events by type, source, case and verdict, and what became of the wanted rates."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._measured = Measured()

    def see(self, happening: Happening, verdict: Verdict) -> None:
        """Count one event."""
        sent, counts = happening.sent, self._counts
        self._measured.see(happening)
        counts[f"type {sent.type}"] += 1
        counts[f"source {sent.source}"] += 1
        counts["events"] += 1
        counts["simulated"] += happening.simulated
        counts["copies"] += happening.copy
        counts["undecidable"] += not verdict.decidable
        counts[f"why {verdict.why}"] += 1
        counts[f"case {happening.case}"] += 1
        if sent.type == "sale" and not happening.copy:
            counts["sales"] += 1
            counts["sales attributable"] += verdict.decidable
            counts["sales without card"] += "card" not in sent.identifiers

    def summary(self, wanted: Rates) -> dict[str, Any]:
        """The counters, grouped; the rates that were wanted, and what they came out as."""
        grouped: dict[str, Any] = {"by_type": {}, "by_source": {}, "by_why": {}, "by_case": {}}
        for name, number in sorted(self._counts.items()):
            kind, _, rest = name.partition(" ")
            if kind in ("type", "source", "why", "case"):
                grouped[f"by_{kind}"][rest] = number
            else:
                grouped[name.replace(" ", "_")] = number
        rates = {"wanted": msgspec.to_builtins(wanted), **self._measured.summary()}
        return {**grouped, "rates": rates}


class Measured:
    """What the rates came out as, counted from what was written."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(
            "purchases returns cancelled late forgotten copies told_twice redemptions".split(), 0
        )

    def see(self, happening: Happening) -> None:
        """Count one event."""
        sent, counts = happening.sent, self._counts
        bought = sent.type in ("sale", "order_placed")
        if happening.copy:
            counts["copies"] += bought
            return
        if sent.type == "sale" and "order_id" in sent.payload:
            counts["told_twice"] += 1
        elif bought:
            counts["purchases"] += 1
        delay = sent.received_at - sent.occurred_at
        counts["late"] += bought and delay >= LATE_MS
        counts["forgotten"] += bought and delay > (LATE_DAYS_MAX + 1) * DAY_MS
        counts["returns"] += sent.type == "return"
        counts["cancelled"] += sent.type == "order_cancelled"
        counts["redemptions"] += sent.type == "redeem"

    def summary(self) -> dict[str, Any]:
        """Counts, and shares of the purchases."""
        counts = self._counts
        all_of_them = {
            "returns": counts["returns"] + counts["cancelled"],
            "late": counts["late"],
            "duplicates": counts["copies"] + counts["told_twice"],
            "redemptions": counts["redemptions"],
        }
        whole = max(1, counts["purchases"])
        shares = {name: round(number / whole, 5) for name, number in all_of_them.items()}
        return {"counts": counts, "shares": shares}
