"""`kizuna simulate`: what other rules would have done with the same history.

In the order in which it happens: `options` (what is asked for), `overlay` (the other configuration,
from the files that were given; `redate` gives a version another date), `reuse` (whether a given
warehouse can be the baseline), `fold` (history, once by each), `comparison` (two warehouses into a
third, by the SQL of `point_tables`, `member_tables`, `message_tables` and `metric_tables`),
`notes` (what to know before believing a figure), and then for people `terminal`, `plots` and
`page`. `simulation` is the whole.
"""
