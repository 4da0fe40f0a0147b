"""The second auditor's part of `kizuna audit`: every account worked out by hand, and compared.

In: what `scripts.audit_tables` prepares, the programme's YAML. Out: sentences for people. The work
is done in `scripts.plain_fold`, which knows nothing of the dataflow.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb

from scripts.audit_tables import read_yaml
from scripts.plain_fold.people import Folded, Progress, fold_everybody
from scripts.plain_fold.terms import UnknownTerms, read_terms

PROGRAMME: Final = Path("programmes") / "grocer.yaml"
PURCHASE_WAITS_DAYS: Final = 14
"""How long purchases wait for an owner; with the days in which that may become known late, they
are put where they belong."""
SHOWN_MAX: Final = 5
LINES_MAX: Final = 40


def readable_programme(config: Path) -> dict[str, Any]:
    """The programme, if it can be worked out by hand; else `UnknownTerms`, which names its file."""
    path = config / PROGRAMME
    programme: dict[str, Any] = read_yaml(path)
    try:
        read_terms(programme)
    except UnknownTerms as unknown:
        raise UnknownTerms(f"{path}: {unknown}") from None
    return programme


def fold(
    connection: duckdb.DuckDBPyConnection, config: Path, progress: Progress | None = None
) -> Folded:
    """Work out everybody's account."""
    ladder = read_yaml(config / "ladder.yaml")
    horizon_days = max(PURCHASE_WAITS_DAYS, ladder["receipt_wait_days"]) + ladder["late_days"]
    return fold_everybody(connection, readable_programme(config), horizon_days, progress)


def said(folded: Folded) -> Iterator[str]:
    """What came of it: a line, and the first members that differ in full."""
    differing, not_folded = folded.differing, folded.not_folded
    yield (
        f"\nWorked out by hand: {folded.members - len(not_folded):,} members, "
        f"{folded.events:,} purchases, returns and requests, {folded.lots:,} lots"
    )
    what = "balances, lots, redemptions, tier and what counts for it"
    yield f"{'agree' if folded.agreeing else 'nobody':7} {folded.agreeing:>11,}  {what}"
    if differing:
        yield f"DIFFER  {len(differing):>11,}  members:"
    for one in differing[:SHOWN_MAX]:
        yield f"        {one.member}, of {one.events} events"
        yield from (f"            {text}" for text in one.differences[:LINES_MAX])
        if len(one.differences) > LINES_MAX:
            yield f"            … and {len(one.differences) - LINES_MAX} more"
    if len(differing) > SHOWN_MAX:
        names = ", ".join(one.member for one in differing[SHOWN_MAX : SHOWN_MAX + 20])
        yield f"        … and {names}{', …' if len(differing) > SHOWN_MAX + 20 else ''}"
    if not_folded:
        yield f"not     {len(not_folded):>11,}  members, which can't be worked out by hand:"
    for one in not_folded[:SHOWN_MAX]:
        yield f"        {one.member}: {one.why_not}"
