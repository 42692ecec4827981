"""Write what was found in a picture: masks, cut-outs, polygons, annotations, one JSON line each.

Every file is written whole or not at all, and nothing that exists is replaced unless asked for. What each
file holds is said in :mod:`asgnet.apply.output.formats`, what it is called in :mod:`asgnet.apply.output.names`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from asgnet.apply.output.formats import ENTRIES, WRITERS, shared_files
from asgnet.apply.output.names import output_names
from asgnet.apply.output.objects import ResultView, facts, parts_of
from asgnet.data.folder import Folder, LocalFolder, folder_at, is_url
from asgnet.errors import OutputError, UsageError
from asgnet.files import PathLike, named
from asgnet.types import IGNORE, Picture, Prediction

REMEDY = "add --overwrite (overwrite=True) or choose another output folder"


def save_prediction(
    prediction: Prediction,
    picture: Picture,
    out_dir: PathLike | Folder,
    stem: str,
    *,
    formats: Iterable[str] = ("png",),
    overlay: bool = False,
    overwrite: bool = False,
    source: PathLike | None = None,
    instances: bool = False,
    simplify: float = 0.0,
    kinds: Collection[str] | None = None,
) -> dict[str, Any]:
    """Write one picture's results, all of them or none.

    - ``png``: ``<stem>.png``, 0 and 255; with several classes a palette PNG of class indices (0 background)
      beside a ``classes.txt`` whose first line, ``background``, is index 0.
    - ``probability``: ``<stem>_probability.png``, 16 bits, 65535 is 1.
    - ``cutout``: ``<stem>_cutout.png``, the picture with the object's mask as its alpha.
    - ``instances``: ``<stem>_instances.png``, 16 bits, every object its number.
    - ``yolo``: ``<stem>.txt``, a line a polygon (class from 0, then x y in [0, 1]), holes joined to their
      outline by a cut; empty if nothing was found. ``data.yaml`` beside it names the classes.
    - ``labelme``: ``<stem>.json``, polygons; pieces of one object share their ``group_id``.
    - ``voc``: the devkit's ``SegmentationClass/<stem>.png`` and ``SegmentationObject/<stem>.png``, palette
      PNGs, and CVAT's ``labelmap.txt``.
    - ``coco``, ``coco-polygons``, ``labelstudio``: no file, but an entry for
      :mod:`asgnet.apply.batch.run_files`.
    - the overlay: ``<stem>_overlay.jpg``.

    Args:
        prediction: at the picture's own size.
        picture: ``h w 3`` uint8.
        out_dir: made if missing; a path, a URL that fsspec knows, or a Folder.
        stem: name without ending, may have folders (see :func:`asgnet.apply.output.names.output_stems`).
        formats: any of :data:`asgnet.apply.output.names.FORMATS`.
        overlay: write the overlay as well.
        overwrite: replace what exists.
        source: the picture's file: its name in annotations, and never overwritten, whatever ``overwrite``
            says.
        instances: each connected piece is an object of its own; else all of a class in a picture is one.
        simplify: how many pixels the outlines of polygons may stray from the mask; 0 is exact.
        kinds: of the files only these; by default all.

    Returns:
        For each kind of file the path written, as text; for ``coco`` and its like the entry.

    Raises:
        UsageError: an unknown format, a stem outside ``out_dir``, a prediction of another size, a negative
            ``simplify``.
        OutputError: a file exists already or cannot be written.
    """
    formats = {formats} if isinstance(formats, str) else set(formats)
    if prediction.mask.shape != picture.shape[:2]:
        raise UsageError(
            f"The prediction is {prediction.mask.shape} and its picture {picture.shape[:2]} (h, w); "
            "give the picture that was segmented."
        )
    if not simplify >= 0:  # so written, NaN is refused too
        raise UsageError(f"simplify is a number of pixels, not less than 0, not {simplify}.")
    if len(prediction.classes) >= IGNORE and {"png", "voc"} & formats:
        raise UsageError(
            f"{len(prediction.classes)} classes do not fit into a PNG of 8 bits; choose coco or yolo instead."
        )
    names = output_names(stem, formats, overlay=overlay)
    names = {kind: name for kind, name in names.items() if kinds is None or kind in kinds}
    folder, shared = folder_at(out_dir), shared_files(prediction.classes, formats)
    _refuse(folder, names.values(), shared, overwrite, source)
    link = _link(folder, stem, source)
    view = ResultView(prediction, picture, os.fspath(source) if source else stem, link, instances, simplify)
    _write_all(folder, names, shared, view)
    done: dict[str, Any] = {kind: folder.place(name) for kind, name in names.items()}
    return done | {form: entry(view) for form, entry in ENTRIES.items() if form in formats}


def summary(
    prediction: Prediction,
    name: PathLike,
    *,
    mask: PathLike | None = None,
    seconds: float | None = None,
    instances: bool = False,
) -> dict[str, Any]:
    """What there is to say about one picture, ready for ``json.dumps``: one line of ``--json``.

    ``presence`` and ``area_fraction`` are in [0, 1]; ``box`` is ``[x, y, width, height]`` in pixels or None;
    ``confidence`` the mean probability of the object's pixels or None; ``classes`` says the same per class.

    Args:
        prediction: what was found.
        name: the picture.
        mask: where its mask was written.
        seconds: how long it took.
        instances: say the same of every connected piece, too, as ``objects``.
    """
    from asgnet.imaging.regions import box

    said = {
        "picture": os.fspath(name),
        **facts(prediction.mask != 0, prediction.probability, prediction.presence),
        "mask": None if mask is None else os.fspath(mask),
        "classes": [
            {"name": part.name, **facts(part.region, part.probability, part.presence)}
            for part in parts_of(prediction)
        ],
        "seconds": None if seconds is None else round(float(seconds), 4),
    }
    if instances:
        height, width = prediction.mask.shape
        things = ResultView(prediction, prediction.mask, instances=True).things
        said["objects"] = [
            {
                "name": thing.name,
                "area_fraction": round(float(thing.region.sum()) / (height * width), 6),
                "box": box(thing.region),
                "confidence": thing.score,
            }
            for thing in things
        ]
    return said


def _link(folder: Folder, stem: str, source: PathLike | None) -> str:
    """The way from a picture's own result files to the picture, if both are on this machine."""
    if source is None or is_url(source) or not isinstance(folder, LocalFolder):
        return ""
    return os.path.relpath(os.path.abspath(source), (folder.path / stem).absolute().parent)


