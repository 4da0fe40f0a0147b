"""Records that are nested too deeply to be looked at.

How deep Python's own limit lies depends on the caller, so that it can't be the rule: the same
record would be an event here and refused there.
"""

import msgspec

from transforms.decode.refusal import Refusal

DEPTH_MAX = 64


def too_deep() -> Refusal:
    return Refusal("unreadable", f"record: nested deeper than {DEPTH_MAX}")


def is_deep(raw: bytes) -> bool:
    """More than DEPTH_MAX levels. What the contract knows is flat, so that only a record with
    something else in it needs this look.
    """
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MAX:
        return False
    try:
        level: list[object] = [msgspec.json.decode(raw)]
    except RecursionError:
        return True
    for _ in range(DEPTH_MAX):
        inner: list[object] = []
        for item in level:
            if type(item) is dict:
                inner += item.values()
            elif type(item) is list:
                inner += item
        level = inner
    return any(type(item) in (dict, list) for item in level)
