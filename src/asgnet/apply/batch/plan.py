"""What is to be made of which pictures: a run's options, and its jobs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from asgnet.apply.batch.run_files import COLLECTED
from asgnet.apply.inference.postprocess import Absent
from asgnet.apply.output.formats import ENTRIES
from asgnet.apply.output.names import output_names, output_stems
from asgnet.data.folder import Folder, is_url, plain_path
from asgnet.errors import AsgnetWarning, PictureError, UsageError

EXPLANATION = "_explained.png"


@dataclass(frozen=True)
class RunOptions:
    """What a run is to write, and how; see :func:`asgnet.apply.batch.run.segment_all` for each."""

    formats: tuple[str, ...] = ("png",)
    overlay: bool = False
    explain: bool = False
    overwrite: bool = False
    threshold: float | None = None
    absent: Absent = "mark"
    instances: bool = False
    min_area: int = 0
    simplify: float = 0.0
    report: bool = False

    def __post_init__(self) -> None:
        output_names("check", self.formats)
        if self.min_area < 0 or self.simplify < 0:
            raise UsageError("min_area and simplify are numbers of pixels, not less than 0.")

    def key(self, concept: str) -> str:
        """All that decides what is in the files, given a Concept's fingerprint."""
        pieces = f" {self.instances} {self.min_area} {self.simplify}" if self._apart else ""
        return f"{concept} {self.threshold} {self.absent}{pieces}"

    @property
    def _apart(self) -> bool:
        return bool(self.instances or self.min_area or self.simplify)

    def outputs(self, stem: str, event: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The files of a picture, by kind; those that an earlier run's ``event`` has are left out."""
        names = output_names(stem, self.formats, overlay=self.overlay)
        names = ({"explain": stem + EXPLANATION} if self.explain else {}) | names
        return {kind: name for kind, name in names.items() if event is None or kind not in event["files"]}

    def satisfied(self, stem: str, event: Mapping[str, Any] | None) -> bool:
        """Has an earlier run made all of this?"""
        if event is None or self.outputs(stem, event) or (self.report and "thumbnail" not in event):
            return False
        return set(self.entries) <= set(event["entries"])

    @property
    def entries(self) -> list[str]:
        """The formats for which a picture leaves an entry in the manifest."""
        return [form for form in ENTRIES if form in self.formats]

    @property
    def collected(self) -> dict[str, str]:
        """The formats with one file for the run, and its name."""
        return {form: name for form, name in COLLECTED.items() if form in self.formats}


class Job(NamedTuple):
    """One picture, or one frame of a file.

    Attributes:
        picture: as the caller named it, a path or a URL.
        name: how the manifest knows it: the absolute path or the URL, and the frame.
        stem: of its outputs.
        frame: from 0, None for a plain picture.
    """

    picture: str
    name: str
    stem: str
    frame: int | None = None


def planned(pictures: Iterable[str | os.PathLike[str]], every: int = 1) -> list[Job]:
    """The jobs of pictures, in their order; of videos, animations and pages every so many frames.

    Frame 12 of ``clip.mp4`` has the stem ``clip_000012``. A file whose frames cannot be counted is one job:
    reading it will say why.

    Raises:
        UsageError: ``every`` is not at least 1.
    """
    if every < 1:
        raise UsageError(f"Every how many frames? At least 1, not {every}.")
    sources = [(plain_path(p), frame) for p in pictures for frame in _frames(plain_path(p), every)]
    stems = _stems([_as_file(path, frame) for path, frame in sources])
    return [
        Job(path, _name(path, frame), stem, frame) for (path, frame), stem in zip(sources, stems, strict=True)
    ]


def without_results(
    pictures: Iterable[str | os.PathLike[str]], folder: Folder, own: Collection[str]
) -> list[str | os.PathLike[str]]:
    """The pictures, but for what runs wrote into this folder: it may lie in the one that was searched.

    Args:
        pictures: files or URLs.
        folder: of the results.
        own: the names in it that runs have written.

    Raises:
        UsageError: nothing else is left.
    """
    given = list(pictures)
    if not own:
        return given
    kept = [path for path in given if folder.name_of(path) not in own]
    if given and not kept:
        raise UsageError(f"All of these are results in {folder.place('')!r}; name the pictures themselves.")
    if len(kept) < len(given):
        found = f"{len(given) - len(kept)} of {len(given)} files"
        message = f"Results in {folder.place('')!r} are not taken for pictures ({found})."
        warnings.warn(message, AsgnetWarning, stacklevel=3)
    return kept


def groups(jobs: Sequence[Job], most: int = 16) -> Iterator[list[Job]]:
    """Jobs in groups of ``most``; the frames of one file, read one after another, stay together."""
    group: list[Job] = []
    for job in jobs:
        same_file = group and None not in (job.frame, group[-1].frame) and group[-1].picture == job.picture
        if group and not same_file and (len(group) >= most or job.frame is not None):
            yield group
            group = []
        group.append(job)
    if group:
        yield group


def _frames(path: str, every: int) -> Iterable[int | None]:
    from asgnet.data.read import frame_count

    try:
        count = frame_count(path)
    except PictureError:
        count = None
    return range(0, count, every) if count else [None]


def _name(path: str, frame: int | None) -> str:
    where = path if is_url(path) else os.path.abspath(path)
    return where if frame is None else f"{where}#{frame:06}"


def _as_file(path: str, frame: int | None) -> str:
    """The name that a frame would have, were it a picture."""
    if frame is None:
        return path
    start, ending = os.path.splitext(path)
    return f"{start}_{frame:06}{ending}"


def _stems(paths: list[str]) -> list[str]:
    """Stems of paths and URLs; a URL counts as a path below a folder of its protocol's and bucket's name."""
    if not any(is_url(p) for p in paths):
        return output_stems(paths)
    return output_stems([_local_likeness(p) for p in paths])


def _local_likeness(path: str) -> str:
    if not is_url(path):
        return path
    inside = path.replace("::", "/").replace("://", "/")
    return "/" + "/".join(part for part in PurePosixPath(inside).parts if part not in ("..", "."))
