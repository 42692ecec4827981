"""Jobs that are kept: their pictures, what became of each, and when all of it may go.

A job is removed when nobody has added to it, redone it or corrected in it for the days it is kept, and
nothing of it is waiting.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from asgnet.apply.inference.postprocess import Absent
from asgnet.errors import UsageError
from asgnet.serving.keyed_lock import KeyedLock
from asgnet.serving.store.database import Database, new_id
from asgnet.serving.store.folder import put_aside, remove_unfinished
from asgnet.serving.store.results import Files

Status = Literal["queued", "running", "done", "failed", "cancelled"]
DAY = 86_400.0


@dataclass(frozen=True)
class KeptPicture:
    """One picture of a job and what became of it.

    Attributes:
        seq: grows with every result of the job, whatever picture it is of.
        record: as :func:`asgnet.serving.store.results.record_of`, with ``seconds`` and
            ``concept_version``; empty before.
    """

    job: str
    position: int
    name: str
    status: Status
    seq: int
    error: str | None
    record: dict[str, Any]
    corrected: bool


@dataclass(frozen=True)
class KeptJob:
    """What the index knows of a job; ``counts`` says how many of its pictures are in each status."""

    id: str
    concept: str
    classes: tuple[str, ...]
    threshold: float | None
    absent: Absent
    created: float
    touched: float
    counts: dict[Status, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Its pictures."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Pictures without a result as yet."""
        return self.counts.get("queued", 0) + self.counts.get("running", 0)


