"""One chain out of a finished run, for whoever looks for the first time.

In: the output of a run. Out: the purchase that found its member by the longest way, told from its
points back to the line of the receipt and up the rungs to the member. Nothing if there is none.
"""

import os
from pathlib import Path
from typing import Final

from rich.console import Console

from config.deployment import HERE, load_deployment
from scripts.explain.entry import explain_entry
from scripts.explain.questions import Questions
from scripts.explain.show_why import show_entry
from scripts.explain.source_events import LIMIT_BYTES, SourceEvents
from scripts.sql import find_warehouse

_BY_LINKS: Final = """
    SELECT entry.entry_id
    FROM ledger_entries AS entry JOIN current_owners AS owner USING (source, event_id)
    WHERE owner.reason IN ('link', 'released') AND entry.kind = 'earn' AND entry.line_id IS NOT NULL
    ORDER BY list_position($rungs, owner.rung), owner.reason = 'link', entry.points DESC,
        entry.entry_id
    LIMIT 1
"""


def one_chain(console: Console, folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> str | None:
    """Print it; the id of its entry, None if no purchase came by links."""
    deployment = load_deployment(HERE, os.environ)
    questions = Questions(folder, 60.0)
    rungs = "[" + ", ".join(f"'{rung.rung}'" for rung in deployment.ladder.rungs) + "]"
    found = questions.row(_BY_LINKS.replace("$rungs", rungs))
    if found is None:
        return None
    sources = SourceEvents(find_warehouse(folder).parent, deployment, limit_bytes)
    entry_id: str = found["entry_id"]
    show_entry(console, explain_entry(questions, entry_id, sources))
    return entry_id
