"""Measurements that back the figures in the docs; each one is a `kizuna bench` command.

`engine` (key groups against one Bytewax key a member), `rebuild` (a history folded again, by the
number of workers), `archive` (an event on its way there and back), `accrue` (points alone, given
`purchases` and shown by an `accrue_table`). Two are of stitch alone, by
`stitching` (its rungs without an engine): `identity` compares what it says with `batch_stitchers`
over what is `observed` in a history, by a `judgement` in SQL and an `identity_table`; `state` gives
it a population that is `churning`, for a `state_table`.
"""
