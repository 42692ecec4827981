"""The same job on a Ray cluster, or in several processes here: Ray Data streams, workers segment.

Each worker holds one Segmenter. It takes groups of pictures, reads, segments and writes them itself, and
keeps a part of the manifest; only what is said about each picture comes back. Ray hands out no more than
workers can take (back-pressure), so that a million pictures need no more memory than a hundred. Killed at any
moment, the same command takes the parts in and goes on.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

from asgnet.apply.batch.execution import Finished, Outcome, in_a_part
from asgnet.apply.batch.plan import Job, RunOptions, groups
from asgnet.apply.batch.steps import ManifestEntry, Steps, version_of
from asgnet.data.folder import LocalFolder, folder_at
from asgnet.errors import AsgnetError, OutputError, PictureError, UsageError

if TYPE_CHECKING:
    pass

MOST_BLOCKS = 10_000
_STORE = 200 * 2**20  # bytes: names and JSON lines pass through it, never pictures


def on_cluster(
    steps: Steps,
    jobs: list[Job],
    finished: Finished,
    clear: Callable[[Job], None],
    address: str | None = None,
    workers: int | None = None,
) -> Iterator[Outcome]:
    """Every job with what is said about it, or its error; what was finished before comes first.

    Args:
        steps: with the Segmenter that each worker gets a copy of.
        jobs: of the run.
        finished: what the manifest knows of a job that is finished.
        clear: removes what a killed run left of a job.
        address: of the cluster (``auto``, ``ray://host:10001``); None starts one here, and ends it.
        workers: how many; None is one a core, or one a GPU for a Segmenter on one.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at the address.
        OutputError: a worker cannot write.
    """
    ray = _ray()
    waiting = []
    for job in jobs:
        event = finished(job)
        if event is None or not steps.options.satisfied(job.stem, event):
            clear(job)
            waiting.append(job)
        elif event.get("version") and event["version"] == version_of(job.picture):
            yield job, {"summary": event["summary"], "skipped": True}
        else:
            waiting.append(job)
    if not waiting:
        return
    with _cluster(ray, address, workers):
        yield from _streamed(ray, steps, waiting, finished, workers)


class Worker:
    """One process of the cluster, with a Segmenter of its own.

    Args:
        segmenter: where Ray keeps it.
        place: the folder for the results.
        options: what to write.
        key: of the run.
        here: the folder that relative names start from.
    """

    def __init__(self, segmenter: Any, place: str, options: RunOptions, key: str, here: str):
        import ray

        with suppress(OSError):  # on another machine names must be absolute or addresses
            os.chdir(here)
        self.steps = Steps(ray.get(segmenter[0]), folder_at(place), options, key)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Groups of jobs -> what is said about each group's, as JSON."""
        return {"said": [json.dumps(self._said(json.loads(str(group)))) for group in batch["group"]]}

    def _said(self, group: list[list[Any]]) -> list[ManifestEntry]:
        known = {entry[1]: entry[4] for entry in group}
        jobs = [Job(*entry[:4]) for entry in group]
        try:
            done = in_a_part(self.steps, jobs, lambda job: known[job.name], lambda job: None)
            return [_in_short(outcome) for _, outcome in done]
        except OutputError as error:  # every other picture would fail, too
            return [{"hopeless": str(error)}]


def _streamed(
    ray: ModuleType, steps: Steps, jobs: list[Job], finished: Finished, workers: int | None
) -> Iterator[Outcome]:
    device = getattr(getattr(steps.segmenter, "device", None), "type", "cpu")
    kind = "GPU" if device == "cuda" else "CPU"
    count = workers or max(1, int(ray.cluster_resources().get(kind, 1)))
    most = max(1, min(16, len(jobs) // (4 * count)))  # of a few pictures each worker gets some
    rows = [{"group": json.dumps([[*job, finished(job)] for job in group])} for group in groups(jobs, most)]
    place = steps.folder.place("")
    place = os.path.abspath(place) if isinstance(steps.folder, LocalFolder) else place.rstrip("/")
    data = ray.data.from_items(rows, override_num_blocks=min(len(rows), MOST_BLOCKS))
    said = data.map_batches(
        Worker,
        fn_constructor_args=([ray.put(steps.segmenter)], place, steps.options, steps.key, os.getcwd()),
        batch_size=1,
        num_cpus=1,
        num_gpus=1 if kind == "GPU" else 0,
        concurrency=count,
    )
    waiting = iter(jobs)
    for row in said.iter_rows():
        for outcome in json.loads(row["said"]):
            if "hopeless" in outcome:
                raise OutputError(outcome["hopeless"])
            yield next(waiting), PictureError(outcome["error"]) if "error" in outcome else outcome


def _in_short(outcome: ManifestEntry | Exception) -> ManifestEntry:
    """What the caller needs; the rest is in the part of the manifest."""
    if isinstance(outcome, AsgnetError):
        return {"error": str(outcome)}
    if isinstance(outcome, Exception):
        return {"error": f"{type(outcome).__name__}: {outcome}"}
    return {"summary": outcome["summary"], "skipped": outcome.get("skipped", False)}


@contextmanager
def _cluster(ray: ModuleType, address: str | None, workers: int | None) -> Iterator[None]:
    """Connected to a cluster; one that was started here is ended."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # they would cross our own
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        address = "local"
        settings |= {"num_cpus": workers or os.cpu_count(), "include_dashboard": False}
        settings |= {"object_store_memory": _STORE}
    try:
        ray.init(address=address, **settings)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"There is no Ray cluster at {address!r}: {reason}.") from error
    try:
        yield
    finally:
        ray.shutdown()


def _ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it would warn of what is meant
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(
            "The engine ray needs Ray Data: pip install 'asgnet[ray]', or leave --engine out."
        ) from error
    return ray
