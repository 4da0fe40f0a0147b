"""`kizuna statement`: a member's account as a bank would print it.

Read in this order: `collect` asks the warehouse, `tell` and `notes` put what happened into words,
`timeline` lays it out in the order in which it became known, `statement` makes the whole and proves
its totals (with what the member has: `standing`), `draw` prints it.
"""
