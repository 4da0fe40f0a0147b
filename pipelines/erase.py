"""Erasing people from an output at rest: everything that was ever written of them.

In: an output that no worker uses and whose lock is held, and the requests in its warehouse. Out:
every file of it without those people. Promises: tombstones are durable before anything goes, so
that no replay brings anything back; the ledger's totals stay, under a name of nobody's; whatever
is interrupted is finished by the next start, from a plan that is sealed while it is needed and gone
afterwards. Each step, done again, changes nothing.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import xxhash

from config.deployment import Deployment
from config.secret_keys import decode_settings
from pipelines import recovery
from pipelines.assemble import stitch_operators
from pipelines.erase_archive import erase_in_archive
from pipelines.erase_commands import erase_in_commands, note_files
from pipelines.erase_names import MEMBER, Names
from pipelines.erase_rest import take_back, time_of
from pipelines.erase_state import StateEraser
from pipelines.erase_whom import Person, Request, events_of, open_requests, people
from pipelines.loyalty import ARCHIVE_STEP
from pipelines.processes import RunRefused
from pipelines.sources import journal as journals
from pipelines.tombstones import PLAN, add_erased, erased_of, tombstones
from schemas.erasure import Erased
from schemas.events import Event
from schemas.refusals import Quarantined
from sinks.duckdb.erase import erase_in_warehouse
from sinks.duckdb.erased_totals import complete_totals
from sinks.erase_lines import erase_lines
from sinks.files import QUARANTINE, output_paths
from sinks.position import sync_directory
from transforms.decode import Decoder
from transforms.decode.erased import is_husk
from transforms.decode.seal import Seal
from transforms.decode.tombstones import Tombstones

DECODED: Final = frozenset(("conflicting_duplicate", "too_old_to_deduplicate", "loop_of_merges"))
"""Reasons for which what was refused is an event that had been decoded."""

_encode_event = msgspec.json.Encoder(order="deterministic").encode


class ErasurePlan(msgspec.Struct, kw_only=True):
    """Who goes. It names them, so it is kept sealed."""

    erased: list[Erased]
    identifiers: list[str]
    erased_at: int


class Found(msgspec.Struct, kw_only=True):
    """The requests that wait, and whom they mean."""

    requests: list[Request]
    people: list[Person]


def find(output: Path, deployment: Deployment) -> Found:
    """Who is to be erased from an output. Changes nothing."""
    warehouse = output / "warehouse.duckdb"
    if not warehouse.is_file():
        return Found(requests=[], people=[])
    requests = open_requests(warehouse, deployment.ladder)
    return Found(requests=requests, people=people(warehouse, requests))


def erase_at_rest(output: Path, deployment: Deployment) -> list[Erased]:
    """Finish what was begun, and erase everybody whose request waits; who was.

    Raises RunRefused in the middle of the input, whose rows may still be taken back.
    """
    done = finish(output, deployment)
    take_back(output)
    found = find(output, deployment)
    if not found.people:
        complete_totals(output / "warehouse.duckdb", erased_of(output))
        return done
    erased_at = time_of(output)
    marks = Tombstones(deployment.secrets.erasure_key, ())
    plan = ErasurePlan(
        erased=[_erased(person, erased_at, marks) for person in found.people],
        identifiers=sorted({one for person in found.people for one in person.identifiers}),
        erased_at=erased_at,
    )
    _seal_plan(output, plan, Seal(deployment.secrets.quarantine_key))
    return [*done, *finish(output, deployment)]


def finish(output: Path, deployment: Deployment) -> list[Erased]:
    """Carry out the plan that an output has, if it has one; who was erased."""
    path = output / PLAN
    if not path.is_file():
        return []
    try:
        sealed = Seal(deployment.secrets.quarantine_key).unseal(path.read_bytes())
    except ValueError:
        raise RunRefused(
            f"{path}: an erasure that is under way must be finished; it was sealed with another "
            "KIZUNA_QUARANTINE_KEY; put that one back"
        ) from None
    plan = msgspec.json.decode(sealed, type=ErasurePlan)
    _Erasing(output, deployment, plan).carry_out()
    path.unlink()
    sync_directory(path.parent)
    return plan.erased


class _Erasing:
    """One plan being carried out."""

    def __init__(self, output: Path, deployment: Deployment, plan: ErasurePlan) -> None:
        self._output = output
        self._deployment = deployment
        self._all = add_erased(output, plan.erased)
        marks = tombstones(self._all, deployment.secrets)
        self._decoder = Decoder(decode_settings(deployment.settings, deployment.secrets), marks)
        assert self._decoder.husks is not None
        self._husks = self._decoder.husks
        self._names = Names(plan.identifiers, marks, plan.erased_at)
        self._seal = Seal(deployment.secrets.quarantine_key)

    def carry_out(self) -> None:
        """Everything that is written of them, place by place."""
        for step in self.steps():
            step()

    def steps(self) -> list[Callable[[], None]]:
        """Each may be done again, and all of them are after a crash."""
        return [self.commands, self.lines, self.archive_and_state, self.warehouse, self.logs]

    def commands(self) -> None:
        """The loop's own files, and what the journal knows of them."""
        files = erase_in_commands(self._output, self._decoder, self._seal.close)
        path = self._output / "journal" / "generations.json"
        journal = journals.load(path, 0, None)
        note_files(journal, files)
        journals.save(path, journal)

    def lines(self) -> None:
        """Trigger files and the quarantine's."""
        for key, path in output_paths(self._output).items():
            if path.is_file():
                erase_lines(path, self._is_refused if key == QUARANTINE else self._is_told)

    def archive_and_state(self) -> None:
        """The archive and the recovery store, which says how much of it counts."""
        store = self._output / "recovery"
        recovery.settle(store)
        archived = erase_in_archive(
            self._output / "archive", recovery.positions(store, ARCHIVE_STEP), self._husks.husk
        )
        rungs = [rung.name for rung in stitch_operators(self._deployment)]
        groups = self._deployment.settings.key_groups
        theirs = events_of(self._output / "warehouse.duckdb", list(self._names.people))
        StateEraser(self._names, rungs, groups, self._husks.husk).erase(store, archived, theirs)

    def warehouse(self) -> None:
        """A new warehouse in the old one's place."""
        erase_in_warehouse(
            self._output / "warehouse.duckdb",
            people=self._names.people,
            orphans=self._names.orphans,
            texts=list(self._names.texts),
            without=self._names.without,
            erased=self._all,
            new_raw=self._left_of_refused,
        )

    def logs(self) -> None:
        """The logs of workers."""
        for path in sorted((self._output / "journal").glob("worker-*.log")):
            content = path.read_bytes()
            if self._names.are_in(content):
                path.write_text(self._names.without(content.decode("utf-8", "replace")))

    def _is_told(self, line: bytes) -> bool:
        """Whether a trigger is for somebody who is erased, or to an address of theirs."""
        if not self._names.are_in(line):
            return False
        told = msgspec.json.decode(line)
        return (
            told.get("member_id") in self._names.people or told.get("handle") in self._names.orphans
        )

    def _is_refused(self, line: bytes) -> bool:
        row = msgspec.json.decode(line, type=Quarantined)
        kept = self._left_of_refused(row.reason, row.raw)
        return kept is None or kept[0] != row.raw

    def _left_of_refused(self, reason: str, sealed: bytes) -> tuple[bytes, str] | None:
        """What of a refused record stays, with its hash; None: nothing."""
        try:
            raw = self._seal.unseal(sealed)
        except ValueError:  # of another key: nobody here can read it
            return sealed, ""
        if reason not in DECODED:
            return None if self._husks.names_erased(raw) else (sealed, "")
        event = msgspec.json.decode(raw, type=Event)
        left = self._husks.husk(event)
        if left is event:
            return sealed, ""
        if is_husk(left.identifiers):
            return None
        kept = _encode_event(left)
        return self._seal.close(kept), xxhash.xxh3_128_hexdigest(kept)


def _erased(person: Person, erased_at: int, marks: Tombstones) -> Erased:
    strongest = f"{MEMBER}{person.members[0]}" if person.members else person.identifiers[0]
    return Erased(
        member_id=marks.orphan(strongest, erased_at).partition(":")[2],
        erased_at=erased_at,
        tombstones=tuple(sorted(map(marks.tombstone, person.identifiers))),
        totals=tuple(person.totals),
    )


def _seal_plan(output: Path, plan: ErasurePlan, seal: Seal) -> None:
    path = output / PLAN
    aside = path.with_suffix(".new")
    with aside.open("wb") as file:
        file.write(seal.close(msgspec.json.encode(plan)))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_directory(path.parent)
