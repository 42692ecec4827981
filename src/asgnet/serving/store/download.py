"""All results of a job in one zip file, made while it is sent: one picture in memory at a time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asgnet.apply.batch.run_files import RUN_FILES, write_run_file
from asgnet.apply.inference.postprocess import Absent, postprocess
from asgnet.apply.output import names
from asgnet.apply.output.names import output_stems
from asgnet.apply.output.save import save_prediction
from asgnet.data.folder import folder_at
from asgnet.errors import PictureError, UsageError
from asgnet.serving.store.jobs import Jobs, KeptJob, KeptPicture
from asgnet.serving.store.names import file_name
from asgnet.types import Picture, Prediction

FORMATS = tuple(form for form in names.FORMATS if form not in ("cutout", *names.TABLES))
"""What :func:`archive` writes: all of :data:`asgnet.apply.output.names.FORMATS` that need no pixels."""


UNREAD = "results that cannot be read.txt"
"""In an archive: why the results of some pictures are not in it; their files are damaged or gone."""


class _Sink(io.RawIOBase):
    """Takes what a zip file writes and gives it away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def archive(
    jobs: Jobs,
    job: KeptJob,
    pictures: Sequence[KeptPicture],
    form: str,
    threshold: float | None = None,
    absent: Absent = "mark",
) -> Iterator[bytes]:
    """The finished results of a job, as the command line writes them, zipped.

    Args:
        jobs: where it is kept.
        job: with at least one finished picture.
        pictures: the finished ones. What is found anew meanwhile goes out as it is by then.
        form: any of :data:`FORMATS`.
        threshold: as :func:`asgnet.apply.inference.postprocess.postprocess`, on probabilities in steps of 1/255;
            None keeps the masks that were found. Masks that a person corrected stay as they are.
        absent: as :func:`asgnet.apply.inference.postprocess.postprocess`.

    Raises:
        UsageError: the job was deleted meanwhile.
    """
    # Asked for again: an older asgnet took names that no folder can hold.
    stems = output_stems([Path("/", file_name(p.name)) for p in pictures])
    sink, events, unread = _Sink(), [], list[str]()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as zipped:
        written: set[str] = set()
        for picture, stem in zip(pictures, stems, strict=True):
            try:
                prediction = decided(jobs, job, picture, threshold, absent)
            except PictureError as error:  # damaged or gone, and no reason to break the others off
                unread.append(f"{picture.name}: {error}")
                continue
            if prediction is None:
                continue
            with TemporaryDirectory() as folder:
                blank = _blank(prediction)
                done = save_prediction(prediction, blank, folder, stem, formats=(form,), source=picture.name)
                events.append({"stem": stem, "entries": {form: done.get(form)}})
                _pack(zipped, Path(folder), written)
            yield sink.taken()
        if form in RUN_FILES:
            with TemporaryDirectory() as folder:
                write_run_file(folder_at(folder), form, lambda: events, job.classes)
                _pack(zipped, Path(folder), written)
        if unread:
            zipped.writestr(UNREAD, "\n".join([*unread, ""]))
    yield sink.taken()


def decided(
    jobs: Jobs, job: KeptJob, picture: KeptPicture, threshold: float | None, absent: Absent
) -> Prediction | None:
    """A picture's result as it is now, see :func:`archive`; None if it was found anew meanwhile, and that failed."""
    with jobs.alone((job.id, picture.position)):
        now = jobs.picture(job.id, picture.position)
        if now is None:
            raise UsageError("The job was deleted while its results were sent; start another.")
        if not now.record:
            return None
        presences = [one["presence"] for one in now.record["classes"]]
        files = jobs.files(job.id, picture.position)
        found = files.read(job.classes, presences, now.record["presence"], now.corrected)
    return found if now.corrected else postprocess(found, threshold, absent)


def _pack(zipped: zipfile.ZipFile, folder: Path, written: set[str]) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in written:  # lists of classes are the same for all
            written.add(name)
            zipped.write(path, name)


def _blank(prediction: Prediction) -> Picture:
    """Stands for the picture where nothing of it is drawn."""
    import numpy as np

    return np.broadcast_to(np.uint8(0), (*prediction.mask.shape, 3))
