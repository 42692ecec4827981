"""Concepts that are kept: the fitted file of each version, and the examples it was fitted on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from asgnet.apply.concept.file import Concept
from asgnet.errors import AsgnetError, UsageError
from asgnet.files import save_bytes
from asgnet.serving.store.database import Database, new_id
from asgnet.serving.store.faults import storage_error
from asgnet.serving.store.folder import put_aside, remove_unfinished, say
from asgnet.serving.store.kept import Example, KeptConcept, KeptExample
from asgnet.serving.store.repair import adoptable
from asgnet.serving.store.sidecar import ExampleRow, Sidecar
from asgnet.types import Unpainted


class ReplacedError(UsageError):
    """A version of a concept that was there is there no more."""


class Concepts:
    """The concepts of a data folder.

    Args:
        database: its index.
        repair: take concept folders into the index that it does not know.
    """

    def __init__(self, database: Database, repair: bool = False):
        self._database = database
        self._replacing = threading.Lock()  # two fits of one concept must not become the same version
        self._folder = database.folder / "concepts"
        remove_unfinished(self._folder)
        if repair:
            self._adopt()
        self._put_aside()

    def _adopt(self) -> None:
        """Take concept folders into the index that it does not know."""
        known = {row["id"] for row in self._database.rows("SELECT id FROM concept")}
        for identity, said, concept in adoptable(self._folder, known):
            with self._database.transaction() as index:
                self._insert(index, identity, said, concept)
            say(f"concept {said.name!r} ({identity}) is known again, with {len(said.examples)} examples.")

    def _put_aside(self) -> None:
        """Move what the index does not know into lost+found, and have a sidecar beside every concept."""
        kept = self.all()
        put_aside(self._folder, {one.id for one in kept}, self._database.lost)
        for one in kept:
            file = self.file(one.id, one.version)
            sidecar = file.with_suffix(".json")
            known = {file, sidecar, *(p for e in self.examples(one.id) for p in (e.picture, e.mask))}
            put_aside(file.parent, {path.name for path in known}, self._database.lost)
            if file.parent.is_dir() and not sidecar.exists():  # made by an older asgnet
                self._sidecar(one).save(sidecar)

    def all(self) -> list[KeptConcept]:
        """Every concept, the oldest first."""
        return [self._kept(row) for row in self._database.rows("SELECT * FROM concept ORDER BY created, id")]

    def get(self, identity: str) -> KeptConcept | None:
        """One concept, or None."""
        rows = self._database.rows("SELECT * FROM concept WHERE id = ?", identity)
        return self._kept(rows[0]) if rows else None

    def file(self, identity: str, version: int) -> Path:
        """The concept's own file."""
        return self._folder / identity / f"{version}.concept"

    def load(self, kept: KeptConcept) -> Concept:
        """The concept itself, of this version.

        Raises:
            ReplacedError: it was deleted, or learned anew, meanwhile.
            WeightsError: its file is damaged.
            StorageError: it cannot be read now.
        """
        path = self.file(kept.id, kept.version)
        try:
            return Concept.load(path)
        except AsgnetError as error:
            fault = storage_error(error)
            if fault is not None:
                raise fault from error
            if path.exists():
                raise
            raise ReplacedError("The concept was deleted or replaced meanwhile; ask again.") from error

    def read(self, identity: str) -> tuple[KeptConcept, bytes] | None:
        """A concept and its file, of one version, whoever replaces it meanwhile; None if there is none."""
        before = None
        while (kept := self.get(identity)) is not None and kept != before:
            before = kept
            with suppress(FileNotFoundError):
                return kept, self.file(identity, kept.version).read_bytes()
        return None

    def examples(self, identity: str) -> list[KeptExample]:
        """What it was fitted on, in order; empty for one that came as a file."""
        rows = self._database.rows("SELECT * FROM support WHERE concept = ? ORDER BY position", identity)
        folder = self._folder / identity
        return [
            KeptExample(
                r["name"],
                r["width"],
                r["height"],
                folder / f"{r['file']}.picture",
                folder / f"{r['file']}.mask",
            )
            for r in rows
        ]

    def add(
        self,
        name: str,
        concept: Concept,
        adapt: str,
        examples: Sequence[Example],
        notes: Sequence[str],
        unpainted: Unpainted = "background",
    ) -> KeptConcept:
        """Keep a new one."""
        now = time.time()
        said = Sidecar(name, adapt, 1, now, now, tuple(notes), _rows(examples), unpainted)
        identity = new_id()
        with self._written(identity, said, concept, examples) as index:
            self._insert(index, identity, said, concept)
        return self._there(identity)

    def replace(
        self,
        identity: str,
        concept: Concept,
        examples: Sequence[Example],
        notes: Sequence[str],
        unpainted: Unpainted | None = None,
    ) -> KeptConcept | None:
        """A new fit of a concept; None if it was deleted meanwhile."""
        with self._replacing:
            return self._replace(identity, concept, examples, notes, unpainted)

    def _replace(
        self,
        identity: str,
        concept: Concept,
        examples: Sequence[Example],
        notes: Sequence[str],
        unpainted: Unpainted | None,
    ) -> KeptConcept | None:
        old, before = self.get(identity), self.examples(identity)
        if old is None:
            return None
        now = time.time()
        said = Sidecar(
            old.name, old.adapt, old.version + 1, old.created, now, tuple(notes), _rows(examples),
            unpainted or old.unpainted,
        )  # fmt: skip
        outdated = self._paths(identity, old.version, [e.picture.stem for e in before])
        with self._written(identity, said, concept, examples) as index:
            index.execute(
                "UPDATE concept SET classes = ?, counts = ?, network = ?, version = ?, updated = ?, notes = ?, "
                "doctor = NULL, unpainted = ? WHERE id = ?",
                (*_columns(concept), said.version, now, json.dumps(said.notes), said.unpainted, identity),
            )
            index.execute("DELETE FROM support WHERE concept = ?", (identity,))
            self._index_examples(index, identity, said)
            key = self._database.removing(index, outdated)
        self._database.remove(key)
        return self._there(identity)

    def remember_diagnosis(self, identity: str, version: int, doctor: dict[str, Any]) -> None:
        """Keep what the doctor said of a version, unless there is a newer one."""
        with self._database.transaction() as index:
            index.execute(
                "UPDATE concept SET doctor = ? WHERE id = ? AND version = ?",
                (json.dumps(doctor), identity, version),
            )

    def delete(self, identity: str) -> bool:
        """Forget one; False if there is none."""
        with self._replacing:
            with self._database.transaction() as index:
                gone = index.execute("DELETE FROM concept WHERE id = ?", (identity,)).rowcount
                key = self._database.removing(index, [f"concepts/{identity}"] if gone else [])
            self._database.remove(key)
        return bool(gone)

    @contextmanager
    def _written(
        self, identity: str, said: Sidecar, concept: Concept, examples: Sequence[Example]
    ) -> Iterator[Connection]:
        """Write the files of a version, then a transaction to name them; without it they go again."""
        self._database.quota.take(sum(len(e.picture) + len(e.mask) for e in examples))
        paths = self._paths(identity, said.version, [row.file for row in said.examples])
        with self._database.transaction() as index:
            key = self._database.removing(index, paths)
        try:
            for row, example in zip(said.examples, examples, strict=True):
                save_bytes(self._folder / identity / f"{row.file}.picture", example.picture)
                save_bytes(self._folder / identity / f"{row.file}.mask", example.mask)
            file = self.file(identity, said.version)
            said.save(file.with_suffix(".json"))
            concept.save(file)
            with self._database.transaction() as index:
                yield index
                self._database.stay(index, key)
            self._database.faults.end()
        except BaseException:
            self._database.remove(key)
            raise

    def _paths(self, identity: str, version: int, files: Sequence[str]) -> list[str]:
        """A version's files, from the data folder."""
        names = [f"{file}.{kind}" for file in files for kind in ("picture", "mask")]
        return [f"concepts/{identity}/{name}" for name in (f"{version}.concept", f"{version}.json", *names)]

    def _insert(self, index: Connection, identity: str, said: Sidecar, concept: Concept) -> None:
        index.execute(
            "INSERT INTO concept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
            (
                identity, said.name, *_columns(concept), said.adapt, said.version, said.created, said.updated,
                json.dumps(said.notes), said.unpainted,
            ),
        )  # fmt: skip
        self._index_examples(index, identity, said)

    def _index_examples(self, index: Connection, identity: str, said: Sidecar) -> None:
        rows = [(identity, i, r.file, r.name, r.width, r.height) for i, r in enumerate(said.examples)]
        index.executemany("INSERT INTO support VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _sidecar(self, kept: KeptConcept) -> Sidecar:
        rows = [ExampleRow(e.picture.stem, e.name, e.width, e.height) for e in self.examples(kept.id)]
        return Sidecar(
            kept.name,
            kept.adapt,
            kept.version,
            kept.created,
            kept.updated,
            kept.notes,
            tuple(rows),
            kept.unpainted,
        )

    def _there(self, identity: str) -> KeptConcept:
        kept = self.get(identity)
        assert kept is not None
        return kept

    def _kept(self, row: Any) -> KeptConcept:
        shots = self._database.rows("SELECT count(*) AS n FROM support WHERE concept = ?", row["id"])[0]["n"]
        counts = tuple(json.loads(row["counts"]))
        return KeptConcept(
            row["id"], row["name"], tuple(json.loads(row["classes"])), counts, row["network"], row["adapt"],
            row["version"], row["created"], row["updated"], tuple(json.loads(row["notes"])),
            json.loads(row["doctor"]) if row["doctor"] else None, shots or max(counts, default=0),
            row["unpainted"],
        )  # fmt: skip


def _columns(concept: Concept) -> tuple[str, str, str]:
    return json.dumps(concept.classes), json.dumps(concept.counts), concept.network


def _rows(examples: Sequence[Example]) -> tuple[ExampleRow, ...]:
    return tuple(ExampleRow(new_id(), e.name, e.size[1], e.size[0]) for e in examples)
