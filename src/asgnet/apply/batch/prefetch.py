"""Reading ahead and writing behind while the model works, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Job, Read, Worked, Written = TypeVar("Job"), TypeVar("Read"), TypeVar("Worked"), TypeVar("Written")


def overlapped(
    jobs: Iterable[Job],
    read: Callable[[Job], Read],
    work: Callable[[Job, Read], Worked],
    write: Callable[[Job, Worked], Written],
    ahead: int = 2,
) -> Iterator[tuple[Job, Written | Exception]]:
    """Yield every job with what ``write`` returned, or with the error that one of its steps raised.

    ``read`` runs in one thread, ``write`` in another, ``work`` in the caller's; at most ``ahead`` jobs wait
    before and after ``work``. Results come in the order of the jobs. When the caller stops early, or is
    interrupted, the write that runs is finished and those that wait are dropped.
    """
    source = iter(jobs)
    reads: deque[tuple[Job, Future[Read]]] = deque()
    writes: deque[tuple[Job, Future[Written]]] = deque()
    reader, writer = ThreadPoolExecutor(1, "asgnet-read"), ThreadPoolExecutor(1, "asgnet-write")
    try:
        while True:
            for job in islice(source, ahead + 1 - len(reads)):
                reads.append((job, reader.submit(read, job)))
            if not reads:
                break
            job, future = reads.popleft()
            try:
                worked = work(job, future.result())
            except Exception as error:
                writes.append((job, _failed(error)))
            else:
                writes.append((job, writer.submit(write, job, worked)))
                del worked
            while writes and (len(writes) > ahead or writes[0][1].done()):
                yield _outcome(*writes.popleft())
        while writes:
            yield _outcome(*writes.popleft())
    finally:
        for pool in (reader, writer):
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in (reader, writer):
            pool.shutdown(wait=True)


def _failed(error: Exception) -> Future:
    future: Future = Future()
    future.set_exception(error)
    return future


def _outcome(job: Job, future: Future[Written]) -> tuple[Job, Written | Exception]:
    try:
        return job, future.result()
    except Exception as error:
        return job, error
