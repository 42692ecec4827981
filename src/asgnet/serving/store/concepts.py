"""Concepts that are kept: the fitted file of each version, and the examples it was fitted on."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from asgnet.apply.concept.file import Concept
from asgnet.errors import AsgnetError, UsageError
from asgnet.files import save_bytes
from asgnet.serving.store.database import Database, new_id, sweep


class ReplacedError(UsageError):
    """A version of a concept that was there is there no more."""


class Example(NamedTuple):
    """A painted picture as files hold it.

    Attributes:
        picture: the file's bytes, as given.
        mask: an 8-bit PNG of class indices, 0 background, 255 ignore.
        name: what its owner calls it.
        size: ``(h, w)``, upright.
    """

    picture: bytes
    mask: bytes
    name: str
    size: tuple[int, int]


@dataclass(frozen=True)
class KeptExample:
    """Where an example is kept."""

    name: str
    width: int
    height: int
    picture: Path
    mask: Path


@dataclass(frozen=True)
class KeptConcept:
    """What the index knows of a concept.

    Attributes:
        version: counts its fits from 1; the id stays.
        counts: of each class, how many examples show it.
        notes: what was guessed for the user when its examples were read.
        doctor: the diagnosis of this version, once there is one.
    """

    id: str
    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    network: str
    adapt: str
    version: int
    created: float
    updated: float
    notes: tuple[str, ...]
    doctor: dict[str, Any] | None
    shots: int


class Concepts:
    """The concepts of a data folder.

    Args:
        database: its index.
    """

    def __init__(self, database: Database):
        self._database = database
        self._replacing = threading.Lock()  # two fits of one concept must not become the same version
        self._folder = database.folder / "concepts"
        sweep(self._folder, {row["id"] for row in database.rows("SELECT id FROM concept")})
        for kept in self.all():
            examples = [p.name for e in self.examples(kept.id) for p in (e.picture, e.mask)]
            sweep(self._folder / kept.id, {self.file(kept.id, kept.version).name, *examples})

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
        """
        path = self.file(kept.id, kept.version)
        try:
            return Concept.load(path)
        except AsgnetError as error:
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
        self, name: str, concept: Concept, adapt: str, examples: Sequence[Example], notes: Sequence[str]
    ) -> KeptConcept:
        """Keep a new one."""
        identity, now = new_id(), time.time()
        files = self._write(identity, 1, concept, examples)
        with self._database.transaction() as index:
            index.execute(
                "INSERT INTO concept VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, NULL)",
                (identity, name, *_columns(concept), adapt, now, now, json.dumps(list(notes))),
            )
            self._index_examples(index, identity, files, examples)
        return self._there(identity)

    def replace(
        self, identity: str, concept: Concept, examples: Sequence[Example], notes: Sequence[str]
    ) -> KeptConcept | None:
        """A new fit of a concept; None if it was deleted meanwhile."""
        with self._replacing:
            return self._replace(identity, concept, examples, notes)

    def _replace(
        self, identity: str, concept: Concept, examples: Sequence[Example], notes: Sequence[str]
    ) -> KeptConcept | None:
        old, before = self.get(identity), self.examples(identity)
        if old is None:
            return None
        files = self._write(identity, old.version + 1, concept, examples)
        with self._database.transaction() as index:
            index.execute(
                "UPDATE concept SET classes = ?, counts = ?, network = ?, version = version + 1, "
                "updated = ?, notes = ?, doctor = NULL WHERE id = ?",
                (*_columns(concept), time.time(), json.dumps(list(notes)), identity),
            )
            index.execute("DELETE FROM support WHERE concept = ?", (identity,))
            self._index_examples(index, identity, files, examples)
        for path in (self.file(identity, old.version), *(p for e in before for p in (e.picture, e.mask))):
            path.unlink(missing_ok=True)
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
        with self._replacing, self._database.transaction() as index:
            gone = index.execute("DELETE FROM concept WHERE id = ?", (identity,)).rowcount
        shutil.rmtree(self._folder / identity, ignore_errors=True)
        return bool(gone)

    def _write(self, identity: str, version: int, concept: Concept, examples: Sequence[Example]) -> list[str]:
        files = []
        for example in examples:
            files.append(new_id())
            save_bytes(self._folder / identity / f"{files[-1]}.picture", example.picture)
            save_bytes(self._folder / identity / f"{files[-1]}.mask", example.mask)
        concept.save(self.file(identity, version))
        return files

    def _index_examples(
        self, index: Any, identity: str, files: Sequence[str], examples: Sequence[Example]
    ) -> None:
        index.executemany(
            "INSERT INTO support VALUES (?, ?, ?, ?, ?, ?)",
            [
                (identity, i, file, example.name, example.size[1], example.size[0])
                for i, (file, example) in enumerate(zip(files, examples, strict=True))
            ],
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
        )  # fmt: skip


def _columns(concept: Concept) -> tuple[str, str, str]:
    return json.dumps(concept.classes), json.dumps(concept.counts), concept.network
