"""What a server does with concepts, pictures and jobs, whatever the protocol: one network, a few threads.

Quick work (a picture, a proposal) goes before fitting, fitting before the pictures of jobs; of several jobs
each has one picture done, round and round.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgnet.apply.concept.file import Concept
from asgnet.apply.inference.postprocess import Absent, postprocess
from asgnet.errors import PictureError, SupportError, UsageError
from asgnet.serving.decoding import Decoder, PixelBudget, check_total, sizes_of
from asgnet.serving.keyed_lock import KeyedLock
from asgnet.serving.models import Models
from asgnet.serving.runner import Runner
from asgnet.serving.store.concepts import Concepts, ReplacedError
from asgnet.serving.store.database import Database
from asgnet.serving.store.jobs import Jobs, KeptPicture
from asgnet.serving.store.kept import Example, KeptConcept
from asgnet.serving.worker_pool import WorkerPool
from asgnet.types import GROUND, Picture, Prediction, Unpainted

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


@dataclass(frozen=True)
class Bounds:
    """What one request, and (``bodies_bytes``, ``waiting``, ``queued``) all of them together, may bring."""

    pixels: int = 50_000_000
    request_pixels: int = 600_000_000
    pixels_at_a_time: int = 60_000_000
    file_bytes: int = 64 << 20
    request_bytes: int = 512 << 20
    bodies_bytes: int = 1 << 30
    pictures: int = 1000
    supports: int = 50
    classes: int = 50
    waiting: int = 64
    queued: int = 20_000
    days: float = 7.0
    folder_bytes: int | None = None


class Service:
    """The state and the work behind the server.

    Args:
        folder: where everything is kept.
        load: makes the Segmenter, in a worker, so that starting takes no time.
        bounds: what may be brought.
        threads: that compute.
        on_change: called with a job's id, in any thread, when something of it changed.
        repair: make a new index if it is missing or damaged, and take in concepts that it does not know.

    Attributes:
        models: the network, and the concepts that are ready.
        tally: counts for the metrics.
        alone: one thread at a time for each key: who learns from what is there must see what was added last.

    Raises:
        OutputError: as :class:`asgnet.serving.store.database.Database`.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[], Segmenter],
        bounds: Bounds | None = None,
        threads: int = 2,
        on_change: Callable[[str], None] = lambda job: None,
        repair: bool = False,
    ):
        self.bounds, self.on_change = bounds or Bounds(), on_change
        self.database = Database(folder, repair, self.bounds.folder_bytes)
        self.decoder = Decoder(self.bounds.pixels, PixelBudget(self.bounds.pixels_at_a_time), threads + 1)
        self.concepts, self.jobs = Concepts(self.database, repair), Jobs(self.database)
        self.models = Models(self.concepts)
        self.tally: dict[str, float] = defaultdict(float)
        self._lock, self._diagnosing = threading.Lock(), threading.Lock()
        self._diagnoses: dict[tuple[str, int], Future[dict[str, Any]]] = {}
        self.alone = KeyedLock().hold
        self.jobs.expire(self.bounds.days)
        self.runner = Runner(self.jobs, self._segment_kept, self._ended, lambda: self.pool.wake())
        self.pool = WorkerPool(threads, self.bounds.waiting, self.runner.spare)
        self.loaded = self.pool.submit(partial(self._load, load), "slow")

    def _load(self, load: Callable[[], Segmenter]) -> None:
        self.models.load(load)
        for job in self.jobs.waiting():
            self.run(job)

    @property
    def segmenter(self) -> Segmenter | None:
        """The loaded one, without a concept; None until then."""
        return self.models.base

    def close(self) -> None:
        """Finish what runs, but give up what is being decoded; leave what waits for the next start."""
        self.decoder.close()
        self.pool.stop()
        self.database.close()

    def learn(
        self,
        name: str,
        classes: Sequence[str],
        adapt: str,
        examples: Sequence[Example],
        notes: Sequence[str],
        unpainted: Unpainted = "background",
    ) -> KeptConcept:
        """Fit a new concept and keep it; to be called by a worker."""
        segmenter, concept = self._fitted(classes, adapt, examples, unpainted)
        kept = self.concepts.add(name, concept, adapt, examples, notes, unpainted)
        self.models.hold(kept, segmenter)
        return kept

    def refit(
        self,
        kept: KeptConcept,
        examples: Sequence[Example],
        notes: Sequence[str],
        classes: Sequence[str] | None = None,
        unpainted: Unpainted | None = None,
    ) -> KeptConcept | None:
        """Fit a concept on other examples (and other classes); None if it was deleted meanwhile.

        To be called by a worker.
        """
        unpainted = unpainted or kept.unpainted
        segmenter, concept = self._fitted(classes or kept.classes, kept.adapt, examples, unpainted)
        new = self.concepts.replace(kept.id, concept, examples, notes, unpainted)
        if new is not None:
            self.models.hold(new, segmenter)
        return new

    def adopt(self, name: str, concept: Concept) -> KeptConcept:
        """Keep a concept that was fitted elsewhere; to be called by a worker.

        Raises:
            WeightsError: it was fitted with other weights, or is damaged.
        """
        segmenter = self.models.another()
        segmenter.concept = concept
        kept = self.concepts.add(name, concept, "auto", [], [])
        self.models.hold(kept, segmenter)
        return kept

    def segment(
        self, kept: KeptConcept, picture: Picture, threshold: float | None, absent: Absent
    ) -> tuple[KeptConcept, Prediction]:
        """Find a concept in a picture: this version of it, or the newest if this was replaced meanwhile.

        To be called by a worker.

        Raises:
            UsageError: it was deleted meanwhile.
        """
        self.tally["pictures"] += 1
        began = time.perf_counter()
        kept, segmenter = self._newest(kept)
        prediction = postprocess(segmenter.predict(picture), threshold, absent)
        self.tally["seconds"] += time.perf_counter() - began
        return kept, prediction

    def _segment_kept(self, taken: KeptPicture) -> tuple[Prediction, dict[str, Any]]:
        """Find a job's concept in one of its pictures: the prediction, and its record."""
        from asgnet.serving.store.results import record_of

        job = self.jobs.get(taken.job)
        concept = self.concepts.get(job.concept) if job else None
        if job is None or concept is None:
            raise UsageError("The concept was deleted before this picture was done; start another job.")
        try:
            data = self.jobs.files(taken.job, taken.position).picture.read_bytes()
        except FileNotFoundError as error:
            raise PictureError(f"{taken.name!r} is no longer there; upload it again.") from error
        with self.decoder.picture(data, taken.name) as picture:
            began = time.perf_counter()
            concept, prediction = self.segment(concept, picture, job.threshold, job.absent)
            seconds = round(time.perf_counter() - began, 4)
        if concept.classes != job.classes:
            raise UsageError("The concept has other classes by now; start another job.")
        return prediction, {**record_of(prediction), "seconds": seconds, "concept_version": concept.version}

    def _ended(self, job: str, done: bool) -> None:
        self.tally["job_done" if done else "job_failed"] += 1
        self.on_change(job)

    def diagnosis(self, kept: KeptConcept) -> Future[dict[str, Any]]:
        """What the doctor says of a concept's examples, once it is known.

        Raises:
            QueueFullError: as much waits as may wait.
            UsageError: the concept came without its examples.
        """
        if kept.doctor is not None:
            done: Future[dict[str, Any]] = Future()
            done.set_result(kept.doctor)
            return done
        if not self.concepts.examples(kept.id):
            raise UsageError("This concept came as a file, without its examples; the doctor needs them.")
        key = (kept.id, kept.version)
        with self._lock:
            for old in [k for k, f in self._diagnoses.items() if f.done()]:
                del self._diagnoses[old]
            if key not in self._diagnoses:
                self._diagnoses[key] = self.pool.submit(partial(self._diagnose, kept), "slow")
            return self._diagnoses[key]

    def run(self, job: str) -> None:
        """Have a job's queued pictures done."""
        self.runner.run(job)
        self.pool.wake()

    def pace(self) -> float:
        """Seconds from one picture of a job to the next, as far as it is known."""
        each = self.tally["seconds"] / self.tally["pictures"] if self.tally["pictures"] else 0.5
        return each / self.pool.threads

    def _newest(self, kept: KeptConcept) -> tuple[KeptConcept, Segmenter]:
        while True:
            try:
                return kept, self.models.ready(kept)
            except ReplacedError:
                newer = self.concepts.get(kept.id)
                if newer is None or newer.version == kept.version:
                    raise
                kept = newer

    def check_sizes(
        self, pictures: Sequence[tuple[bytes, str]], more: Iterable[tuple[int, int]] = ()
    ) -> None:
        """Refuse examples, files with their names, that are too much for one request, ``more`` sizes with them.

        Raises:
            SupportError: one of them is no picture, or too large.
            TooMuchError: together they have too many pixels.
        """
        try:
            sizes = sizes_of(self.decoder, pictures)
        except PictureError as error:
            raise SupportError(f"An example cannot be used: {error}") from error
        check_total([*sizes, *more], self.bounds.request_pixels)

    def _fitted(
        self, classes: Sequence[str], adapt: str, examples: Sequence[Example], unpainted: Unpainted
    ) -> tuple[Segmenter, Concept]:
        from asgnet.serving.shrink import fit_small, small_example
        from asgnet.serving.uploads import labels_in

        check_total((example.size for example in examples), self.bounds.request_pixels)
        segmenter, small = self.models.another(), []
        for example in examples:
            labels = labels_in(example.mask, example.name)
            with self.decoder.picture(example.picture, example.name) as picture:
                small.append(small_example(segmenter.backend, picture, labels, classes, unpainted))
        unseen = [name for name in classes if all(one.kept.masks[name] is None for one in small)]
        if unseen:
            raise SupportError(f"No example shows {unseen[0]!r}: paint it in at least one picture.")
        self.tally["fits"] += 1
        return segmenter, fit_small(segmenter, classes, small, adapt != "false")

    def _diagnose(self, kept: KeptConcept) -> dict[str, Any]:
        from asgnet.apply.doctor.diagnosis import diagnose
        from asgnet.serving.shrink import decoded_pairs, object_or_not

        names = [e.name for e in self.concepts.examples(kept.id)]
        pairs = decoded_pairs(self.decoder, self.concepts.examples(kept.id), self.bounds.pixels_at_a_time)
        # One class after the other would cost as many times the fits: examples are judged as object or not.
        masks = [object_or_not(labels) for _, labels in pairs]
        ground = [labels == GROUND for _, labels in pairs]
        with self._diagnosing:  # it sets filters of warnings, which belong to all threads
            diagnosis = diagnose(self.models.another(), [p for p, _ in pairs], masks, kept.unpainted, ground)
        findings = [
            {**f.record, "index": i, "name": name}
            for i, (f, name) in enumerate(zip(diagnosis.findings, names, strict=True))
        ]
        said = {"usable": diagnosis.usable, "advice": diagnosis.advice, "findings": findings}
        self.concepts.remember_diagnosis(kept.id, kept.version, said)
        return said
