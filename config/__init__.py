"""What can be set without code: typed YAML, checked as a whole before anything runs.

Read in this order: `load` (a YAML file becomes a typed struct, or a list of problems with file,
line and field; `nodes`, `explain` and `problems` are its parts), `settings` (`default.yaml`, a
deployment's file, the environment and the command line, merged in that order), `secret_keys` (from
the environment alone), `deployment` (a whole folder at once). The folders `programmes`,
`journeys` and `models` and the files beside them hold what programme owners write.
"""
