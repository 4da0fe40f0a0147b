"""How input gets in: `files` (partitions that stamp known_at), `records` (JSON Lines and
Avro), `alignment` (partitions wait for each other), `journal` (what was read, run by run)."""
