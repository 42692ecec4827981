"""The pictures of jobs, one at a time: of each job one, round and round."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from asgnet.errors import AsgnetError
from asgnet.serving.decoding import StoppingError
from asgnet.serving.store.jobs import Jobs, KeptPicture
from asgnet.serving.worker_pool import Work
from asgnet.types import Prediction

Segmented = tuple[Prediction, dict[str, Any]]
"""What was found in a picture, and its record."""


class Runner:
    """Gives the pool the next picture when nothing else waits.

    Args:
        jobs: where they are kept.
        segment: does a picture.
        ended: called with a job's id and whether its picture is done, when one has ended.
    """

    def __init__(
        self, jobs: Jobs, segment: Callable[[KeptPicture], Segmented], ended: Callable[[str, bool], None]
    ):
        self._jobs, self._segment, self._ended = jobs, segment, ended
        self._lock = threading.Lock()
        self._rotation: deque[str] = deque()

    def run(self, job: str) -> None:
        """Have a job's queued pictures done; the pool is to be woken."""
        with self._lock:
            if job not in self._rotation:
                self._rotation.append(job)

    def spare(self) -> Work | None:
        """Work on a picture of the next job; None if none waits."""
        with self._lock:
            if not self._rotation:
                return None
            job = self._rotation.popleft()
            self._rotation.append(job)
            return partial(self._one, job)

    def _one(self, job: str) -> None:
        """Do the next picture of a job."""
        taken = self._jobs.take(job)
        if taken is None:
            with self._lock:
                if job in self._rotation:
                    self._rotation.remove(job)
            if self._jobs.waiting_in(job):
                self.run(job)  # one was queued in between
            return
        with ExitStack() as alone:  # nobody reads new masks beside an old record
            try:
                prediction, record = self._segment(taken)
                alone.enter_context(self._jobs.alone((job, taken.position)))
                self._jobs.files(job, taken.position).write(prediction)
                error = None
            except StoppingError:
                return  # the next start queues it again
            except AsgnetError as problem:
                record, error = None, str(problem)
            except Exception as problem:
                record, error = None, f"unexpected: {type(problem).__name__}"
            if not self._jobs.finish(job, taken.position, record, error):
                self.run(job)  # it may have left the rotation meanwhile
        if self._jobs.get(job) is None:  # deleted meanwhile: the files just written as well
            self._jobs.delete(job)
        self._ended(job, record is not None)
