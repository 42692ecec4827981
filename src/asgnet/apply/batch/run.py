"""Many pictures: read ahead, written behind, never redone after a kill, never half-written.

    segmenter.fit(images, masks)
    summary = segment_all(segmenter, list_pictures("photos"), "results", formats=("png", "coco"))

A picture is finished when its outputs are complete and the manifest says so for the same picture (SHA-256 of
the file), Concept and options; run again, it is skipped, or, asked for more kinds of files, given those alone.
A broken picture is reported and the others go on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from asgnet.apply.batch.execution import Outcome, in_a_part, through_steps
from asgnet.apply.batch.manifest import Manifest, opened, settle
from asgnet.apply.batch.plan import Job, RunOptions, groups, planned, without_results
from asgnet.apply.batch.resume import ResumeState
from asgnet.apply.batch.run_files import collect
from asgnet.apply.batch.steps import ManifestEntry, Steps
from asgnet.apply.inference.postprocess import Absent
from asgnet.apply.output.formats import shared_files
from asgnet.data.folder import Folder, LocalFolder, folder_at, is_url
from asgnet.errors import AsgnetError, OutputError, UsageError

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Concept

REPORT = "report.html"
Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class Result:
    """What became of one picture.

    Attributes:
        picture: the file; of an object store its URL.
        status: ``skipped`` was finished by an earlier run.
        record: plain values for ``json.dumps``: the facts of :func:`asgnet.apply.output.save.summary` with
            ``status`` and the ``files`` written; for a failed one ``picture``, ``status`` and ``error``.
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
    min_area: int = 0,
    simplify: float = 0.0,
    report: bool = False,
    every: int = 1,
    engine: Engine = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    on_result: Callable[[Result], None] | None = None,
    on_planned: Callable[[int], None] | None = None,
) -> Summary:
    """Segment pictures into a folder; run again, it goes on where it stopped.

    Args:
        segmenter: fitted, or with a Concept.
        pictures: files or URLs that fsspec knows; their results keep the names' stems
            (:func:`asgnet.apply.output.names.output_stems`). Of videos, animations and files with several pages each
            frame is a picture; frame 12 of ``clip.mp4`` has the stem ``clip_000012``.
        out_dir: made if missing, or a URL; ``manifest.jsonl`` there remembers what is finished.
        formats: as :func:`asgnet.apply.output.save.save_prediction`; ``coco``, ``coco-polygons``,
            ``labelstudio`` and ``voc`` write one file for the run (:data:`asgnet.apply.batch.run_files.COLLECTED`).
        overlay: write ``<stem>_overlay.jpg`` as well.
        explain: write ``<stem>_explained.png`` as well (:func:`asgnet.apply.figures.explain.explain`).
        overwrite: do every picture again and replace what exists.
        threshold: as :func:`asgnet.apply.inference.postprocess.decide`.
        absent: as :func:`asgnet.apply.inference.postprocess.decide`.
        instances: each connected piece is an object of its own.
        min_area: pieces of fewer pixels are left out everywhere.
        simplify: as :func:`asgnet.apply.output.save.save_prediction`.
        report: write ``report.html``: thumbnails and figures, the doubtful first.
        every: of files with frames, take every so many.
        engine: ``"local"``, or ``"ray"`` for a cluster (:mod:`asgnet.apply.batch.cluster`).
        ray_address: of the cluster; None starts one on this machine.
        workers: Segmenters on the cluster; None: one a core (or a GPU).
        on_result: called for every picture, in order, when its outputs are complete; with ``"ray"`` those
            that were finished before come first.
        on_planned: told once, before the first result, how many there will be: pictures, and frames of files.

    Raises:
        OutputError: something would be overwritten (before any work), the folder cannot be written, another
            run is writing there.
        UsageError: an unknown format, a threshold outside [0, 1], nothing fitted, no Ray installed.
    """
    if segmenter.concept is None:
        raise UsageError("Nothing is learnt yet: call fit(images, masks), or set a concept.")
    options = RunOptions(
        tuple(formats), overlay, explain, overwrite, threshold, absent, instances, min_area, simplify, report
    )  # fmt: skip
    folder = folder_at(out_dir)
    with opened(folder) as manifest:
        key = options.key(fingerprint(segmenter.concept))
        earlier = ResumeState(folder, manifest, options, key)
        run = _Run(segmenter, folder, manifest, options, key, earlier)
        shared = shared_files(segmenter.concept.classes, set(options.formats))
        jobs = planned(without_results(pictures, folder, manifest.own), every)
        jobs, refused = earlier.settled(jobs, run.files, shared)
        if isinstance(folder, LocalFolder):
            _sweep(folder.path)
        if on_planned is not None:
            on_planned(len(jobs))
        outcomes = run.outcomes([job for job in jobs if job not in refused], engine, ray_address, workers)
        summary = run.through(_with_refused(jobs, refused, outcomes), on_result)
        run.collect(jobs, summary)
    return summary


