"""A member's addresses: which events prove them, and which end them.

In: events. Out: `handles` of the state, by namespace, and what surfaces show of whom they are no
address any more. Promises: events that arrive in disorder end as their `occurred_at` say; an
address that only one event proved goes with it.
"""

from schemas.events import Event
from transforms.decide.member_state import DecideState, Handle

PERSONAL = frozenset({"email", "phone"})
DEVICES = frozenset({"cookie", "device_id", "push_token"})
SURFACES_OF = {"cookie": ("web",), "device_id": ("app",), "push_token": ("app",)}
"""Surfaces that show nothing of a member who signed out of them."""

HANDLE_NAMESPACES: dict[str, frozenset[str]] = {
    "web": DEVICES | PERSONAL,
    "app": DEVICES | PERSONAL,
    "profile": DEVICES | PERSONAL,
}
"""Which identifiers a stream's events prove to be the member's addresses. At a till somebody
else's phone number may be given beside the member's card, so tills prove none."""
UNPROVEN = frozenset({"signed_out", "account_merged"})
"""Types whose identifiers are no addresses of whom the event belongs to, or not any more."""


def see_addresses(state: DecideState, event: Event, namespaces: frozenset[str]) -> bool:
    """Remember the addresses on the event; True if one is new."""
    fresh = False
    handles = state.handles
    for identifier in event.identifiers:
        namespace, _, value = identifier.partition(":")
        if namespace not in namespaces:
            continue
        known = handles.get(namespace)
        if known is None:
            handles[namespace] = Handle(value=value, at=event.occurred_at, once=True)
            fresh = True
        elif event.occurred_at >= known.at:
            known.once = known.value != value
            fresh = fresh or known.gone or known.once
            known.value, known.at, known.gone = value, event.occurred_at, False
    return fresh


def signed_out(state: DecideState, event: Event) -> bool:
    """The devices on the event are nobody's until somebody signs in."""
    for identifier in event.identifiers:
        namespace, _, value = identifier.partition(":")
        known = state.handles.get(namespace)
        if known is not None and known.value == value and event.occurred_at >= known.at:
            known.at, known.gone = event.occurred_at, True
            for surface in SURFACES_OF.get(namespace, ()):
                state.displayed.pop(surface, None)
    return False


def unlinked(state: DecideState, event: Event) -> bool:
    """What the command names isn't the member's address any more."""
    for identifier in event.identifiers:
        namespace, _, value = identifier.partition(":")
        known = state.handles.get(namespace)
        if known is not None and known.value == value:
            del state.handles[namespace]
            for surface in SURFACES_OF.get(namespace, ()):
                state.displayed.pop(surface, None)
    return False


def forget_addresses(state: DecideState, event: Event) -> None:
    """The event is somebody else's: an address that only it has proved isn't theirs."""
    for identifier in event.identifiers:
        namespace, _, value = identifier.partition(":")
        known = state.handles.get(namespace)
        alone = known is not None and known.once and known.at == event.occurred_at
        if alone and known is not None and known.value == value:
            del state.handles[namespace]
