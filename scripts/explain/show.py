"""A story on a terminal, whatever it is about. In: what was found out. Out: text on a console."""

from collections.abc import Callable
from typing import Any, Final

from rich.console import Console

from scripts.explain.entry import EntryStory
from scripts.explain.identity import Identity
from scripts.explain.member import MemberStory
from scripts.explain.show_who import show_identity, show_member
from scripts.explain.show_why import show_entry, show_trigger
from scripts.explain.trigger import TriggerStory

_SHOWS: Final[dict[type, Callable[[Console, Any], None]]] = {
    Identity: show_identity,
    MemberStory: show_member,
    EntryStory: show_entry,
    TriggerStory: show_trigger,
}


def show(console: Console, story: Identity | MemberStory | EntryStory | TriggerStory) -> None:
    """Print a story."""
    _SHOWS[type(story)](console, story)
