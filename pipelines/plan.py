"""What the launcher tells each worker process: one generation of files, or a live run."""

from pathlib import Path

import msgspec

from pipelines.sources.journal import Generation
from pipelines.sources.records import BATCH_BYTES


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that a worker needs besides the configuration files and the environment."""

    output: str
    config: str
    generation: Generation | None = None
    """None: a live run, from Kafka; what is said of files doesn't matter then."""
    bound_at: int = 0
    """Clocks beyond it are wrong, ms UTC."""
    ends_at: int | None = None
    """Where time ends, if not with the files, ms UTC."""
    addresses: list[str] = []
    """host:port of each process; empty: a single one."""
    batch_bytes: int = BATCH_BYTES
    epoch_ms: int
    """How often state is saved."""
    metrics_port: int | None = None
    """Of process 0; None: no metrics are served."""
    sql_port: int | None = None
    """Where whoever writes the warehouse serves it; None: nowhere."""
    host: int = 0
    """Which of the cluster's hosts this is."""
    recovery: str = ""
    """The folder with this host's partitions of the recovery store; empty: it has all of them."""
    parent: int
    """The launcher's process id: a worker ends when its launcher is gone."""

    @property
    def store(self) -> Path:
        """Where workers find the recovery store."""
        return Path(self.recovery or Path(self.output) / "recovery")

    @property
    def slots_file(self) -> Path:
        """Where the live run's workers of this host say how far they are."""
        return Path(self.output) / "journal" / f"alignment-{self.host}.slots"

    @property
    def stop_file(self) -> Path:
        """Where the live run's workers of this host are asked to stop."""
        return Path(self.output) / "journal" / f"stop-{self.host}"
