"""What people start: the command line, and what each of its commands does.

Read in this order: `cli` (the commands), `commands` (their options and what they print), then the
module or package of the command that interests you: `run`, `generate`, `import_completejourney`,
`fit_churn`, `sort_files`, `report`, `audit` (by SQL, and by hand in `plain_fold`), `explain`,
`statement`, `quote`, `simulate`, `bench`, `unlink`.
"""
