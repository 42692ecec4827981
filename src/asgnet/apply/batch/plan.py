"""What is to be made of which pictures: a run's options, and one task a picture."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from asgnet.apply.inference.postprocess import Absent, check_decision
from asgnet.apply.output.measure import parquet_module
from asgnet.apply.output.names import FORMATS, TABLES, check_formats, outputs_of
from asgnet.data.folder import Folder, is_url, plain_path
from asgnet.data.read import FRAMED, frame_count
from asgnet.errors import OutputError, PictureError, UsageError, note
from asgnet.imaging.units import PixelSize, check_area


@dataclass(frozen=True)
class RunOptions:
    """What a run is to write, how, and where it works; see :func:`asgnet.apply.batch.segment_all` for each."""

    formats: tuple[str, ...] = ("png",)
    overlay: bool = False
    explain: bool = False
    overwrite: bool = False
    threshold: float | None = None
    absent: Absent = "mark"
    instances: bool = False
    min_area: float | str = 0
    simplify: float = 0.0
    report: bool = False
    every: int = 1
    executor: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    workers: int | None = None
    pixel_size: str = ""

    @property
    def in_units(self) -> bool:
        """The size of a picture's pixels matters."""
        return bool({*TABLES} & {*self.formats}) or check_area(str(self.min_area))[1] not in ("", "px")

    def __post_init__(self) -> None:
        if not set(self.formats) <= set(FORMATS):
            check_formats(self.formats)
        check_area(str(self.min_area))
        if any(form.endswith("-parquet") for form in self.formats):
            parquet_module()
        if not self.simplify >= 0:  # so written, NaN is refused too
            raise UsageError("simplify is a number of pixels, not less than 0.")
        if self.threshold is not None or self.absent != "mark":
            check_decision(self.threshold, self.absent)
        if self.pixel_size:
            PixelSize.parse(self.pixel_size)
        if self.every < 1:
            raise UsageError(f"Every how many frames? At least 1, not {self.every}.")
        if self.executor not in ("local", "ray"):
            raise UsageError(f"There is no engine {self.executor!r}; choose local or ray.")


@dataclass(frozen=True)
class PictureTask:
    """One picture, or one frame of a file, with the files that are to be made of it.

    Attributes:
        picture: as the caller named it, a path or a URL.
        name: how the manifest knows it: the absolute path or the URL, and the frame.
        stem: of its outputs.
        outputs: their names in the folder, by kind.
        missing: those of them that no earlier run has made.
        frame: from 0, None for a plain picture.
        resumed: an earlier run has finished it, with all or some of these outputs.
        complete: and nothing is left to do.
        refusal: why it must not be done: its files would fall on others'.
    """

    picture: str
    name: str
    stem: str
    outputs: dict[str, str]
    missing: dict[str, str]
    frame: int | None = None
    resumed: bool = False
    complete: bool = False
    refusal: OutputError | None = None


def planned(
    pictures: Iterable[str | os.PathLike[str]],
    options: RunOptions,
    folder: Folder,
    own: Collection[str] = (),
) -> list[PictureTask]:
    """The tasks of pictures, in their order; of videos, animations and pages every so many frames.

    What runs wrote into this folder is no picture: it may lie in the folder that was searched. Frame 12 of
    ``clip.mp4`` has the stem ``clip_000012``. A file whose frames cannot be counted is one task: reading it
    will say why.

    Args:
        pictures: files or URLs.
        options: of the run.
        folder: of the results.
        own: the names in it that runs have written.

    Raises:
        UsageError: nothing is left but results.
    """
    paths = [plain_path(path) for path in _without_results(list(pictures), folder, own)]
    sources = [(path, frame) for path in paths for frame in _frames(path, options.every)]
    named = outputs_of(
        [path if frame is None else _as_file(path, frame) for path, frame in sources],
        options.formats, overlay=options.overlay, explain=options.explain,
    )  # fmt: skip
    return [
        PictureTask(path, _name(path, frame), stem, outputs, outputs, frame)
        for (path, frame), (stem, outputs) in zip(sources, named, strict=True)
    ]


def groups(tasks: Sequence[PictureTask], most: int = 16) -> Iterator[list[PictureTask]]:
    """Tasks in groups of ``most``; the frames of one file, read one after another, stay together."""
    group: list[PictureTask] = []
    for task in tasks:
        same_file = group and None not in (task.frame, group[-1].frame) and group[-1].picture == task.picture
        if group and not same_file and (len(group) >= most or task.frame is not None):
            yield group
            group = []
        group.append(task)
    if group:
        yield group


def _without_results(
    given: list[str | os.PathLike[str]], folder: Folder, own: Collection[str]
) -> list[str | os.PathLike[str]]:
    kept = [path for path in given if folder.name_of(path) not in own] if own else given
    if given and not kept:
        raise UsageError(f"All of these are results in {folder.place('')!r}; name the pictures themselves.")
    if len(kept) < len(given):
        found = f"{len(given) - len(kept)} of {len(given)} files"
        note(f"Results in {folder.place('')!r} are not taken for pictures ({found}).")
    return kept


def _frames(path: str, every: int) -> Iterable[int | None]:
    if os.path.splitext(path)[1].lower() not in FRAMED:
        return [None]
    try:
        count = frame_count(path)
    except PictureError:
        count = None
    return range(0, count, every) if count else [None]


def _name(path: str, frame: int | None) -> str:
    where = path if is_url(path) else os.path.abspath(path)
    return where if frame is None else f"{where}#{frame:06}"


def _as_file(path: str, frame: int) -> str:
    """The name that a frame would have, were it a picture."""
    start, ending = os.path.splitext(path)
    return f"{start}_{frame:06}{ending}"
