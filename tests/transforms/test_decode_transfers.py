"""A transfer comes back as it was ordered; one that can't be read stops nothing."""

import msgspec
import pytest
from accrue_till import adjust, day, line, programme, redeem, sale
from merged_tills import Tills, event_of

from config.secret_keys import decode_settings, load_secrets
from config.settings import load_settings
from schemas.commands import LoopCommand, command_of
from schemas.events import Event
from schemas.refusals import Quarantined
from transforms.accrue import Accrue, Programmes
from transforms.decode import Decoder

SETTINGS = decode_settings(load_settings(None, {}).settings, load_secrets({}))


def ordered() -> LoopCommand:
    tills = Tills(Accrue(Programmes([programme()])))
    tills.give(adjust("x", day(0), 100), "old", day(0))
    tills.give(redeem("d", day(1), 40, hold=True), "old", day(1))
    tills.give(sale("t", day(1.1), [line("1", 700)]), "old", day(1.1))
    tills.merge("old", "new", day(1.5))
    (order,) = tills.given
    return order


def decode(order: LoopCommand, **changed: object) -> Event | Quarantined:
    command = command_of(order)
    command = msgspec.structs.replace(command, payload={**command.payload, **changed})
    raw = msgspec.json.encode(command.as_event(order.given_at))
    return Decoder(SETTINGS).decode(raw, partition="f", offset=0, known_at=order.given_at)


def test_it_comes_back_as_it_was_ordered() -> None:
    order = ordered()
    decoded = decode(order)
    assert isinstance(decoded, Event), decoded
    assert decoded.payload == event_of(order).payload
    assert decoded.identifiers == ("member_id:new",)


@pytest.mark.parametrize(
    "changed",
    [
        {"contents": "1.!!!"},
        {"contents": "1.AAAA"},
        {"contents": "2.gA=="},
        {"contents": ""},
        {"part": "score"},
        {"contents": "1.gadhY2NvdW50gaRkZWJ0BQ=="},
    ],
    ids=["no base64", "no msgpack", "another form", "nothing", "another part", "not whole"],
)
def test_what_cant_be_read_is_refused(changed: dict[str, str]) -> None:
    decoded = decode(ordered(), **changed)
    assert isinstance(decoded, Quarantined)
    assert decoded.reason == "schema_mismatch"
    assert decoded.detail == "payload.contents: can't be read"


def test_a_loser_is_called_what_identifiers_call_them() -> None:
    decoded = decode(ordered(), loser="Ana@Example.org")
    assert isinstance(decoded, Event)
    assert "@" not in decoded.payload.loser
