"""The live dataflow on Bytewax.

Read `loyalty` first: it is the program. Then `key_groups` (how an operator becomes a
Bytewax step), `sources/` (how input is read, stamped and aligned), `recovery` (what
happens before a restart), `launch` and `processes` (a run from the outside), and `live`,
`cluster` and `hosts` (one that goes on, here or on several hosts).
"""
