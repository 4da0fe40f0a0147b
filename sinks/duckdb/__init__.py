"""The warehouse: one DuckDB file that analysts query.

Read in this order: `schema` (tables, from the row classes), `views` (the questions
people ask), `create` (a new file), `runs` (who wrote it when), `writer` (rows and
position in one transaction), `sink` (what Bytewax drives), `reference` (docs/warehouse.md).
"""
