"""The same run on a Ray cluster, or in several processes here: Ray Data streams, workers segment.

Each worker holds one Segmenter. It takes groups of pictures, reads, segments and writes them itself, and
keeps a part of the manifest; only what is said about each picture comes back. Ray hands out no more than
workers can take (back-pressure), so that a million pictures need no more memory than a hundred. Killed at any
moment, the same command takes the parts in and goes on.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from types import ModuleType
from typing import Any

from asgnet import quiet
from asgnet.apply.batch.pipeline import Known, Pipeline, TaskResult
from asgnet.apply.batch.plan import PictureTask, RunOptions, groups
from asgnet.apply.batch.reading import PictureReader, version_of
from asgnet.data.folder import LocalFolder, folder_at
from asgnet.data.results import ManifestEntry
from asgnet.errors import AsgnetError, OutputError, PictureError, UsageError

MOST_BLOCKS = 10_000
_STORE = 200 * 2**20  # bytes: names and JSON lines pass through it, never pictures


def on_cluster(pipeline: Pipeline, tasks: list[PictureTask], known: Known) -> Iterator[TaskResult]:
    """Every task with its manifest entry, or its error; what was finished before comes first.

    Args:
        pipeline: with the Segmenter that each worker gets a copy of, and the options, which say where the
            cluster is and how many workers there are.
        tasks: of the run.
        known: what the manifest knows of a picture that is finished.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at the address.
        OutputError: a worker cannot write.
    """
    ray = _ray(pipeline.options.ray_address)
    waiting = []
    for task in tasks:
        entry = known(task) if task.complete else None
        if entry is not None and entry.get("version") and entry["version"] == version_of(task.picture):
            yield task, {"summary": entry["summary"], "skipped": True}
        else:
            waiting.append(task)
    if waiting:
        with _cluster(ray, pipeline.options):
            yield from _streamed(ray, pipeline, waiting, known)


class Worker:
    """One process of the cluster, with a Segmenter of its own.

    Args:
        segmenter: where Ray keeps it.
        place: the folder for the results.
        options: what to write.
        key: of the run.
        shared: what the pictures share.
        here: the folder that relative names start from.
    """

    def __init__(
        self, segmenter: Any, place: str, options: RunOptions, key: str, shared: dict[str, bytes], here: str
    ):
        with suppress(OSError):  # on another machine names must be absolute or addresses
            os.chdir(here)
        found = quiet.ray().get(segmenter[0])
        reader = PictureReader(found.concept.rendering, options)
        self.pipeline = Pipeline(found, folder_at(place), options, key, shared, reader)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Groups of tasks -> what is said about each group's, as JSON."""
        return {"said": [json.dumps(self._said(json.loads(str(group)))) for group in batch["group"]]}

    def _said(self, group: list[Any]) -> list[ManifestEntry]:
        tasks = [PictureTask(**values) for values, _ in group]
        known = {task.name: entry for task, (_, entry) in zip(tasks, group, strict=True)}
        try:
            done = self.pipeline.run_part(tasks, lambda task: known[task.name])
            return [_in_short(outcome) for _, outcome in done]
        except OutputError as error:  # every other picture would fail, too
            return [{"hopeless": str(error)}]


def _streamed(
    ray: ModuleType, pipeline: Pipeline, tasks: list[PictureTask], known: Known
) -> Iterator[TaskResult]:
    options, folder = pipeline.options, pipeline.folder
    device = getattr(getattr(pipeline.segmenter, "device", None), "type", "cpu")
    kind = "GPU" if device == "cuda" else "CPU"
    count = options.workers or max(1, int(ray.cluster_resources().get(kind, 1)))
    most = max(1, min(16, len(tasks) // (4 * count)))  # of a few pictures each worker gets some
    rows = [
        {"group": json.dumps([[asdict(task), known(task) if task.resumed else None] for task in group])}
        for group in groups(tasks, most)
    ]
    place = folder.place("")
    place = os.path.abspath(place) if isinstance(folder, LocalFolder) else place.rstrip("/")
    segmenter = [ray.put(pipeline.segmenter)]
    data = ray.data.from_items(rows, override_num_blocks=min(len(rows), MOST_BLOCKS))
    said = data.map_batches(
        Worker,
        fn_constructor_args=(segmenter, place, options, pipeline.key, dict(pipeline.shared), os.getcwd()),
        batch_size=1,
        num_cpus=1,
        num_gpus=1 if kind == "GPU" else 0,
        concurrency=count,
    )
    waiting = iter(tasks)
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
def _cluster(ray: ModuleType, options: RunOptions) -> Iterator[None]:
    """Connected to a cluster; one that was started here is ended."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # they would cross our own
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = options.ray_address
    alone = address is None
    if alone:
        address = "local"
        settings |= {"num_cpus": options.workers or os.cpu_count(), "include_dashboard": False}
        settings |= {"object_store_memory": _STORE}
    environment: AbstractContextManager[dict[str, str]] = quiet.no_metadata() if alone else nullcontext({})
    try:
        with environment as workers_environment:
            ray.init(address=address, runtime_env={"env_vars": workers_environment}, **settings)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"There is no Ray cluster at {address!r}: {reason}.") from error
    try:
        yield
    finally:
        ray.shutdown()


def _ray(address: str | None) -> ModuleType:
    try:
        return quiet.ray(alone=address is None)
    except ImportError as error:
        raise UsageError(
            "The engine ray needs Ray Data: pip install 'asgnet[ray]', or leave --engine out."
        ) from error
