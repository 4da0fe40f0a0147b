"""What everything in Kizuna agrees on: events in, rows out, and what flows between.

Read in this order: `events` (the contract), `flow` (an event on its way),
`identity`, `ledger`, `scoring`, `decisions` (the rows each operator writes and
the signals it sends on), `codec` (how all of it becomes bytes).
"""
