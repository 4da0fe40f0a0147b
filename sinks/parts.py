"""Which partition of a sink an item belongs to, where each key has one of its own."""

from collections.abc import Mapping


def own_part(index: Mapping[str, int], item_key: str, what: str) -> int:
    """The place of a key's partition in the sorted list, which is what the engine indexes.

    Raises KeyError for a key that has none; `what` names what it must be.
    """
    try:
        return index[item_key]
    except KeyError:
        raise KeyError(f"{item_key!r}: must be {what}; got none of {', '.join(index)}") from None
