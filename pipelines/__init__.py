"""The dataflow on Bytewax, and on Beam.

Read `loyalty` first: it is the program. Then `key_groups` (how an operator becomes a
Bytewax step), `sources/` (how input is read, stamped and aligned), `recovery` (what
happens before a restart), `launch` and `processes` (a run from the outside), `command_files`
(what operators ordered becomes input), and `live`, `cluster` and `hosts` (one that goes on, here or
on several hosts). `saved_account` looks one member up in what a run has saved. `rebuild` is the
same on Beam. `erase` and the `erase_…` are what is done at rest for people who asked to be
forgotten, by `tombstones`.
"""
