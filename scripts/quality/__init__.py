"""Expectations of data, asked of an archive or a warehouse: what `kizuna validate` does.

Read in this order: `suites` (files of `config/expectations/`) and `contract` (expectations that
follow from what is declared at each field) say what is expected; `target` opens what is asked,
by `read_events` where it is an archive, beside `configured` (the programme as tables); `ask` gets
figures and offending rows by SQL; `judge` has Great Expectations decide and write Data Docs; `gate`
puts them together; `show` prints.
"""
