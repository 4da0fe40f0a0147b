"""The warehouse: one DuckDB file that analysts query.

Read in this order: `schema` (tables, from the row classes), `views` (the questions
people ask), `create` (a new file), `runs` (who wrote it when), `writer` (rows and
position in one transaction, with `columns`), `sink` (what Bytewax drives), `reference`
(docs/warehouse.md); `loop_commands` (what operators ordered, read back), `erase` and
`erased_totals` (a warehouse without somebody), `gather` (one out of what many writers left),
`serve` and `quack` (asked while a run writes).
"""
