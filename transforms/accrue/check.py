"""Whether a programme file means something, beyond its grammar.

In: a programme. Out: what is wrong with it, one line each, led by the path of the field; nothing,
if it can be used. Pure: the same judgement in `kizuna config check`, at start and in tests.
"""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.programme import Programme
from transforms.accrue.check_examples import failing_examples
from transforms.accrue.check_rules import problems_of_rules
from transforms.accrue.check_terms import problems_of_going_on, problems_of_terms


def check_programme(programme: Programme) -> list[str]:
    """What must be put right before the programme can be used."""
    problems = list(_problems(programme))
    return problems or failing_examples(programme)


def _problems(programme: Programme) -> Iterator[str]:
    try:
        ZoneInfo(programme.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield (
            f"$.time_zone: must be an IANA time zone; got {programme.time_zone!r}; "
            "for example America/New_York"
        )
    if len(set(programme.markets)) < len(programme.markets):
        yield "$.markets: names a market twice"
    for place, terms in enumerate(programme.versions):
        path = f"$.versions[{place}]"
        yield from _problems_of_year(terms.effective_from, f"{path}.effective_from")
        if place:
            before = programme.versions[place - 1]
            if terms.effective_from <= before.effective_from:
                yield f"{path}.effective_from: must be later than that of the version before it"
            if terms.version <= before.version:
                yield f"{path}.version: must be above {before.version}, the version before it"
            yield from problems_of_going_on(programme.versions[:place], terms, path)
        yield from problems_of_rules(terms, path)
        yield from problems_of_terms(terms, path)
    known = {
        level.tier for terms in programme.versions if terms.tiers for level in terms.tiers.levels
    }
    for place, example in enumerate(programme.tests):
        if example.given.at is not None:
            yield from _problems_of_year(example.given.at, f"$.tests[{place}].given.at")
        if example.given.tier is not None and example.given.tier not in known:
            yield f"$.tests[{place}].given.tier: no version has a tier {example.given.tier!r}"


def _problems_of_year(at: datetime, where: str) -> Iterator[str]:
    if not 1970 <= at.year < 2100:
        yield f"{where}: must be between 1970 and 2100; got the year {at.year}"
