"""A large picture's way through the steps: found strip by strip into a side file, of which its outputs are made.

The side file lies among the results. A run that is interrupted goes on behind the last strip in it; when the outputs
are complete it is removed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asgnet import __version__
from asgnet.apply.batch.keys import fingerprint
from asgnet.apply.batch.plan import PictureTask, RunOptions
from asgnet.apply.output.large.files import LARGE_ENTRIES, check_kinds, coarse, write_large
from asgnet.apply.output.large.result import Decision, LargeResult
from asgnet.apply.output.large.rows import Belongs, RowFile
from asgnet.apply.output.report import SIDE, thumbnail
from asgnet.apply.output.save import link_to, write_all
from asgnet.data.folder import Folder, LocalFolder
from asgnet.data.read import open_parts
from asgnet.errors import PictureError, note
from asgnet.files import HALF, cache_folder
from asgnet.imaging.units import PixelSize

if TYPE_CHECKING:
    from asgnet.apply.concept.file import Concept
    from asgnet.apply.segmenter import Segmenter

SIDE_FILE = re.compile(re.escape(f"{HALF}rows-") + "[0-9a-f]{16}")
"""Their names."""
Told = Callable[[str, float], None]
"""Is told of a picture which part of it is finished, in [0, 1]."""


def side_file(folder: Folder, task: PictureTask) -> Path:
    """Where a picture's finished rows are kept; for results in a store in the user's cache."""
    name = hashlib.sha256(f"{folder.place('')} {task.name}".encode("utf-8", "surrogateescape")).hexdigest()
    place = folder.path if isinstance(folder, LocalFolder) else cache_folder() / "rows"
    return place / f"{HALF}rows-{name[:16]}"


def drop_side_files(folder: LocalFolder, finished: Iterable[PictureTask]) -> None:
    """Remove what a run that was killed at its very end left of finished pictures."""
    there = {path.name for path in folder.path.glob(f"{HALF}rows-*") if SIDE_FILE.fullmatch(path.name)}
    if there:
        for path in (side_file(folder, task) for task in finished):
            path.unlink(missing_ok=True)


def find_rows(
    segmenter: Segmenter,
    folder: Folder,
    task: PictureTask,
    options: RunOptions,
    digest: str,
    told: Told | None = None,
) -> RowFile:
    """Segment a large picture, or what an earlier run left of it.

    Args:
        segmenter: fitted.
        folder: of the results.
        task: of the picture.
        options: of the run.
        digest: of the picture's file.
        told: how far it is.

    Raises:
        PictureError: the file is damaged.
        UsageError: something is asked for that is not written for large pictures.
        OutputError: the disk is full.
    """
    check_kinds(task.picture, {*task.missing, *options.formats})
    concept = segmenter.concept
    assert concept is not None
    with open_parts(task.picture, concept.rendering, whole=0) as parts:
        belongs = Belongs(f"{digest} {program_key(segmenter)}", parts.size, len(concept.classes))
        rows = RowFile(side_file(folder, task), belongs)
        try:
            strips, before = segmenter.strips(parts, first=rows.done), rows.presence
            for strip in strips:
                here = np.array(list(strips.presence.values()), np.float32)
                rows.add(strip.probability, np.maximum(before, here))
                del strip  # not to be in memory beside the next one
                if told is not None:
                    told(task.picture, rows.done / parts.size[0])
        except BaseException as error:
            rows.close(remove=isinstance(error, PictureError))
            raise
    return rows


def program_key(segmenter: Segmenter) -> str:
    """All but the picture that decides its probabilities."""
    assert segmenter.concept is not None
    how = (segmenter.engine, segmenter.precision, segmenter.edges, segmenter.thoroughness, __version__)
    return " ".join(map(str, (fingerprint(segmenter.concept), *how)))


class WrittenPicture(NamedTuple):
    """What the manifest keeps of a large picture whose files are written.

    Attributes:
        said: what there is to say, see :func:`asgnet.apply.output.save.described`.
        entries: its parts of the run's files.
        thumbnail: for the report; empty without one.
    """

    said: dict[str, Any]
    entries: dict[str, Any]
    thumbnail: str


def write_rows(
    rows: RowFile,
    concept: Concept,
    folder: Folder,
    task: PictureTask,
    options: RunOptions,
    shared: Mapping[str, bytes],
    pixel_size: PixelSize,
) -> WrittenPicture:
    """Write the files that a large picture lacks, as :func:`asgnet.apply.output.save.write_files`."""
    if any(one.divides for one in concept.separations.values()) and (options.instances or options.in_units):
        note(f"{task.picture!r} is read in parts: its objects are connected pieces, touching ones are one.")
    outlines = task.missing.get("labelme")
    link = "" if outlines is None else link_to(folder, outlines, task.picture)
    decision = Decision(options.threshold, options.absent, pixel_size.pixels(str(options.min_area)))
    with open_parts(task.picture, concept.rendering, whole=0) as parts:
        result = LargeResult(
            rows, parts, concept.classes, decision, concept.separations, task.picture, link,
            options.simplify, pixel_size,
        )  # fmt: skip

        def write(kind: str, name: str) -> None:
            write_large(result, folder, kind, name)

        write_all(write, folder, task.missing, shared, source=task.picture, overwrite=options.overwrite)
        entries = {form: entry(result) for form, entry in LARGE_ENTRIES.items() if form in options.formats}
        small = thumbnail(*coarse(result, 2 * SIDE)) if options.report else ""
        return WrittenPicture(
            {"picture": task.picture, **result.described(options.instances)}, entries, small
        )
