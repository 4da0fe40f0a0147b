"""What everything in Kizuna agrees on: events in, rows out, and what flows between.

Read in this order: `payloads` and `events` (the contract), `flow` (an event on its way, and
the signals of operators to the next ones), `identity`, `ledger`, `scoring`, `decisions` (the rows
that each operator writes), `commands` (what operators order), `erasure` (who is forgotten),
`codec` (how all of it becomes bytes).
"""
