"""What a live run left: topics as a `read_uncommitted` consumer sees them, archive, time, tables.

Read with other code than Kizuna's wherever there is any: a plain consumer, fastavro, SQL.
"""

import pickle
import sqlite3
import time
from collections import Counter

import duckdb
import fastavro
import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition

READ_SECONDS_MAX = 60.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A record on a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def said(self):
        return msgspec.json.decode(self.value)


def read_topics(bootstrap, topics):
    """Every record of these topics from the beginning to their ends, by topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "faults-reader",
            "isolation.level": "read_uncommitted",
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    found = {topic: [] for topic in topics}
    try:
        known = consumer.list_topics(timeout=READ_SECONDS_MAX).topics
        open_ones = {(topic, number) for topic in topics for number in known[topic].partitions}
        consumer.assign([TopicPartition(*one, 0) for one in sorted(open_ones)])
        give_up_at = time.monotonic() + READ_SECONDS_MAX
        while open_ones:
            assert time.monotonic() < give_up_at, f"can't be read to the end: {sorted(open_ones)}"
            for message in consumer.consume(1000, 0.2):
                error = message.error()
                if error is None:
                    found[message.topic()].append(
                        Seen(
                            topic=message.topic(),
                            partition=message.partition(),
                            offset=message.offset(),
                            key=message.key(),
                            value=message.value(),
                            headers=dict(message.headers() or []),
                        )
                    )
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ones.discard((message.topic(), message.partition()))
                else:
                    raise AssertionError(error)
    finally:
        consumer.close()
    return found


def read_archive(folder):
    """Every archived record, in the order of lanes and files."""
    for path in sorted(folder.rglob("*.avro")):
        with path.open("rb") as file:
            yield from fastavro.reader(file)


def marks(output):
    """How far each key group of `decide` has come by its saved state, ms UTC, by group."""
    return {
        key: msgspec.msgpack.decode(state)["mark"]
        for key, state in saved(output, "loyalty.decide").items()
    }


def saved(output, step):
    """The newest state that was saved of each key of a step, by key."""
    newest = {}
    for file in sorted((output / "recovery").glob("*.sqlite3")):
        database = sqlite3.connect(file)
        for key, epoch, state in database.execute(
            "SELECT state_key, snap_epoch, ser_change FROM snaps "
            "WHERE step_id LIKE ? || '%' AND ser_change IS NOT NULL",
            [step],
        ):
            if key not in newest or epoch > newest[key][0]:
                newest[key] = epoch, state
        database.close()
    return {key: pickle.loads(state) for key, (_, state) in newest.items()}


def rows(warehouse, sql):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def tables(warehouse):
    """Every table's rows as a multiset, without what is bookkeeping."""
    found = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        columns = {}
        for table, column in connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "JOIN duckdb_tables() USING (schema_name, table_name) "
            "WHERE table_name <> 'runs' AND table_name[1] <> '_' AND column_name[1] <> '_' "
            "ORDER BY table_name, column_index"
        ).fetchall():
            columns.setdefault(table, []).append(column)
        for table, names in columns.items():
            chosen = ", ".join(f'"{name}"' for name in names)
            found[table] = (
                names,
                Counter(connection.execute(f'SELECT {chosen} FROM "{table}"').fetchall()),
            )
    return found