class Jobs:
    """The jobs of a data folder; what a killed server was at is queued again.

    Args:
        database: its index.

    Attributes:
        faults: what is wrong with the disk.
        alone: of ``(job, position)``: nobody else writes this picture's results meanwhile.
    """

    def __init__(self, database: Database):
        self._database, self.faults = database, database.faults
        self.alone = KeyedLock().hold
        self._adding = threading.Lock()  # two uploads to one job must not take the same places
        self._once_more: set[tuple[str, int]] = (
            set()
        )  # running, but to be done again; guarded by transactions
        self._folder = database.folder / "jobs"
        with database.transaction() as index:
            index.execute("UPDATE picture SET status = 'queued' WHERE status = 'running'")
        known = {row["id"] for row in database.rows("SELECT id FROM job")}
        remove_unfinished(self._folder)
        put_aside(self._folder, known, database.lost)

    def all(self) -> list[KeptJob]:
        """Every job, the newest first."""
        rows = self._database.rows("SELECT * FROM job ORDER BY created DESC, id")
        return [self._kept(row) for row in rows]

    def get(self, identity: str) -> KeptJob | None:
        """One job, or None."""
        rows = self._database.rows("SELECT * FROM job WHERE id = ?", identity)
        return self._kept(rows[0]) if rows else None

    def waiting(self) -> list[str]:
        """The ids of jobs with pictures that are queued, the oldest first."""
        question = (
            "SELECT id FROM job WHERE EXISTS (SELECT 1 FROM picture WHERE job = id AND status = 'queued') "
            "ORDER BY created"
        )
        return [row["id"] for row in self._database.rows(question)]

    def waiting_in(self, identity: str) -> bool:
        """Is a picture of this job queued?"""
        question = "SELECT 1 FROM picture WHERE job = ? AND status = 'queued' LIMIT 1"
        return bool(self._database.rows(question, identity))

    def queued(self) -> int:
        """Pictures of all jobs that wait."""
        return self._database.rows("SELECT count(*) AS n FROM picture WHERE status IN ('queued', 'running')")[
            0
        ]["n"]

    def add(self, concept: str, classes: Sequence[str], threshold: float | None, absent: Absent) -> KeptJob:
        """A new job without pictures."""
        identity, now = new_id(), time.time()
        with self._database.transaction() as index:
            index.execute(
                "INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                (identity, concept, json.dumps(list(classes)), threshold, absent, now, now),
            )
        return KeptJob(identity, concept, tuple(classes), threshold, absent, now, now)

    def add_pictures(self, identity: str, sources: Iterable[tuple[str, bytes | Path]]) -> None:
        """Queue pictures: their names, and their bytes or a file that is kept already.

        Raises:
            PictureError: a kept file is gone.
            UsageError: the job was deleted meanwhile.
        """
        with self._adding:
            question = "SELECT coalesce(max(position), -1) + 1 AS n FROM picture WHERE job = ?"
            start, added = self._database.rows(question, identity)[0]["n"], []
            for position, (name, source) in enumerate(sources, start):
                self._database.quota.take(0 if isinstance(source, Path) else len(source))
                Files(self._folder / identity, position).put(source, name)
                added.append((identity, position, name))
            with self._database.transaction() as index:
                there = index.execute("SELECT 1 FROM job WHERE id = ?", (identity,)).fetchone()
                if there:
                    index.executemany(
                        "INSERT INTO picture (job, position, name, status) VALUES (?, ?, ?, 'queued')", added
                    )
                    self._touch(index, identity)
        self.faults.end()
        if not there:
            self.delete(identity)  # and the files just written
            raise UsageError("The job was deleted meanwhile; start another.")

    def pictures(self, identity: str, after: int = -1, statuses: Sequence[str] = ()) -> list[KeptPicture]:
        """A job's pictures in order, or those of some statuses whose ``seq`` is greater, in order of that."""
        if not statuses:
            rows = self._database.rows("SELECT * FROM picture WHERE job = ? ORDER BY position", identity)
        else:
            marks = ", ".join("?" * len(statuses))
            question = f"SELECT * FROM picture WHERE job = ? AND seq > ? AND status IN ({marks}) ORDER BY seq"
            rows = self._database.rows(question, identity, after, *statuses)
        return [_picture(row) for row in rows]

    def picture(self, identity: str, position: int) -> KeptPicture | None:
        """One picture of a job, or None."""
        question = "SELECT * FROM picture WHERE job = ? AND position = ?"
        rows = self._database.rows(question, identity, position)
        return _picture(rows[0]) if rows else None

    def files(self, identity: str, position: int) -> Files:
        """Where a picture and its results are."""
        return Files(self._folder / identity, position)

    def take(self, identity: str) -> KeptPicture | None:
        """The next queued picture of a job, now running; None if none is left."""
        with self._database.transaction() as index:
            row = index.execute(
                "UPDATE picture SET status = 'running' WHERE job = ? AND position = (SELECT min(position) "
                "FROM picture WHERE job = ? AND status = 'queued') RETURNING *",
                (identity, identity),
            ).fetchone()
        return _picture(row) if row else None

    def finish(
        self, identity: str, position: int, record: dict[str, Any] | None, error: str | None = None
    ) -> bool:
        """Note what became of a running picture: its record, or why it failed.

        False: it was to be done again meanwhile; the picture is queued again.
        """
        status: Status = "failed" if record is None else "done"
        with self._database.transaction() as index:
            if (identity, position) in self._once_more:
                self._once_more.discard((identity, position))
                status, error = "queued", None
            index.execute(
                "UPDATE picture SET status = ?, record = ?, error = ?, seq = ? "
                "WHERE job = ? AND position = ? AND status = 'running'",
                (status, json.dumps(record or {}), error, self._next(index, identity), identity, position),
            )
            self._touch(index, identity)
        return status != "queued"

    def correct(self, identity: str, position: int, record: dict[str, Any] | None) -> bool:
        """A person painted the mask, with this record; None: back to what was found, whose record is kept.

        False: the picture has no result to correct (any more).
        """
        with self._database.transaction() as index:
            row = index.execute(
                "SELECT record FROM picture WHERE job = ? AND position = ? AND status = 'done'",
                (identity, position),
            ).fetchone()
            if row is None:  # deleted, or redone, meanwhile
                return False
            before = json.loads(row["record"])
            found = before.pop("found", None) or dict(before)
            after = found if record is None else {**found, **record, "found": found}
            index.execute(
                "UPDATE picture SET record = ?, corrected = ?, seq = ? WHERE job = ? AND position = ?",
                (json.dumps(after), record is not None, self._next(index, identity), identity, position),
            )
            self._touch(index, identity)
        return True

    def again(self, identity: str, unfinished: bool = False) -> None:
        """Queue every picture that no person corrected; ``unfinished``: those cancelled or failed only.

        One that is running, maybe with what was learned before, is queued when it ends.
        """
        which = "status IN ('cancelled', 'failed')" if unfinished else "status != 'running'"
        question = "SELECT position FROM picture WHERE job = ? AND status = 'running' AND corrected = 0"
        with self._database.transaction() as index:
            if not unfinished:
                running = index.execute(question, (identity,)).fetchall()
                self._once_more |= {(identity, row["position"]) for row in running}
            index.execute(
                "UPDATE picture SET status = 'queued', error = NULL WHERE job = ? AND corrected = 0 "
                f"AND {which}",
                (identity,),
            )
            self._touch(index, identity)

    def cancel(self, identity: str) -> None:
        """What is queued will not be done."""
        with self._database.transaction() as index:
            self._once_more = {one for one in self._once_more if one[0] != identity}
            index.execute(
                "UPDATE picture SET status = 'cancelled', seq = ? WHERE job = ? AND status = 'queued'",
                (self._next(index, identity), identity),
            )

    def delete(self, identity: str) -> bool:
        """Forget a job and its results; False if there is none."""
        with self._database.transaction() as index:
            gone = index.execute("DELETE FROM job WHERE id = ?", (identity,)).rowcount
            key = self._database.removing(index, [f"jobs/{identity}"])
        self._database.remove(key)
        return bool(gone)

    def expire(self, days: float) -> list[str]:
        """Delete the jobs that were last touched so many days ago; their ids."""
        old = [j.id for j in self.all() if not j.waiting and j.touched + days * DAY < time.time()]
        return [identity for identity in old if self.delete(identity)]

    def _next(self, index: Any, identity: str) -> int:
        row = index.execute("UPDATE job SET seq = seq + 1 WHERE id = ? RETURNING seq", (identity,)).fetchone()
        return row["seq"] if row else 0

    def _touch(self, index: Any, identity: str) -> None:
        index.execute("UPDATE job SET touched = ? WHERE id = ?", (time.time(), identity))

    def _kept(self, row: Any) -> KeptJob:
        question = "SELECT status, count(*) AS n FROM picture WHERE job = ? GROUP BY status"
        counts = {r["status"]: r["n"] for r in self._database.rows(question, row["id"])}
        return KeptJob(
            row["id"], row["concept"], tuple(json.loads(row["classes"])), row["threshold"], row["absent"],
            row["created"], row["touched"], counts,
        )  # fmt: skip


def _picture(row: Any) -> KeptPicture:
    return KeptPicture(
        row["job"], row["position"], row["name"], row["status"], row["seq"], row["error"],
        json.loads(row["record"] or "{}"), bool(row["corrected"]),
    )  # fmt: skip
