"""All rungs of the ladder as operators, in the order in which they are climbed."""

from collections.abc import Callable
from typing import Any

from schemas.ladder import Ladder
from transforms.operator import Operator
from transforms.stitch.enter import Enter
from transforms.stitch.identifier import Identifier
from transforms.stitch.member import Member
from transforms.stitch.person import Person
from transforms.stitch.receipt import Receipt


def rungs(ladder: Ladder, seal: Callable[[bytes], bytes]) -> list[Operator[Any]]:
    """`seal` encrypts what the event rung refuses."""
    return [
        Enter(ladder, seal),
        Receipt(ladder, "receipt"),
        Receipt(ladder, "order"),
        *(Identifier(ladder, rung) for rung in ladder.rungs),
        Member(ladder),
        Person(ladder),
    ]