def _refuse(
    folder: Folder, names: Iterable[str], shared: dict[str, bytes], overwrite: bool, source: PathLike | None
) -> None:
    """Raise before anything is written if something would be lost."""
    for name in names:
        place = folder.place(name)
        if source is not None and _same(place, os.fspath(source)):
            raise OutputError(f"{named(place)} is the picture itself; choose another output folder.")
        if not overwrite and folder.exists(name):
            raise OutputError(f"{named(place)} exists already; {REMEDY}.")
    for name, content in shared.items():
        if not overwrite and folder.read(name) not in (None, content):
            raise OutputError(f"{named(folder.place(name))} lists other classes; {REMEDY}.")


def _same(place: str, source: str) -> bool:
    if is_url(place) or is_url(source):
        return place == source
    return os.path.exists(source) and os.path.exists(place) and os.path.samefile(source, place)


def _write_all(folder: Folder, names: dict[str, str], shared: dict[str, bytes], view: ResultView) -> None:
    fresh = [name for name in names.values() if not folder.exists(name)]
    try:
        for name, content in shared.items():
            if folder.read(name) != content:
                folder.save(name, content)
        for kind, name in names.items():  # the mask comes last: where it is, the picture is done
            folder.save(name, WRITERS[kind](view))
    except BaseException:
        for name in fresh:
            with suppress(OSError, OutputError):
                folder.remove(name)
        raise
