"""Stitch: windowed identity stitching without accidental merges.

Read in this order: `path` (an event's way up the ladder), `enter` (the event rung:
deduplication and the first step), `receipt` (returns find their sale), `ownership`
(who owned an identifier when), `guests`, `identifier` (a rung of identifiers: links, waiting,
release), `member` (the top: the event is somebody's), `ladder` (all of them in order).
"""
