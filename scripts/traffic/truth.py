"""The truth as Parquet tables: events, baskets, people and devices.

Rows are collected in columns and written in row groups, so that millions fit in little
memory. `docs/data.md` says what each column means.
"""

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from scripts.traffic.happenings import Happening
from scripts.traffic.people import Family
from scripts.traffic.rule import Verdict

ROWS_A_GROUP: Final = 200_000
TEXT: Final = pa.string()
TIME: Final = pa.int64()
SCHEMAS: Final = {
    "events": pa.schema(
        [
            ("source", TEXT),
            ("event_id", TEXT),
            ("type", TEXT),
            ("occurred_at", TIME),
            ("received_at", TIME),
            ("person", TEXT),
            ("decidable", pa.bool_()),
            ("why", TEXT),
            ("attributable_by", TIME),
            ("duplicate_of", TEXT),
            ("simulated", pa.bool_()),
            ("case", TEXT),
            ("reads_as", TEXT),
        ]
    ),
    "baskets": pa.schema(
        [
            ("transaction_id", TEXT),
            ("household_id", TEXT),
            ("person", TEXT),
            ("attributable", pa.bool_()),
            ("member_id", TEXT),
            ("why", TEXT),
            ("attributable_by", TIME),
            ("real", pa.bool_()),
            ("reads_as", TEXT),
        ]
    ),
    "people": pa.schema(
        [
            ("member_id", TEXT),
            ("household_id", TEXT),
            ("family", pa.int64()),
            ("enrolled_at", TIME),
            ("first_known_by", TEXT),
            ("card", TEXT),
            ("email", TEXT),
            ("phone", TEXT),
            ("payment_tokens", pa.list_(TEXT)),
            ("time_zone", TEXT),
            ("real", pa.bool_()),
            ("other_accounts", pa.list_(TEXT)),
        ]
    ),
    "devices": pa.schema(
        [
            ("namespace", TEXT),
            ("value", TEXT),
            ("kind", TEXT),
            ("members", pa.list_(TEXT)),
        ]
    ),
}


class Table:
    """One Parquet file that grows by rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._columns: list[list[Any]] = [[] for _ in schema]

    def add(self, *row: Any) -> None:
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        if len(self._columns[0]) >= ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(self._columns, self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._columns = [[] for _ in self._schema]

    def close(self) -> None:
        if self._columns[0]:
            self._flush()
        self._writer.close()


class Truth:
    """All four tables of one city."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._tables = {
            name: Table(directory / f"{name}.parquet", schema) for name, schema in SCHEMAS.items()
        }

    def event(self, happening: Happening, verdict: Verdict) -> None:
        sent = happening.sent
        self._tables["events"].add(
            sent.source,
            sent.event_id,
            sent.type,
            sent.occurred_at,
            sent.received_at,
            happening.person,
            verdict.decidable,
            verdict.why,
            verdict.by,
            sent.event_id if happening.copy else None,
            happening.simulated,
            happening.case,
            verdict.member_id,
        )
        if sent.type == "sale" and not happening.copy:
            self._tables["baskets"].add(
                sent.payload["transaction_id"],
                happening.household_id,
                happening.person,
                verdict.decidable,
                verdict.member_id if verdict.decidable else None,
                verdict.why,
                verdict.by,
                not happening.simulated,
                verdict.member_id,
            )

    def family(self, family: Family) -> None:
        for person in family.people:
            tokens = person.tokens + ([family.shared_token] if family.shared_token else [])
            self._tables["people"].add(
                person.member_id,
                person.household.household_id,
                family.number,
                person.enrolled_at,
                person.first_known_by or None,
                person.card,
                person.email,
                person.phone,
                tokens,
                person.time_zone,
                person.household.real,
                person.other_accounts,
            )
        for device in family.devices:
            members = [family.people[place].member_id for place in device.owners]
            kind = "family" if len(members) > 1 else "personal"
            self.device(device.namespace, device.value, kind, members)

    def device(self, namespace: str, value: str, kind: str, members: list[str]) -> None:
        """kind: personal, family (shared by its members), shop (everybody's) or stranger."""
        self._tables["devices"].add(namespace, value, kind, members)

    def close(self) -> None:
        for table in self._tables.values():
            table.close()
