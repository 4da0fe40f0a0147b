"""docs/channels.md shows a member's state as it is: the example is one, each field is explained."""

import json
import re
from pathlib import Path

import msgspec

from schemas.member_state import MemberState

PAGE = (Path(__file__).parents[1] / "docs" / "channels.md").read_text()
SECTION = PAGE[PAGE.index("### A member's state") :]


def test_the_example_is_a_record_with_every_field() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)
    record = msgspec.json.decode(block, type=MemberState)
    shown = json.loads(block)
    assert list(shown) == list(MemberState.__struct_fields__)
    assert json.loads(msgspec.json.encode(record)) == shown
    assert record.interests and record.actions and record.cart and record.next_action


def test_each_field_is_explained() -> None:
    rows = [line for line in SECTION.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert explained == set(MemberState.__struct_fields__) - {"member_id"}
