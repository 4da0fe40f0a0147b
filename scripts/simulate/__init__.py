"""`kizuna simulate`: what other rules would have done with the same history.

In the order in which it happens: `options` (what is asked for), `overlay` (the other configuration,
from the files that were given; `redate` gives a version another date), `reuse` (whether a given
warehouse can be the baseline), `fold` (history, once by each; `settle`: until the flow is given the
commands that it gives, `own_commands`), `comparison` (two warehouses into a third, by the SQL of
`point_tables`, `member_tables`, `message_tables`, `metric_tables` and `identity_tables`, with
`moved_events` from the history), `notes` (what to know before believing a figure), `findings` and
`identity_findings` (what it says), and then for people `terminal`, `plots` and `page`.
`simulation` is the whole.
"""
