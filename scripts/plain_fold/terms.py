"""A programme's terms, read from its YAML file: only what this auditor can work out by hand.

In: the file's contents. Out: `PlainTerms`. Promise: a key or a rule that isn't known here is
refused by its name, never passed over.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo


class UnknownTerms(Exception):
    """The programme says something that this auditor doesn't know; the message names the key."""


@dataclass(kw_only=True)
class PlainTerms:
    """One version of a programme. Rates are points a minor unit of currency."""

    currency: str = "USD"
    begins_at: int = 0
    """What was bought before earns nothing, ms UTC."""
    zone: ZoneInfo
    base: Fraction
    by_tier: dict[str, Fraction] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    """Categories that earn nothing."""
    excluded_skus: frozenset[str] = frozenset()
    pending_days: int = 0
    returns_days: int = 90
    months: int | None = None
    """Until points expire; None: they never do."""
    to_month_end: bool = False
    negative_balance: str = "negative"
    levels: list[tuple[str, int]] = field(default_factory=lambda: [("", 0)])
    """Tiers from the lowest, each with the points from which it begins."""
    downgrade: str = "one_down"
    grace_days: int = 0
    rewards: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Points and minutes of a hold, by reward."""
    hold_minutes: int = 15


def read_terms(programme: dict[str, Any]) -> PlainTerms:
    """The terms of a programme of one version.

    Raises `UnknownTerms` for a key, a rule or a value that isn't known here.
    """
    _only("$", programme, "programme markets currency minor_units time_zone versions tests".split())
    if len(programme["versions"]) != 1:
        raise UnknownTerms(f"$.versions: must be one; got {len(programme['versions'])}")
    said, at = programme["versions"][0], "$.versions[0]"
    _only(
        at,
        said,
        "version effective_from earn exclude pending_days returns_days expiry negative_balance "
        "tiers rewards hold_minutes".split(),
    )
    exclude = said.get("exclude", {})
    _only(f"{at}.exclude", exclude, ["categories", "skus"])
    base, by_tier = _rates(f"{at}.earn", said["earn"], programme.get("minor_units", 100))
    expiry = said.get("expiry", {"mode": "none"})
    _only(f"{at}.expiry", expiry, ["mode", "months", "round_up"])
    _one_of(f"{at}.expiry.mode", expiry.get("mode", "none"), "none fixed")
    _one_of(f"{at}.expiry.round_up", expiry.get("round_up", "day"), "day month")
    policy = said.get("negative_balance", "negative")
    _one_of(f"{at}.negative_balance", policy, "negative floor_zero refuse")
    tiers = said.get("tiers", {"levels": [{"tier": "", "from": 0}]})
    _only(f"{at}.tiers", tiers, ["metric", "window", "downgrade", "levels"])
    _one_of(f"{at}.tiers.metric", tiers.get("metric", "points"), "points")
    _one_of(f"{at}.tiers.window", tiers.get("window", "calendar_year"), "calendar_year")
    downgrade = tiers.get("downgrade", {})
    _only(f"{at}.tiers.downgrade", downgrade, ["mode", "grace_days"])
    mode = downgrade.get("mode", "one_down")
    _one_of(f"{at}.tiers.downgrade.mode", mode, "one_down to_qualified never")
    for number, level in enumerate(tiers["levels"]):
        _only(f"{at}.tiers.levels[{number}]", level, ["tier", "from"])
    for number, reward in enumerate(said.get("rewards", [])):
        _only(f"{at}.rewards[{number}]", reward, ["reward", "points", "hold_minutes", "tier"])
    return PlainTerms(
        currency=programme["currency"],
        begins_at=round(said["effective_from"].timestamp() * 1000),
        zone=ZoneInfo(programme["time_zone"]),
        base=base,
        by_tier=by_tier,
        excluded=frozenset(exclude.get("categories", ())),
        excluded_skus=frozenset(exclude.get("skus", ())),
        pending_days=said.get("pending_days", 0),
        returns_days=said.get("returns_days", 90),
        months=expiry["months"] if expiry.get("mode") == "fixed" else None,
        to_month_end=expiry.get("round_up") == "month",
        negative_balance=policy,
        levels=[(level["tier"], level["from"]) for level in tiers["levels"]],
        downgrade=mode,
        grace_days=downgrade.get("grace_days", 0),
        rewards={
            one["reward"]: (one["points"], one.get("hold_minutes", 15))
            for one in said.get("rewards", [])
        },
        hold_minutes=said.get("hold_minutes", 15),
    )


def _rates(at: str, rules: list[Any], minor_units: int) -> tuple[Fraction, dict[str, Fraction]]:
    """Points a minor unit: for everybody, and for some tiers."""
    base, by_tier = Fraction(0), {}
    for number, rule in enumerate(rules):
        here = f"{at}[{number}]"
        _only(here, rule, ["rule", "rate", "rate_by_tier", "rounding", "qualifies"])
        _one_of(f"{here}.rule", rule["rule"], "base tier_rate")
        _one_of(f"{here}.rounding", rule.get("rounding", "floor"), "floor")
        _one_of(f"{here}.qualifies", rule.get("qualifies", True), "True")
        if rule["rule"] == "base" and (base or by_tier):
            raise UnknownTerms(f"{here}.rule: must be the only base, and the first rule")
        if rule["rule"] == "base":
            base = Fraction(str(rule["rate"])) / minor_units
        elif by_tier:
            raise UnknownTerms(f"{here}.rule: must be the only tier_rate")
        else:
            by_tier = {
                tier: Fraction(str(rate)) / minor_units
                for tier, rate in rule["rate_by_tier"].items()
            }
    return base, by_tier


def _only(at: str, said: dict[str, Any], known: list[str]) -> None:
    for key in said:
        if key not in known:
            raise UnknownTerms(
                f"{at}.{key}: must be one of {', '.join(known)} for this audit; it folds only what "
                "the demo's grocer says"
            )


def _one_of(at: str, value: Any, known: str) -> None:
    if str(value) not in known.split():
        raise UnknownTerms(
            f"{at}: must be {' or '.join(known.split())} for this audit; got {value}"
        )
