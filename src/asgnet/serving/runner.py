"""The pictures of jobs, one at a time: of each job one, round and round; on a full disk they wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from asgnet.errors import AsgnetError
from asgnet.serving.decoding import StoppingError
from asgnet.serving.store.faults import StorageError, storage_error
from asgnet.serving.store.jobs import Jobs, KeptPicture
from asgnet.serving.worker_pool import Work
from asgnet.types import Prediction

Segmented = tuple[Prediction, dict[str, Any]]
"""What was found in a picture, and its record."""
_PAUSE, _LONGEST = 0.5, 10.0
"""Seconds until storing is tried again: the first time, and at most, for they double."""


class _Taken(NamedTuple):
    """A picture of which nothing is stored as yet, and what was found in it, once that is known."""

    picture: KeptPicture
    found: Segmented | None = None


class Runner:
    """Gives the pool the next picture when nothing else waits.

    What was found is kept in memory while it cannot be stored, for as many pictures as there are workers.

    Args:
        jobs: where they are kept.
        segment: does a picture.
        ended: called with a job's id and whether its picture is done, when one has ended.
        wake: called when there is work again after a pause.
    """

    def __init__(
        self,
        jobs: Jobs,
        segment: Callable[[KeptPicture], Segmented],
        ended: Callable[[str, bool], None],
        wake: Callable[[], None],
    ):
        self._jobs, self._segment, self._ended, self._wake = jobs, segment, ended, wake
        self._lock = threading.Lock()
        self._rotation: deque[str] = deque()
        self._unstored: deque[_Taken] = deque()
        self._pause, self._until = 0.0, 0.0

    def run(self, job: str) -> None:
        """Have a job's queued pictures done; the pool is to be woken."""
        with self._lock:
            if job not in self._rotation:
                self._rotation.append(job)

    def spare(self) -> Work | None:
        """Work on a picture of the next job; None if none waits, or nothing can be stored now."""
        with self._lock:
            if time.monotonic() < self._until:
                return None
            if self._unstored:
                return partial(self._storing, self._do, self._unstored.popleft())
            if not self._rotation:
                return None
            job = self._rotation.popleft()
            self._rotation.append(job)
            return partial(self._storing, self._next, job)

    def _storing(self, work: Callable[[Any], None], of: Any) -> None:
        """Do it; where storing fails, nothing is begun for a while."""
        try:
            work(of)
        except StorageError:
            with self._lock:
                self._pause = min(_LONGEST, 2 * self._pause or _PAUSE)
                self._until = time.monotonic() + self._pause
                timer = threading.Timer(self._pause, self._wake)
            timer.daemon = True
            timer.start()
        else:
            with self._lock:
                self._pause, self._until = 0.0, 0.0

    def _next(self, job: str) -> None:
        """Do the next picture of a job."""
        taken = self._jobs.take(job)
        if taken is not None:
            self._do(_Taken(taken))
            return
        with self._lock:
            if job in self._rotation:
                self._rotation.remove(job)
        if self._jobs.waiting_in(job):
            self.run(job)  # one was queued in between

    def _do(self, taken: _Taken) -> None:
        """Segment a picture and store what was found.

        Raises:
            StorageError: that cannot be now; the picture is kept for the next time.
        """
        try:
            found, error = taken.found or self._segment(taken.picture), None
        except StoppingError:
            return  # it is "running" in the index, and queued again at the next start
        except Exception as problem:
            self._keep_if_unstored(taken, problem)
            found = None
            error = (
                str(problem) if isinstance(problem, AsgnetError) else f"unexpected: {type(problem).__name__}"
            )
        try:
            self._store(taken.picture, found, error)
        except Exception as problem:
            self._keep_if_unstored(taken._replace(found=found), problem)
            self._store(taken.picture, None, f"unexpected: {type(problem).__name__}")
        self._jobs.faults.end()

    def _keep_if_unstored(self, taken: _Taken, problem: Exception) -> None:
        """Raises StorageError if the disk is at fault."""
        fault = storage_error(problem)
        if fault is not None:
            self._jobs.faults.begin(fault)
            with self._lock:
                self._unstored.append(taken)
            raise fault from problem

    def _store(self, picture: KeptPicture, found: Segmented | None, error: str | None) -> None:
        job, position = picture.job, picture.position
        with ExitStack() as alone:  # nobody reads new masks beside an old record
            record = None
            if found is not None:
                prediction, record = found
                alone.enter_context(self._jobs.alone((job, position)))
                self._jobs.files(job, position).write(prediction)
            if not self._jobs.finish(job, position, record, error):
                self.run(job)  # it may have left the rotation meanwhile
        if self._jobs.get(job) is None:  # deleted meanwhile: the files just written as well
            self._jobs.delete(job)
        self._ended(job, record is not None)
