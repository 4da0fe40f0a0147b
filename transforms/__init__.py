"""What happens to an event, as pure functions of `schemas`: no I/O, no clock, no randomness.

Read the steps in the order an event takes them: `decode` (a record becomes an
event, or is refused), `stitch` (whose is it?), `accrue` (points), `score` (churn
and value), `decide` (who is told what, where). `operator` is the contract of the
four stateful ones, `drive` applies events and timers to them in one time order.
"""
