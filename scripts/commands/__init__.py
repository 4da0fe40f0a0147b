"""The options of each command and what it prints; the work is done by the module it names.

Nothing heavy is imported here before a command runs, so that `kizuna --help` answers at once.
"""
