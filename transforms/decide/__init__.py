"""decide: one conversation with each member, and a row for everything that was not said.

Read in this order: `decide` (the operator); `member_state`, `remember`, `addresses`, `member_row`
(what is known of a member); `guest_state`, `guests` (of somebody who is none); `journey_plans`,
`conditions` (journey files, compiled); `enter_journeys`, `walk_journeys` (with `grant_offers`),
`leave_journeys`; `candidates`, `gates`, `choose_channel`, `quiet_hours` (may this message go out,
when, by which channel); `send_messages` (arbitration, decisions, triggers); `show_surfaces` (what
doesn't interrupt); `take_feedback` (what channels report); `attention`, `next_action`, `tell_state`
(a member's state for others to show); `end_conversation` (merged, erased, joined);
`check_journeys`, `check_for_guests` (what types can't say).
"""

from transforms.decide.check_journeys import check_journeys
from transforms.decide.decide import Decide
from transforms.decide.member_state import DecideState

__all__ = ["Decide", "DecideState", "check_journeys"]
