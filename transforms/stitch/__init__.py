"""Stitch: windowed identity stitching without accidental merges.

Read in this order: `path` (an event's way up the ladder), `enter` (the event rung: deduplication
and the first step; `merges`: which accounts go on in which), `receipt` (returns find their sale),
`ownership` (who owned an identifier when), `rung_owners` (the same by a rung's policy, with
`link_rows`), `held_events` (what waits, and what may still change its owner; `packed`), `guests`,
`identifier` (a rung of identifiers: links, waiting, release, retraction), `member` (the event is
somebody's, by `attribution`; `member_limits`), `person` (where the branches of a climb meet),
`ladder` (all of them in order).
"""
