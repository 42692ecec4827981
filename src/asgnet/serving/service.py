"""What a server does with concepts, pictures and jobs, whatever protocol asks: one network, a few workers.

Quick answers (a picture, a proposal) go before fitting, fitting before the pictures of jobs; jobs take turns
picture by picture.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgnet.apply.inference.postprocess import Absent, decide
from asgnet.errors import SupportError, UsageError
from asgnet.serving.keyed_lock import Turns
from asgnet.serving.runner import Runner
from asgnet.serving.store.concepts import Concepts, Example, KeptConcept, ReplacedError
from asgnet.serving.store.database import Database
from asgnet.serving.store.jobs import Jobs
from asgnet.serving.worker_pool import Workers
from asgnet.types import Concept, Mask, Picture, Prediction

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter

HELD = 8
"""Concepts that stay ready to predict with."""


@dataclass(frozen=True)
class Bounds:
    """What one request, and all of them together, may ask for."""

    pixels: int = 50_000_000
    file_bytes: int = 64 << 20
    request_bytes: int = 512 << 20
    pictures: int = 1000
    supports: int = 50
    classes: int = 50
    waiting: int = 64
    queued: int = 20_000
    days: float = 7.0


class Service:
    """The state and the work behind the server.

    Args:
        folder: where everything is kept.
        load: makes the Segmenter, in a worker, so that starting takes no time.
        bounds: what may be asked for.
        threads: workers.
        on_change: called with a job's id, in any thread, when something of it changed.

    Attributes:
        segmenter: the loaded one; None until then.
        tally: counts for the metrics.
        turn: one worker at a time for each key: who learns from what is there must see what was added last.

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
    ):
        self.bounds, self.on_change = bounds or Bounds(), on_change
        self.database = Database(folder)
        self.concepts, self.jobs = Concepts(self.database), Jobs(self.database)
        self.segmenter: Segmenter | None = None
        self.tally: dict[str, float] = defaultdict(float)
        self._lock, self._diagnosing = threading.Lock(), threading.Lock()
        self._ready: OrderedDict[tuple[str, int], Segmenter] = OrderedDict()
        self._diagnoses: dict[tuple[str, int], Future] = {}
        self.turn = Turns().turn
        self.jobs.expire(self.bounds.days)
        self.warming: threading.Thread | None = None
        self.runner = Runner(self)
        self.workers = Workers(threads, self.bounds.waiting, self.runner.spare)
        self.loaded = self.workers.submit(partial(self._load, load), "slow")

    def _load(self, load: Callable[[], Segmenter]) -> None:
        segmenter = load()
        wanted = copy.copy(segmenter)
        segmenter.answer_in_torch()
        self.segmenter = segmenter
        if segmenter.engine != "torch":
            self.warming = threading.Thread(
                target=self._warm, args=(wanted,), name="asgnet-warming", daemon=True
            )
            self.warming.start()
        for job in self.jobs.waiting():
            self.run(job)

    def _warm(self, wanted: Segmenter) -> None:
        """Make the engine that is wanted, once for all concepts; torch answers until then."""
        import numpy as np

        pixels = np.full((64, 64, 3), 40, np.uint8)
        pixels[16:48, 16:48] = 220
        wanted.fit(pixels, pixels[..., 0] > 128, adapt=False)
        for height in (48, 64):  # 4:3 gets a graph of its own, and after it there is one for every size
            wanted.predict(pixels[:height])
        with self._lock:
            for one in (self.segmenter, *self._ready.values()):
                one._answers = wanted._answers

    def close(self) -> None:
        """Finish what runs, leave what waits for the next start."""
        self.workers.stop()
        if self.warming is not None:
            self.warming.join()
        self.database.close()

    def learn(
        self, name: str, classes: Sequence[str], adapt: str, examples: Sequence[Example], notes: Sequence[str]
    ) -> KeptConcept:
        """Fit a new concept and keep it; to be called by a worker."""
        segmenter = self._fitted(classes, adapt, examples)
        assert segmenter.concept is not None
        kept = self.concepts.add(name, segmenter.concept, adapt, examples, notes)
        self._hold(kept, segmenter)
        return kept

    def learn_again(
        self,
        kept: KeptConcept,
        examples: Sequence[Example],
        notes: Sequence[str],
        classes: Sequence[str] | None = None,
    ) -> KeptConcept | None:
        """Fit a concept on other examples (and other classes); None if it was deleted meanwhile.

        To be called by a worker.
        """
        segmenter = self._fitted(classes or kept.classes, kept.adapt, examples)
        assert segmenter.concept is not None
        new = self.concepts.replace(kept.id, segmenter.concept, examples, notes)
        if new is not None:
            self._hold(new, segmenter)
        return new

    def adopt(self, name: str, concept: Concept) -> KeptConcept:
        """Keep a concept that was fitted elsewhere; to be called by a worker.

        Raises:
            WeightsError: it was fitted with other weights, or is damaged.
        """
        segmenter = self._another()
        segmenter.concept = concept
        kept = self.concepts.add(name, concept, "auto", [], [])
        self._hold(kept, segmenter)
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
        prediction = decide(segmenter.predict(picture), threshold, absent)
        self.tally["seconds"] += time.perf_counter() - began
        return kept, prediction

    def diagnosis(self, kept: KeptConcept) -> Future:
        """What the doctor says of a concept's examples, once it is known.

        Raises:
            BusyError: as much waits as may wait.
            UsageError: the concept came without its examples.
        """
        if kept.doctor is not None:
            done: Future = Future()
            done.set_result(kept.doctor)
            return done
        if not self.concepts.examples(kept.id):
            raise UsageError("This concept came as a file, without its examples; the doctor needs them.")
        key = (kept.id, kept.version)
        with self._lock:
            for old in [k for k, f in self._diagnoses.items() if f.done()]:
                del self._diagnoses[old]
            if key not in self._diagnoses:
                self._diagnoses[key] = self.workers.submit(partial(self._diagnose, kept), "slow")
            return self._diagnoses[key]

    def run(self, job: str) -> None:
        """Have a job's queued pictures done."""
        self.runner.run(job)

    def pace(self) -> float:
        """Seconds from one picture of a job to the next, as far as it is known."""
        each = self.tally["seconds"] / self.tally["pictures"] if self.tally["pictures"] else 0.5
        return each / self.workers.threads

    def ready(self, kept: KeptConcept) -> Segmenter:
        """A Segmenter that holds this version of a concept.

        Raises:
            ReplacedError: the concept was deleted, or learnt anew, meanwhile.
            WeightsError: it was fitted with other weights than the server's.
        """
        key = (kept.id, kept.version)
        with self._lock:
            if key in self._ready:
                self._ready.move_to_end(key)
                return self._ready[key]
        segmenter = self._another()
        segmenter.concept = self.concepts.load(kept)
        self._hold(kept, segmenter)
        return segmenter

    def _newest(self, kept: KeptConcept) -> tuple[KeptConcept, Segmenter]:
        while True:
            try:
                return kept, self.ready(kept)
            except ReplacedError:
                newer = self.concepts.get(kept.id)
                if newer is None or newer.version == kept.version:
                    raise
                kept = newer

    def pairs(self, identity: str) -> list[tuple[Picture, Mask]]:
        """A concept's examples, decoded: pictures and class indices."""
        from asgnet.data.read import read_labels
        from asgnet.serving.uploads import picture_of

        return [
            (picture_of(e.picture.read_bytes(), e.name), read_labels(e.mask))
            for e in self.concepts.examples(identity)
        ]

    def _fitted(self, classes: Sequence[str], adapt: str, examples: Sequence[Example]) -> Segmenter:
        from asgnet.data.read import read_labels
        from asgnet.serving.uploads import Named, picture_of, taught

        pairs = [(picture_of(e.picture, e.name), read_labels(Named(e.mask, e.name))) for e in examples]
        unseen = [c for n, c in enumerate(classes, 1) if not any((labels == n).any() for _, labels in pairs)]
        if unseen:
            raise SupportError(f"No example shows {unseen[0]!r}: paint it in at least one picture.")
        segmenter = self._another()
        modes = {"auto": "auto", "true": True, "false": False}
        self.tally["fits"] += 1
        mode: Any = modes[adapt]
        # The store keeps the pictures; the file, which may be given away, must not.
        return segmenter.fit(*taught(pairs, classes), adapt=mode, keep_pictures=False)

    def _diagnose(self, kept: KeptConcept) -> dict[str, Any]:
        from asgnet.apply.doctor.diagnosis import diagnose

        names = [e.name for e in self.concepts.examples(kept.id)]
        pairs = self.pairs(kept.id)
        # One class after the other would cost as many times the fits: examples are judged as object or not.
        masks = [((labels > 0) * 1 + (labels == 255) * 254).astype("uint8") for _, labels in pairs]
        with self._diagnosing:  # it sets filters of warnings, which belong to all threads
            diagnosis = diagnose(self._another(), [p for p, _ in pairs], masks)
        findings = [
            {**f.record, "index": i, "name": name}
            for i, (f, name) in enumerate(zip(diagnosis.findings, names, strict=True))
        ]
        said = {"usable": diagnosis.usable, "advice": diagnosis.advice, "findings": findings}
        self.concepts.remember_diagnosis(kept.id, kept.version, said)
        return said

    def _another(self) -> Segmenter:
        """A Segmenter of its own that shares the network."""
        if self.segmenter is None:
            self.loaded.result()
        return copy.copy(self.segmenter)  # type: ignore[return-value]

    def _hold(self, kept: KeptConcept, segmenter: Segmenter) -> None:
        segmenter.supports, segmenter._superpixels = [], []
        with self._lock:
            segmenter._answers = self.segmenter._answers  # the engine may have come since it was copied
            for old in [k for k in self._ready if k[0] == kept.id]:
                del self._ready[old]
            self._ready[kept.id, kept.version] = segmenter
            while len(self._ready) > HELD:
                self._ready.popitem(last=False)
