"""Many pictures: read ahead, written behind, never redone after a kill, never half-written.

    segmenter.fit(images, masks)
    summary = segment_all(segmenter, list_pictures("photos"), "results", formats=("png", "coco"))

A picture is finished when its outputs are complete and the manifest says so for the same picture (SHA-256 of
the file), Concept and options; run again, it is skipped, or, asked for more kinds of files, given those alone.
A broken picture is reported and the others go on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from asgnet.apply.batch.keys import run_key
from asgnet.apply.batch.large import drop_side_files
from asgnet.apply.batch.manifest import Manifest, opened, settle
from asgnet.apply.batch.pipeline import Known, Pipeline, TaskResult
from asgnet.apply.batch.plan import PictureTask, RunOptions, groups, planned
from asgnet.apply.batch.reading import PictureReader
from asgnet.apply.batch.resume import ResumeState
from asgnet.apply.batch.run_files import REPORT, RUN_FILES, write_run_file
from asgnet.apply.inference.postprocess import Absent
from asgnet.apply.output.formats import shared_files
from asgnet.data.folder import Folder, LocalFolder, folder_at, is_url
from asgnet.data.results import ManifestEntry
from asgnet.errors import AsgnetError, UsageError
from asgnet.files import HALF, UNFINISHED

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


@dataclass(frozen=True)
class Result:
    """What became of one picture.

    Attributes:
        picture: the file; of an object store its URL.
        status: ``skipped`` was finished by an earlier run.
        record: plain values for ``json.dumps``: :func:`asgnet.apply.output.save.summary` with ``status`` and
            the ``files`` written; for a failed one ``picture``, ``status`` and ``error``.
    """

    picture: Path | str
    status: Literal["done", "skipped", "failed"]
    record: dict[str, Any]


@dataclass
class Summary:
    """Counts of a run; ``failed`` holds the pictures with the reason, ``collected`` the files of the run."""

    done: int = 0
    skipped: int = 0
    absent: int = 0
    failed: list[tuple[Path | str, str]] = field(default_factory=list)
    collected: list[str] = field(default_factory=list)


def segment_all(
    segmenter: Segmenter,
    pictures: Iterable[str | os.PathLike[str]],
    out_dir: str | os.PathLike[str],
    *,
    formats: Iterable[str] = ("png",),
    overlay: bool = False,
    explain: bool = False,
    overwrite: bool = False,
    threshold: float | None = None,
    absent: Absent = "mark",
    instances: bool = False,
    min_area: float | str = 0,
    simplify: float = 0.0,
    report: bool = False,
    every: int = 1,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    pixel_size: str = "",
    on_result: Callable[[Result], None] | None = None,
    on_planned: Callable[[int], None] | None = None,
    on_part: Callable[[str, float], None] | None = None,
) -> Summary:
    """Segment pictures into a folder; run again, it goes on where it stopped.

    Args:
        segmenter: fitted, or with a Concept.
        pictures: files or URLs that fsspec knows; their results keep the names' stems
            (:func:`asgnet.apply.output.names.output_stems`). Of videos, animations and files with several pages each
            frame is a picture; frame 12 of ``clip.mp4`` has the stem ``clip_000012``.
        out_dir: made if missing, or a URL; ``manifest.jsonl`` there remembers what is finished.
        formats: as :func:`asgnet.apply.output.save.save_prediction`; ``coco``, ``coco-polygons``,
            ``labelstudio`` and ``voc`` write one file for the run (:data:`asgnet.apply.batch.run_files.RUN_FILES`).
        overlay: write ``<stem>_overlay.jpg`` as well.
        explain: write ``<stem>_explained.png`` as well (:func:`asgnet.apply.figures.explain.explain`).
        overwrite: do every picture again and replace what exists.
        threshold: as :func:`asgnet.apply.inference.postprocess.postprocess`.
        absent: as :func:`asgnet.apply.inference.postprocess.postprocess`.
        instances: the objects are those of ``prediction.instances``; else all of a class in a picture is one.
        min_area: smaller pieces are dropped everywhere: pixels, or such as ``20um2``.
        simplify: as :func:`asgnet.apply.output.save.save_prediction`.
        report: write ``report.html``: thumbnails and figures, the uncertain first.
        every: of files with frames, take every so many.
        engine: ``"local"``, or ``"ray"`` for a cluster (:mod:`asgnet.apply.batch.ray_cluster`).
        ray_address: of the cluster; None starts one on this machine.
        workers: Segmenters on the cluster; None: one a core (or a GPU).
        pixel_size: of a side, such as ``0.25um``: what the formats ``measures`` and ``counts`` measure in; by
            default what each file's tags say, pixels where they say nothing.
        on_result: called for every picture, in order, when its outputs are complete; with ``"ray"`` those
            that were finished before come first.
        on_planned: told once, before the first result, how many there will be: pictures, and frames of files.
        on_part: told of a large picture again and again which part of it is finished, in [0, 1].

    Raises:
        OutputError: something would be overwritten (before any work), the folder cannot be written, another
            run is writing there.
        UsageError: an unknown format, a threshold outside [0, 1], nothing fitted, no Ray installed.
    """
    options = RunOptions(
        tuple(formats), overlay, explain, overwrite, threshold, absent, instances, min_area, simplify, report,
        every, engine, ray_address, workers, pixel_size,
    )  # fmt: skip
    return run_batch(segmenter, pictures, out_dir, options, on_result, on_planned, on_part)


def run_batch(
    segmenter: Segmenter,
    pictures: Iterable[str | os.PathLike[str]],
    out_dir: str | os.PathLike[str],
    options: RunOptions,
    on_result: Callable[[Result], None] | None = None,
    on_planned: Callable[[int], None] | None = None,
    on_part: Callable[[str, float], None] | None = None,
) -> Summary:
    """:func:`segment_all` with its options in one object."""
    concept = segmenter.concept
    if concept is None:
        raise UsageError("Nothing is learned yet: call fit(images, masks), or set a concept.")
    folder, key = folder_at(out_dir), run_key(concept, options)
    shared = shared_files(concept.classes, set(options.formats))
    run_files = [name for form, name in RUN_FILES.items() if form in options.formats]
    run_files += [REPORT] if options.report else []
    with opened(folder) as manifest:
        resume = ResumeState(folder, manifest, options, key)
        tasks = resume.settled(planned(pictures, options, folder, manifest.own), run_files, shared)
        if isinstance(folder, LocalFolder):
            _sweep(folder.path)
            drop_side_files(folder, [task for task in tasks if task.complete])
        if on_planned is not None:
            on_planned(len(tasks))
        pipeline = Pipeline(
            segmenter, folder, options, key, shared, PictureReader(concept.rendering, options), on_part
        )
        todo = [task for task in tasks if task.refusal is None]
        results = _executed(pipeline, todo, resume.known, manifest)
        summary, broken = _told(tasks, results, on_result)
        if run_files:
            manifest.begin("", key, run_files)
        settle(folder, manifest)

        def entry(name: str) -> ManifestEntry | None:
            return None if name in broken else manifest.event(name, key)

        _write_run_files(folder, run_files, [task.name for task in tasks], entry, concept.classes, summary)
    return summary


def _executed(
    pipeline: Pipeline, tasks: list[PictureTask], known: Known, manifest: Manifest
) -> Iterator[TaskResult]:
    """Every task with its manifest entry, or with its error."""
    if pipeline.options.executor == "ray":
        from asgnet.apply.batch.ray_cluster import on_cluster

        return on_cluster(pipeline, tasks, known)
    if isinstance(pipeline.folder, LocalFolder):
        return pipeline.run(tasks, known, manifest)
    return (result for group in groups(tasks) for result in pipeline.run_part(group, known))


def _told(
    tasks: list[PictureTask], results: Iterator[TaskResult], on_result: Callable[[Result], None] | None
) -> tuple[Summary, set[str]]:
    """What a run came to, told picture by picture; and the names of those that could not be done."""
    summary, broken = Summary(), set()
    for planned_task in tasks:
        refusal = planned_task.refusal
        task, outcome = next(results) if refusal is None else (planned_task, refusal)
        result = _result(task, outcome)
        if result.status == "failed":
            broken.add(task.name)
            summary.failed.append((result.picture, result.record["error"]))
        else:
            summary.done += result.status == "done"
            summary.skipped += result.status == "skipped"
            summary.absent += not result.record["area_fraction"]
        if on_result is not None:
            on_result(result)
    return summary, broken


def _result(task: PictureTask, outcome: ManifestEntry | Exception) -> Result:
    picture = task.picture if is_url(task.picture) else Path(task.picture)
    if not isinstance(outcome, Exception):
        status: Literal["done", "skipped"] = "skipped" if outcome.get("skipped") else "done"
        return Result(picture, status, {**outcome["summary"], "status": status})
    reason = str(outcome) if isinstance(outcome, AsgnetError) else f"{type(outcome).__name__}: {outcome}"
    record: dict[str, Any] = {"picture": task.picture, "status": "failed", "error": reason}
    return Result(picture, "failed", record if task.frame is None else {**record, "frame": task.frame})


def _write_run_files(
    folder: Folder,
    files: list[str],
    names: list[str],
    entry: Callable[[str], ManifestEntry | None],
    classes: tuple[str, ...],
    summary: Summary,
) -> None:
    """Write the files of the whole run from what the manifest holds."""
    for form, name in RUN_FILES.items():
        if name in files:
            write_run_file(folder, form, lambda: filter(None, map(entry, names)), classes)
    if REPORT in files:
        from asgnet.apply.output.report import save_report

        save_report(folder, REPORT, names, entry, summary.failed)
    summary.collected = [folder.place(name) for name in files]


def _sweep(folder: Path) -> None:
    """Remove the hidden half-written files of a killed run, known by their whole names."""
    for path in [path for path in folder.rglob(f"{HALF}*") if UNFINISHED.fullmatch(path.name)]:
        if path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)
