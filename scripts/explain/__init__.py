"""`kizuna explain`: where something in a warehouse comes from, back to the events.

Read `questions` (how a warehouse is asked), `links` (the way up from an identifier), then one
module for each thing that can be explained: `identity`, `member`, `entry`, `trigger`.
`source_events` finds events in what a run read, `named` turns what a person types into
identifiers; `show`, with `show_who`, `show_holdings`, `show_why` and `drawing`, puts it on a
terminal. `one_chain` tells the demo's story.
"""
