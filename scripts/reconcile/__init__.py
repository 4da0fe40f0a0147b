"""Two warehouses compared row by row, and where their histories part (`warehouses.reconcile`).

`attach` opens both and refuses what can't be compared; `compared` says how rows of a table are
told apart; `differences` finds them; `totals` adds both sides up; `partings` looks, for a member,
for the first event at which the two histories part, with `evidence` of it and `contradictions`
within one side, and `kinds` says what it looks like. `words` and `page` tell it.
"""
