"""Kafka as lanes. Read in this order: `source` (which partitions a lane has), `reader` (one lane's
turns: ask, read, verify, emit), `lane` and `stamped` (all that is decided about time, free of
I/O), `promises` (the journal that makes wall-clock time part of the input), `watching` (what the
broker says of its logs), `fetching` (a lane's consumer), `wire` (from bytes to a record), `lost`
(why a lane gives up)."""
