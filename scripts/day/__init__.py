"""One member's day: what she does (`story`), what each channel was told to show (`surfaces`),
and how it is told on a terminal (`telling`), with two answers from the warehouse (`explain`).
"""
