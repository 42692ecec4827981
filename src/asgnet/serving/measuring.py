"""The objects in a job's results, counted and measured: of one picture, or of all of them as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.inference.postprocess import Absent
from asgnet.apply.inference.prediction import with_separations
from asgnet.apply.output.measure import OBJECT_COLUMNS, PICTURE_COLUMNS, Measures, Row, csv_parts, measure
from asgnet.errors import PictureError
from asgnet.imaging.separation import Separation
from asgnet.serving.service import Service
from asgnet.serving.store.download import decided
from asgnet.serving.store.jobs import KeptJob, KeptPicture
from asgnet.types import Picture, Prediction

Table = Literal["measures", "counts"]
"""A row an object, or a row a picture and class."""


def measured(
    service: Service,
    job: KeptJob,
    picture: KeptPicture,
    threshold: float | None = None,
    absent: Absent = "mark",
    pixel_size: str = "",
) -> Measures:
    """What :func:`asgnet.measure` says of a finished picture's result; touching objects as the concept separates them.

    Args:
        service: where it is kept.
        job: of the picture.
        picture: that is done.
        threshold: as for :func:`asgnet.serving.store.download.archive`.
        absent: the same.
        pixel_size: of a side, such as ``0.25um``; empty: in pixels.

    Raises:
        UsageError: the job was deleted, or the concept replaced, meanwhile; or the unit is unknown.
        PictureError: a file of it is damaged or gone.
    """
    with _separated(service, job, picture, threshold, absent) as (found, pixels):
        return measure(found, pixels, pixel_size=pixel_size, name=picture.name)


def object_mask(
    service: Service,
    job: KeptJob,
    picture: KeptPicture,
    number: int,
    threshold: float | None = None,
    absent: Absent = "mark",
) -> NDArray[np.bool_] | None:
    """The pixels ``h w`` of the object that :func:`measured` gives this number; None if there are fewer."""
    with _separated(service, job, picture, threshold, absent) as (found, _):
        objects = found.instances
        return objects[number - 1].mask if 0 < number <= len(objects) else None


@contextmanager
def _separated(
    service: Service, job: KeptJob, picture: KeptPicture, threshold: float | None, absent: Absent
) -> Iterator[tuple[Prediction, Picture]]:
    """A result whose objects are told apart as the concept learned it, and the picture; see :func:`measured`."""
    found = decided(service.jobs, job, picture, threshold, absent)
    if found is None:
        raise PictureError(f"{picture.name!r} was segmented anew meanwhile, which failed; ask again.")
    try:
        data = service.jobs.files(job.id, picture.position).picture.read_bytes()
    except FileNotFoundError as error:
        raise PictureError(f"{picture.name!r} is no longer there; upload it again.") from error
    with service.decoder.picture(data, picture.name) as pixels:
        yield with_separations(found, _separations(service, job.concept), pixels), pixels


def _separations(service: Service, concept: str) -> Mapping[str, Separation]:
    """How it tells touching objects apart; nothing if it was deleted: connected pieces are the objects then."""
    kept = service.concepts.get(concept)
    learned = service.models.ready(kept).concept if kept else None
    return learned.separations if learned else {}


def table(
    service: Service,
    job: KeptJob,
    pictures: Sequence[KeptPicture],
    what: Table,
    threshold: float | None = None,
    absent: Absent = "mark",
    pixel_size: str = "",
) -> Iterator[bytes]:
    """A CSV file of all finished results, made while it is sent; see :func:`measured`.

    A picture that cannot be read has no objects, and no numbers in its row of ``counts``.
    """

    def rows() -> Iterator[Row]:
        for picture in pictures:
            try:
                found = measured(service, job, picture, threshold, absent, pixel_size)
            except PictureError:
                if what == "counts":
                    yield {"picture": picture.name}
            else:
                yield from found.objects if what == "measures" else found.pictures

    return csv_parts(rows(), OBJECT_COLUMNS if what == "measures" else PICTURE_COLUMNS)
