"""A few threads with bounded queues before them; a full queue says when there should be room."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal, NamedTuple, TypeVar

from asgnet.errors import AsgnetError

T = TypeVar("T")
Work = Callable[[], Any]
_REVERSED_EVERY = 4
"""One choice in so many begins with the kinds that usually come last, so that nothing waits for ever."""


class QueueFullError(AsgnetError):
    """The queue is full; ``retry_after`` seconds from now there should be room."""

    def __init__(self, message: str, retry_after: float):
        super().__init__(message)
        self.retry_after = retry_after


class _Task(NamedTuple):
    future: Future
    work: Work


class WorkerPool:
    """Threads that do quick work first, slow work on some of them only, and spare work when nothing waits.

    However much slow or spare work there is, quick work waits for one picture at most, and one thread at
    least never takes slow work.

    Args:
        threads: how many, at least two, so that slow work leaves one for the rest.
        waiting: how many tasks of each kind may wait.
        spare: called for work when nothing else waits; None when there is none. :meth:`wake` says there is.
    """

    def __init__(self, threads: int, waiting: int, spare: Callable[[], Work | None] = lambda: None):
        self._waiting, self._spare = waiting, spare
        self._queues: dict[str, deque[_Task]] = {"quick": deque(), "slow": deque()}
        self._changed = threading.Condition()
        self._slow, self._most_slow, self._stopped, self._choices = 0, max(1, threads // 2), False, 0
        self._pace = {"quick": 0.5, "slow": 5.0}
        self.busy, self.threads = 0, max(2, threads)
        names = (f"asgnet-worker-{i}" for i in range(self.threads))
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], T], kind: Literal["quick", "slow"] = "quick") -> Future[T]:
        """Queue work.

        Raises:
            QueueFullError: as much waits as may wait.
        """
        with self._changed:
            queue = self._queues[kind]
            if self._stopped or len(queue) >= self._waiting:
                wait = 1 + len(queue) * self._pace[kind] / len(self._threads)
                raise QueueFullError(f"{len(queue)} requests wait already; come again in {wait:.0f} s.", wait)
            future: Future[T] = Future()
            queue.append(_Task(future, work))
            self._changed.notify()
        return future

    def wake(self) -> None:
        """There may be spare work."""
        with self._changed:
            self._changed.notify_all()

    def waiting(self) -> dict[str, int]:
        """How much waits, by kind."""
        with self._changed:
            return {kind: len(queue) for kind, queue in self._queues.items()}

    def stop(self) -> None:
        """Take no more, drop what waits, and return when what runs has ended."""
        with self._changed:
            self._stopped = True
            for queue in self._queues.values():
                while queue:
                    queue.popleft().future.cancel()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                chosen = self._choose()
                while chosen is None:
                    if self._stopped:
                        return
                    self._changed.wait()
                    chosen = self._choose()
                kind, task = chosen
                self._slow += kind == "slow"
                self.busy += 1
            self._do(kind, task)
            del chosen, task
            with self._changed:
                self._slow -= kind == "slow"
                self.busy -= 1
                self._changed.notify()

    def _choose(self) -> tuple[str, _Task] | None:
        if self._stopped:
            return None
        self._choices += 1
        kinds = ["quick", "slow", "spare"]
        for kind in kinds if self._choices % _REVERSED_EVERY else reversed(kinds):
            if kind == "slow" and self._slow >= self._most_slow:
                continue
            if kind != "spare" and self._queues[kind]:
                return kind, self._queues[kind].popleft()
            work = self._spare() if kind == "spare" else None
            if work is not None:
                return kind, _Task(Future(), work)
        return None

    def _do(self, kind: str, task: _Task) -> None:
        if not task.future.set_running_or_notify_cancel():
            return
        began = time.perf_counter()
        try:
            task.future.set_result(task.work())
        except BaseException as error:
            task.future.set_exception(error)
        if kind in self._pace:
            self._pace[kind] += 0.2 * (time.perf_counter() - began - self._pace[kind])
