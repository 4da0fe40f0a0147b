"""Traffic for Kizuna: events of a whole city of members, and the truth about them.

The same people, tills, devices and habits are simulated around real baskets (the importer)
or around invented ones (the generator). Read in this order: `happenings` (an event about to
be sent), `baskets` and `completejourney` (what is bought), `people` and `enrolment` (who buys),
`till`, `returns`, `rewards`, `acts`, `digital`, `strangers`, `tablets`, `service`, `copies`
(what they do), `rates`, `orders`, `spending` (what is hard on a ledger, if it is wanted),
`cases` (what identity suffers from), `stage`, `scenes` and the `scenes_of_…` (those
of them that don't come about by themselves), `rule`, `reader` and `truth` (who it was, and what a
perfect reader of the log could know), `counts` and `write` (files), `city` (all of it together).
`docs/data.md` says what is real and what isn't.
"""
