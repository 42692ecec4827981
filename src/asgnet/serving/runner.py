"""The pictures of jobs, one at a time, the jobs taking turns."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from asgnet.errors import AsgnetError, PictureError, UsageError
from asgnet.serving.store.jobs import KeptPicture
from asgnet.serving.worker_pool import Work
from asgnet.types import Prediction

if TYPE_CHECKING:
    from asgnet.serving.service import Service


class Runner:
    """Gives the workers the next picture when nothing else waits.

    Args:
        service: keeps the jobs and segments the pictures.
    """

    def __init__(self, service: Service):
        self._service, self._lock = service, threading.Lock()
        self._turns: deque[str] = deque()

    def run(self, job: str) -> None:
        """Have a job's queued pictures done."""
        with self._lock:
            if job not in self._turns:
                self._turns.append(job)
        self._service.workers.wake()

    def spare(self) -> Work | None:
        """Work on the picture of the job whose turn it is; None if none waits."""
        with self._lock:
            if not self._turns or self._service.segmenter is None:
                return None
            job = self._turns.popleft()
            self._turns.append(job)
            return partial(self._one, job)

    def _one(self, job: str) -> None:
        """Do the next picture of a job."""
        taken = self._service.jobs.take(job)
        if taken is None:
            with self._lock:
                if job in self._turns:
                    self._turns.remove(job)
            if self._service.jobs.waiting_in(job):
                self.run(job)  # one was queued in between
            return
        with ExitStack() as turn:  # nobody reads new masks beside old facts
            try:
                prediction, facts = self._answer(taken)
                turn.enter_context(self._service.jobs.turn((job, taken.position)))
                self._service.jobs.files(job, taken.position).write(prediction)
                error = None
            except AsgnetError as problem:
                facts, error = None, str(problem)
            except Exception as problem:
                facts, error = None, f"unexpected: {type(problem).__name__}"
            self._service.tally["job_done" if facts is not None else "job_failed"] += 1
            if not self._service.jobs.finish(job, taken.position, facts, error):
                self.run(job)  # it may have left the turns meanwhile
        if self._service.jobs.get(job) is None:  # deleted meanwhile: the files just written as well
            self._service.jobs.delete(job)
        self._service.on_change(job)

    def _answer(self, taken: KeptPicture) -> tuple[Prediction, dict[str, Any]]:
        from asgnet.serving.store.results import facts
        from asgnet.serving.uploads import picture_of

        job = self._service.jobs.get(taken.job)
        concept = self._service.concepts.get(job.concept) if job else None
        if job is None or concept is None:
            raise UsageError("The concept was deleted before this picture's turn; start another job.")
        try:
            data = self._service.jobs.files(taken.job, taken.position).picture.read_bytes()
        except OSError as error:
            raise PictureError(f"{taken.name!r} is no longer there; upload it again.") from error
        picture = picture_of(data, taken.name, self._service.bounds.pixels)
        began = time.perf_counter()
        concept, prediction = self._service.segment(concept, picture, job.threshold, job.absent)
        seconds = round(time.perf_counter() - began, 4)
        if concept.classes != job.classes:
            raise UsageError("The concept has other classes by now; start another job.")
        return prediction, {**facts(prediction), "seconds": seconds, "concept_version": concept.version}
