"""Climbs as few bytes: what thousands of keys keep of purchases for weeks.

In: a climb. Out: its bytes, and the climb again. A purchase takes about a third of what it takes
as it is, most of which are names of fields; the preset dictionary knows them.
"""

import zlib
from typing import Final

import msgspec

from schemas.flow import Climb

NAMES: Final = (
    b"\xa9retract\xc2\xa5reach\xa8survivor\xa3met\x90\xa4side\xc2\xa5parts\x01\xa6branch\xa0"
    b"\xa9ambiguous\xc2\xa8climbing\xc3\xa4rung\xadpayment_token\xa5phone\xa5email\xa4card"
    b"\xa6reason\xa7receipt\xa4link\xa8released\xa5as_of\xcf\x00\x00\x01\xa4rest\x90\xa5visit"
    b"\xa5event\xa8event_id\xa4type\xa6source\xa3web\xa3app\xabreceived_at\xabidentifiers"
    b"\xa7context\xa8store_id\xa7till_id\xaatouchpoint\xa4till\xaasession_id\xa7payload"
    b"\xa9partition\xa6offset\xa6market\xa2us\xa6return\xa9return_id\xabfulfilment\xa4ship"
    b"\xa6pickup\xacorder_placed\xafevents.jsonl\xa8order_id\xa7cart_id\xa5order\xa4kind\xa4sale"
    b"\xaetransaction_id\xa8currency\xa3USD\xa7tenders\xa6method\xa4card\xa4cash\xa6offers\x90"
    b"\xabredemptions\x90\xa3pos\xa4sale\xabcard:\xabcookie:\xaemember_id:\xaboccurred_at\xcf"
    b"\x00\x00\x01\xa5lines\xa7line_id\xa11\xa3sku\xa8category\xa8quantity\x01\xa6amount\xcd"
    b"\x01\xa8discount\x85\xa7line_id\xa12\xa3sku\xa71\xa8category\xa8quantity\x01\xa6amount"
)
"""Frozen: what was packed with it can't be unpacked with another."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Climb).decode


def pack(climb: Climb) -> bytes:
    """The climb's bytes."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, NAMES)
    return packer.compress(_encode(climb)) + packer.flush()


def unpack(packed: bytes) -> Climb:
    """The climb that `pack` was given."""
    unpacker = zlib.decompressobj(-15, NAMES)
    return _decode(unpacker.decompress(packed) + unpacker.flush())
