"""Many pictures: read ahead, written behind, never redone after a kill, never half-written.

    segmenter.fit(images, masks)
    summary = segment_all(segmenter, list_pictures("photos"), "results", formats=("png", "coco"))

A picture is finished when its outputs are complete and the manifest says so for the same picture (SHA-256 of
the file), Concept and wishes; run again, it is skipped. A broken picture is reported and the others go on.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from asgnet.apply.decide import PRESENT, Absent, decide
from asgnet.apply.manifest import Manifest
from asgnet.apply.overlap import overlapped
from asgnet.errors import OutputError, UsageError

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Concept, Picture, Prediction

COCO_FILE = "annotations.json"
EXPLANATION = "_explained.png"

_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


@dataclass(frozen=True)
class Result:
    """What became of one picture.

    Attributes:
        picture: the file.
        status: ``skipped`` was finished by an earlier run.
        record: plain values for ``json.dumps``: the facts of :func:`asgnet.apply.outputs.summary` with
            ``status`` and the ``files`` written; for a failed one ``picture``, ``status`` and ``error``.
    """

    picture: Path
    status: Literal["done", "skipped", "failed"]
    record: dict[str, Any]


@dataclass
class Summary:
    """Counts of a run; ``failed`` holds the pictures with the reason."""

    done: int = 0
    skipped: int = 0
    absent: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)


class _Job(NamedTuple):
    picture: Path
    name: str  # the absolute path: how the manifest knows the picture
    stem: str
    outputs: dict[str, str]  # kind -> file name in the output folder


class _Loaded(NamedTuple):
    picture: Picture | None  # None: finished by an earlier run
    digest: str


class _Answer(NamedTuple):
    loaded: _Loaded
    prediction: Prediction | None
    seconds: float


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
    on_result: Callable[[Result], None] | None = None,
) -> Summary:
    """Segment pictures into a folder; run again, it goes on where it stopped.

    Args:
        segmenter: fitted, or with a Concept.
        pictures: files; their results keep the names' stems (:func:`asgnet.apply.outputs.output_stems`).
        out_dir: made if missing; ``manifest.jsonl`` there remembers what is finished.
        formats: as :func:`asgnet.apply.outputs.save_prediction`; ``coco`` writes one ``annotations.json``.
        overlay: write ``<stem>_overlay.jpg`` as well.
        explain: write ``<stem>_explained.png`` as well (:func:`asgnet.apply.explain.explain`).
        overwrite: do every picture again and replace what exists.
        threshold: as :func:`asgnet.apply.decide.decide`.
        absent: as :func:`asgnet.apply.decide.decide`.
        on_result: called for every picture, in order, when its outputs are complete.

    Raises:
        OutputError: something would be overwritten (before any work), the folder cannot be written, another
            run is writing there.
        UsageError: an unknown format, a threshold outside [0, 1], nothing fitted.
    """
    folder, formats = Path(out_dir), tuple(formats)
    jobs = _planned([Path(p) for p in pictures], formats, overlay, explain)
    with Manifest(folder) as manifest:
        run = _Run(segmenter, folder, manifest, formats, overlay, explain, overwrite, threshold, absent)
        run.refuse_losses(jobs)
        _sweep(folder)
        return run.through(jobs, on_result)


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
    folder: Path
    manifest: Manifest
    formats: tuple[str, ...]
    overlay: bool
    explain: bool
    overwrite: bool
    threshold: float | None
    absent: Absent

    def __post_init__(self) -> None:
        if self.segmenter.concept is None:
            raise UsageError("Nothing is learnt yet: call fit(images, masks), or set a concept.")
        self.key = f"{fingerprint(self.segmenter.concept)} {self.threshold} {self.absent}"

    def refuse_losses(self, jobs: list[_Job]) -> None:
        """Raise if an output is a picture, or exists and no earlier run made it for this very job."""
        sources = {os.path.realpath(job.picture) for job in jobs}
        for job in jobs:
            for name in job.outputs.values():
                if os.path.realpath(self.folder / name) in sources:
                    raise OutputError(
                        f"{str(self.folder / name)!r} is one of the pictures; give another --out."
                    )
        if self.overwrite:
            return
        wanted = [
            (name, job.name) for job in jobs for name in job.outputs.values() if not self._finished(job)
        ]
        if "coco" in self.formats:
            wanted.append((COCO_FILE, ""))
        lost = [
            n
            for n, job in wanted
            if (self.folder / n).exists() and self.manifest.own.get(n) != (job, self.key)
        ]
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise OutputError(
                f"{str(self.folder / lost[0])!r}{more} exist already and come from something else than this "
                "run; give another --out, or --overwrite to replace them."
            )

    def through(self, jobs: list[_Job], on_result: Callable[[Result], None] | None) -> Summary:
        summary, entries = Summary(), []
        for job, outcome in overlapped(jobs, self._read, self._predict, self._write):
            if isinstance(outcome, Exception):
                result = self._failed(job, outcome)
                summary.failed.append((job.picture, result.record["error"]))
            else:
                status = "skipped" if outcome.get("skipped") else "done"
                result = Result(job.picture, status, {**outcome["summary"], "status": status})
                summary.done += status == "done"
                summary.skipped += status == "skipped"
                summary.absent += not outcome["summary"]["area_fraction"]
                entries.append(outcome.get("coco"))
            if on_result is not None:
                on_result(result)
        if "coco" in self.formats:
            self._collect(entries)
        return summary

    def _finished(self, job: _Job) -> dict[str, Any] | None:
        """What the manifest knows of the picture if it is finished for this Concept and all these outputs."""
        event = self.manifest.done.get(job.name)
        if self.overwrite or event is None or event["key"] != self.key:
            return None
        kept = event["files"]
        wanted = set(job.outputs) | ({"coco"} & set(self.formats))
        if not wanted <= set(kept) | ({"coco"} if event.get("coco") else set()):
            return None
        return event if all((self.folder / name).exists() for name in kept.values()) else None

    def _read(self, job: _Job) -> _Loaded:
        from asgnet.data.images import read_picture

        digest = _digest(job.picture)
        event = self._finished(job)
        if event is not None and event["sha256"] == digest:
            return _Loaded(None, digest)
        if event is not None:
            raise OutputError(
                f"{str(job.picture)!r} has changed since it was segmented into {str(self.folder)!r}; "
                "give --overwrite to do it again."
            )
        return _Loaded(read_picture(job.picture), digest)

    def _predict(self, job: _Job, loaded: _Loaded) -> _Answer:
        if loaded.picture is None:
            return _Answer(loaded, None, 0.0)
        began = time.perf_counter()
        prediction = decide(self.segmenter.predict(loaded.picture), self.threshold, self.absent)
        return _Answer(loaded, prediction, time.perf_counter() - began)

    def _write(self, job: _Job, answer: _Answer) -> dict[str, Any]:
        from asgnet.apply.outputs import save_prediction, summary
        from asgnet.data.images import save_png

        (picture, digest), prediction, seconds = answer
        if picture is None or prediction is None:
            return {**self.manifest.done[job.name], "skipped": True}
        if not self.overwrite:
            self._clear(job)
        self.manifest.begin(job.name, self.key, job.outputs.values())
        options = {"formats": self.formats, "overlay": self.overlay, "overwrite": self.overwrite}
        if self.explain:
            from asgnet.apply.explain import explain

            save_png(self.folder / job.outputs["explain"], explain(self.segmenter, picture, prediction))
        written = save_prediction(prediction, picture, self.folder, job.stem, source=job.picture, **options)
        said = summary(prediction, job.picture, mask=written.get("png"), seconds=seconds)
        said["present"] = prediction.presence >= PRESENT
        said["files"] = {kind: os.fspath(self.folder / name) for kind, name in job.outputs.items()}
        facts = {"sha256": digest, "files": job.outputs, "summary": said, "coco": written.get("coco")}
        self.manifest.finish(job.name, self.key, job.outputs.values(), facts)
        return facts

    def _clear(self, job: _Job) -> None:
        """Remove what a killed or smaller run left of this picture's own outputs."""
        for name in job.outputs.values():
            if self.manifest.own.get(name) == (job.name, self.key):
                (self.folder / name).unlink(missing_ok=True)

    def _failed(self, job: _Job, error: Exception) -> Result:
        """A failed picture's result; raises what would make every other picture fail as well."""
        if isinstance(error, OutputError) and getattr(error.__cause__, "errno", None) in _HOPELESS:
            raise error
        from asgnet.errors import AsgnetError

        reason = str(error) if isinstance(error, AsgnetError) else f"{type(error).__name__}: {error}"
        record = {"picture": os.fspath(job.picture), "status": "failed", "error": reason}
        return Result(job.picture, "failed", record)

    def _collect(self, entries: list[dict[str, Any]]) -> None:
        from asgnet.apply.outputs import write_coco

        self.manifest.begin("", self.key, [COCO_FILE])
        images, annotations = [e["image"] for e in entries], [e["annotations"] for e in entries]
        classes = self.segmenter.concept.classes
        write_coco(self.folder / COCO_FILE, images, annotations, classes, overwrite=True)


def _planned(pictures: list[Path], formats: tuple[str, ...], overlay: bool, explain: bool) -> list[_Job]:
    from asgnet.apply.outputs import output_names, output_stems

    jobs = []
    for picture, stem in zip(pictures, output_stems(pictures), strict=True):
        outputs = output_names(stem, formats, overlay=overlay)
        if explain:
            outputs["explain"] = stem + EXPLANATION
        jobs.append(_Job(picture, os.path.abspath(picture), stem, outputs))
    return jobs


def _digest(path: Path) -> str:
    """SHA-256 of a file; empty if it cannot be read (reading it as a picture will say why)."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""


def _sweep(folder: Path) -> None:
    """Remove the hidden half-written files of a killed run."""
    for path in [path for path in folder.rglob(".asgnet-*") if path.is_file()]:
        path.unlink(missing_ok=True)
