"""Jobs through their steps: one after another on this machine, or in groups with a manifest part each."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator

from asgnet.apply.batch.manifest import Part
from asgnet.apply.batch.plan import Job
from asgnet.apply.batch.prefetch import overlapped
from asgnet.apply.batch.steps import Answer, ManifestEntry, Record, Steps
from asgnet.errors import OutputError

Outcome = tuple[Job, ManifestEntry | Exception]
Finished = Callable[[Job], ManifestEntry | None]

_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


def through_steps(
    steps: Steps,
    jobs: Iterable[Job],
    finished: Finished,
    record: Record,
    clear: Callable[[Job], None],
) -> Iterator[Outcome]:
    """Jobs through the three steps, overlapped; raises what would make every other picture fail as well."""

    def write(job: Job, answer: Answer) -> ManifestEntry:
        if answer.prediction is not None:
            clear(job)
        return steps.write(job, answer, record)

    for job, outcome in overlapped(jobs, lambda job: steps.read(job, finished(job)), steps.predict, write):
        if isinstance(outcome, OutputError) and getattr(outcome.__cause__, "errno", None) in _HOPELESS:
            raise outcome
        yield job, outcome


def in_a_part(
    steps: Steps,
    group: list[Job],
    finished: Finished,
    clear: Callable[[Job], None],
) -> Iterator[Outcome]:
    """A group through the steps with a part of the manifest for itself."""
    known = {job.name: finished(job) for job in group}
    waiting = [job for job in group if not steps.options.satisfied(job.stem, known[job.name])]
    for job in waiting:
        clear(job)
    claims = [
        (job.name, steps.key, [*steps.options.outputs(job.stem, event).values()], event is not None)
        for job in waiting
        for event in [known[job.name]]
    ]
    record = Part(steps.folder, claims)
    yield from through_steps(steps, group, lambda job: known[job.name], record, lambda job: None)