def fingerprint(concept: Concept) -> str:
    """SHA-256 of all that decides a Concept's answers: classes, weights, tensors."""
    digest = hashlib.sha256(repr((concept.classes, concept.network)).encode())
    for name, array in sorted(concept.tensors.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@dataclass
class _Run:
    segmenter: Segmenter
    folder: Folder
    manifest: Manifest
    options: RunOptions
    key: str
    earlier: ResumeState

    def __post_init__(self) -> None:
        self._broken: set[str] = set()

    @property
    def files(self) -> list[str]:
        """Those of the whole run."""
        return [*self.options.collected.values(), *([REPORT] if self.options.report else [])]

    def outcomes(
        self, jobs: list[Job], engine: Engine, address: str | None, workers: int | None
    ) -> Iterator[Outcome]:
        """Every job with its event, or with its error."""
        steps = Steps(self.segmenter, self.folder, self.options, self.key)
        known, clear = self.earlier.known, self.earlier.clear
        if engine == "ray":
            from asgnet.apply.batch.cluster import on_cluster

            return on_cluster(steps, jobs, known, clear, address, workers)
        if engine != "local":
            raise UsageError(f"There is no engine {engine!r}; choose local or ray.")
        if isinstance(self.folder, LocalFolder):
            return through_steps(steps, jobs, known, self.manifest, clear)
        return (one for group in groups(jobs) for one in in_a_part(steps, group, known, clear))

    def through(self, outcomes: Iterator[Outcome], on_result: Callable[[Result], None] | None) -> Summary:
        summary = Summary()
        for job, outcome in outcomes:
            picture = job.picture if is_url(job.picture) else Path(job.picture)
            if isinstance(outcome, Exception):
                result = Result(picture, "failed", _failure(job, outcome))
                self._broken.add(job.name)
                summary.failed.append((picture, result.record["error"]))
            else:
                status = "skipped" if outcome.get("skipped") else "done"
                result = Result(picture, status, {**outcome["summary"], "status": status})
                summary.done += status == "done"
                summary.skipped += status == "skipped"
                summary.absent += not outcome["summary"]["area_fraction"]
            if on_result is not None:
                on_result(result)
        return summary

    def collect(self, jobs: list[Job], summary: Summary) -> None:
        """Write the files of the whole run from what the manifest holds."""
        names = self.files
        if names:
            self.manifest.begin("", self.key, names)
        settle(self.folder, self.manifest)

        def events() -> Iterator[ManifestEntry]:
            return filter(None, (self._event_of_this_run(job.name) for job in jobs))

        for form in self.options.collected:
            collect(self.folder, form, events, self.segmenter.concept.classes)
        if self.options.report:
            from asgnet.apply.output.report import save_report

            event = self._event_of_this_run
            save_report(self.folder, REPORT, [job.name for job in jobs], event, summary.failed)
        summary.collected = [self.folder.place(name) for name in names]

    def _event_of_this_run(self, name: str) -> ManifestEntry | None:
        return None if name in self._broken else self.manifest.event(name, self.key)


def _with_refused(
    jobs: list[Job], refused: dict[Job, OutputError], outcomes: Iterator[Outcome]
) -> Iterator[Outcome]:
    """The outcomes, with the errors of those jobs that were not begun in their places."""
    for job in jobs:
        yield (job, refused[job]) if job in refused else next(outcomes)


def _failure(job: Job, error: Exception) -> dict[str, Any]:
    reason = str(error) if isinstance(error, AsgnetError) else f"{type(error).__name__}: {error}"
    record: dict[str, Any] = {"picture": job.picture, "status": "failed", "error": reason}
    return record if job.frame is None else {**record, "frame": job.frame}


def _sweep(folder: Path) -> None:
    """Remove the hidden half-written files of a killed run."""
    for path in [path for path in folder.rglob(".asgnet-*") if path.is_file()]:
        with suppress(FileNotFoundError):
            path.unlink()
