"""A second auditor of points: one member at a time, one thing after the other, by hand.

It knows nothing of how accrue works and shares no code with it. It reads the programme's YAML
itself, looks up what was sent and whose each event is by the warehouse's `event_owners`, takes the
answers to redemptions from `redemption_answers`, and works out with plain loops what every member
must have. Then it compares: accounts, lots, redemptions, tier. Slow, and easy to follow.

Read in this order: `terms` (the programme), `account` (points, where they lie, and time passing),
`tier` (levels and years), `shopping` (purchases and returns), `spending` (redemptions and
adjustments), `merging` (two accounts become one), `happenings`, `read_story` and `read_warehouse`
(what a member did), `tell` (all of it in order), `compare`, `people` (everybody, in several
processes).
"""
