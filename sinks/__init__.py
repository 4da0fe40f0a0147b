"""Where results go, each row applied once whatever crashes.

Read in this order: `row_batch` (what arrives), `position` (the contract every sink
keeps), `files` (triggers and quarantine as JSON Lines), `duckdb` (the warehouse), `kafka` (topics),
`archive` (events as Avro); `erase_lines` (files without somebody).
"""
