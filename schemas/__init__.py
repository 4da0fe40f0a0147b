"""What everything in Kizuna agrees on: events in, rows out, and what flows between.

Read in this order: `payloads` and `events` (the contract), `flow` (an event on its way, and
the signals of operators to the next ones), `identity`, `ledger`, `privileges`, `scoring`,
`decisions` (the rows that each operator writes), `member_view` and `member_state` (what surfaces
are told of a member), `quote`, `commands` (what operators order), `erasure` (who is forgotten),
`codec` (how all of it becomes bytes). What people write as YAML: `settings`, `ladder`, `journeys`,
and `programme` with its parts `earn_rules`, `tiers`, `rewards`, `challenges`, `membership`.
"""
