"""A live run under load, step by step: what the fault run and its tests have in common."""

import time
from contextlib import contextmanager

from confluent_kafka.admin import AdminClient
from kafka_checks import accounts, commands_given, demand, money_adds_up, same_tables, topics_agree
from kafka_live import Lag, Live, create_topics, declared_topics, environment, hasty_config, kizuna
from kafka_load import Load, mischievous
from kafka_seen import marks, rows

from scripts.generate import generate

QUIET_SECONDS = 1.5
"""How long a drained log must promise time before a stop, so that nothing is on its way."""


class City:
    """Topics, traffic and a live run of their own under a prefix on a broker."""

    def __init__(self, broker, folder, prefix, chance, *, members=60, rate=100.0, workers=2):
        self.broker = broker
        self.folder = folder
        self.prefix = prefix
        self.chance = chance
        self.rate = rate
        self.receipts = []
        self.load = None
        self._loads = 0
        generate(members, 30, chance.randrange(1 << 30), folder / "traffic")
        self.config = hasty_config(folder / "config")
        create_topics(broker, prefix)
        self.env = environment(broker, prefix)
        self.output = folder / "out"
        self.live = Live(self.output, self.config, self.env, workers)
        self.lag = Lag(broker, prefix)

    def begin_load(self, records=None, most=None, rate=None):
        """Traffic from now on; see `end_load`."""
        self._loads += 1
        name = f"{self.prefix}{self._loads}"
        records = records or mischievous(self.folder / "traffic" / "events", name, self.chance)
        self.load = Load(self.broker, self.prefix, records, rate or self.rate, most)
        self.load.start()

    def end_load(self):
        """No more traffic: all of it is acknowledged."""
        self.receipts += self.load.finish()

    def settle_load(self):
        """All of a bounded load has been sent and acknowledged."""
        self.receipts += self.load.settled()

    def drain(self, quiet_seconds=QUIET_SECONDS):
        """All that was produced is read, and time has gone on since."""
        self.lag.wait_until_none(self.live)
        time.sleep(quiet_seconds)

    def stop(self):
        """SIGTERM, and exit code 0."""
        code = self.live.stop()
        assert code == 0, f"a stop must end with 0; got {code}:\n{self.live.said()}"

    def check(self, problems=(), by_beam=True):
        """Everything that must hold of a stopped run, with `problems` that were seen before;
        figures of what was checked. `by_beam`: what a rebuild makes of the archive is, too."""
        logged, sent = sum(self.lag.ends().values()), len(self.receipts)
        given = len(commands_given(self.output))
        told = f"{logged} logged, {sent} acknowledged, {given} given by operators"
        assert logged == sent + given, told
        problems = [*problems, *accounts(self.receipts, self.output)]
        problems += topics_agree(self.broker, self.prefix, declared_topics("out"), self.output)
        problems += money_adds_up(self.output)
        fresh = self.folder / f"fresh-{self._loads}-{self.live.starts}"
        problems += same_tables(self.output, self.run_again(fresh))
        if by_beam:
            beam = self.rebuild(fresh.with_name(f"{fresh.name}-beam"))
            problems += same_tables(self.output, beam)
        demand(problems)
        return self.figures()

    def run_again(self, fresh):
        """A run of files over what the live run archived, to the instant that it had come to."""
        ended_at = set(marks(self.output).values())
        assert len(ended_at) == 1, f"key groups stopped at different times: {sorted(ended_at)}"
        # A group applies what is before its mark; a run of files what isn't after --as-of.
        as_of = ended_at.pop() - 1
        run = ("run", "--input", self.output / "archive", "--output", fresh, "--as-of", as_of)
        done = kizuna(*run, "--config", self.config, "--workers", 1, env=self.env)
        assert done.returncode == 0, done.stdout + done.stderr
        return fresh

    def rebuild(self, fresh):
        """The same by Beam, which finds out by itself what was archived and until when, and is
        reconciled; the gate doesn't ask whether a city of mischief is as it should be."""
        command = ("rebuild", "--input", self.output, "--output", fresh, "--workers", 1)
        done = kizuna(*command, "--config", self.config, "--no-gate", env=self.env)
        assert done.returncode == 0, done.stdout + done.stderr
        compared = kizuna("reconcile", self.output, fresh, env=self.env)
        assert compared.returncode == 0, compared.stdout + compared.stderr
        return fresh

    def count(self, table):
        return rows(self.output / "warehouse.duckdb", f"SELECT count(*) FROM {table}")[0][0]

    def figures(self):
        """How much there was to go wrong."""
        names = ("ledger_entries", "triggers", "decisions", "identity_links", "quarantine")
        return {"records": len(self.receipts), **{name: self.count(name) for name in names}}


@contextmanager
def city(broker, folder, prefix, chance, **options):
    """A city whose processes and topics are gone afterwards."""
    made = City(broker, folder, prefix, chance, **options)
    try:
        yield made
    finally:
        if made.load is not None and made.load.is_alive():
            made.load.abandon()
        made.live.end()
        admin = AdminClient({"bootstrap.servers": broker, "log_level": 2})
        names = [prefix + name for way in ("in", "out") for name in declared_topics(way)]
        for future in admin.delete_topics(names, operation_timeout=30).values():
            future.exception(30.0)
