"""What the launcher tells each worker process: one generation of one run."""

import msgspec

from pipelines.sources.journal import Generation


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that a worker needs besides the configuration files and the environment."""

    output: str
    config: str
    generation: Generation
    bound_at: int
    """Clocks beyond it are wrong, ms UTC."""
    ends_at: int | None
    """Where time ends, if not with the files, ms UTC."""
    addresses: list[str] = []
    """host:port of each process; empty: a single one."""
    batch_bytes: int
    epoch_ms: int
    """How often state is saved."""
    parent: int
    """The launcher's process id: a worker ends when its launcher is gone."""
