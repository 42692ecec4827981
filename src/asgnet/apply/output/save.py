"""Write what was found in a picture: masks, cut-outs, polygons, annotations, one JSON line each.

Every file is written whole or not at all, and nothing that exists is replaced unless asked for. What each
file holds is said in :mod:`asgnet.apply.output.formats`, what it is called in :mod:`asgnet.apply.output.names`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from asgnet.apply.inference.postprocess import PRESENT
from asgnet.apply.output.formats import ENTRIES, WRITERS, shared_files
from asgnet.apply.output.names import output_names
from asgnet.apply.output.objects import ResultView, measured, uncertainty
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
) -> dict[str, Any]:
    """Write one picture's results, all of them or none.

    - ``png``: ``<stem>.png``, 0 and 255; with several classes a palette PNG of class indices (0 background)
      beside a ``classes.txt`` whose first line, ``background``, is index 0.
    - ``tiff``: ``<stem>_mask.tif``, the same as a tiled TIFF with the map coordinates of a GeoTIFF ``source``.
    - ``probability``: ``<stem>_probability.png``, 16 bits, 65535 is 1.
    - ``cutout``: ``<stem>_cutout.png``, the picture with the object's mask as its alpha.
    - ``instances``: ``<stem>_instances.png``, 16 bits, every object its number.
    - ``yolo``: ``<stem>.txt``, a line a polygon (class from 0, then x y in [0, 1]), holes joined to their
      outline by a cut; empty if nothing was found. ``data.yaml`` beside it names the classes.
    - ``labelme``: ``<stem>.json``, polygons; pieces of one object share their ``group_id``.
    - ``geojson``: ``<stem>.geojson``, polygons as QuPath imports them; ``imagej``: ``<stem>_rois.zip``, regions for
      ImageJ's ROI manager.
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
        instances: the objects are those of ``prediction.instances``; else all of a class in a picture is one.
        simplify: how many pixels the outlines of polygons may stray from the mask; 0 is exact.

    Returns:
        For each kind of file the path written, as text; for ``coco`` and its like the entry.

    Raises:
        UsageError: an unknown format, a stem outside ``out_dir``, a prediction of another size, a negative
            ``simplify``.
        OutputError: a file exists already or cannot be written.
    """
    formats = {formats} if isinstance(formats, str) else set(formats)
    if not simplify >= 0:  # so written, NaN is refused too
        raise UsageError(f"simplify is a number of pixels, not less than 0, not {simplify}.")
    names, folder = output_names(stem, formats, overlay=overlay), folder_at(out_dir)
    name = stem if source is None else os.fspath(source)
    view = ResultView(prediction, picture, name, "", instances, simplify)
    shared = shared_files(prediction.classes, formats)
    write_files(view, folder, names, shared, source=source, overwrite=overwrite)
    done: dict[str, Any] = {kind: folder.place(name) for kind, name in names.items()}
    return done | {form: entry(view) for form, entry in ENTRIES.items() if form in formats}


def write_files(
    view: ResultView,
    folder: Folder,
    names: Mapping[str, str],
    shared: Mapping[str, bytes],
    *,
    source: PathLike | None = None,
    overwrite: bool = False,
) -> None:
    """Write these files of a picture, by kind, all of them or none.

    Args:
        view: what was found.
        folder: of the results.
        names: by kind, as :func:`asgnet.apply.output.names.output_names`.
        shared: what the pictures of a run share: :func:`asgnet.apply.output.formats.shared_files`.
        source: the picture's file, never overwritten.
        overwrite: replace what exists.

    Raises:
        UsageError: the prediction is of another size than the picture, or has too many classes for a PNG.
        OutputError: a file exists already or cannot be written.
    """
    _check(view, names)
    if "labelme" in names:
        view = replace(view, link=link_to(folder, names["labelme"], source))

    def write(kind: str, name: str) -> None:
        folder.save(name, WRITERS[kind](view))

    write_all(write, folder, names, shared, source=source, overwrite=overwrite)


def write_all(
    write: Callable[[str, str], None],
    folder: Folder,
    names: Mapping[str, str],
    shared: Mapping[str, bytes],
    *,
    source: PathLike | None = None,
    overwrite: bool = False,
) -> None:
    """As :func:`write_files`, each by ``write``, which is given its kind and name."""
    _refuse(folder, names.values(), shared, overwrite, source)
    fresh = [name for name in names.values() if not folder.exists(name)]
    try:
        for name, content in shared.items():
            if folder.read(name) != content:
                folder.save(name, content)
        for kind, name in names.items():  # the mask comes last: where it is, the picture is done
            write(kind, name)
    except BaseException:
        for name in fresh:
            with suppress(OSError, OutputError):
                folder.remove(name)
        raise


def summary(
    prediction: Prediction,
    name: PathLike,
    *,
    mask: PathLike | None = None,
    seconds: float | None = None,
    instances: bool = False,
) -> dict[str, Any]:
    """What there is to say about one picture, ready for ``json.dumps``: one line of ``--json``.

    Its fields are those of :class:`asgnet.apply.output.records.PictureResult`, less ``files`` and ``status``.

    Args:
        prediction: what was found.
        name: the picture.
        mask: where its mask was written.
        seconds: how long it took.
        instances: say the same of every connected piece, too, as ``objects``.
    """
    return described(
        ResultView(prediction, prediction.mask, os.fspath(name), apart=instances), mask=mask, seconds=seconds
    )


def described(
    view: ResultView, name: str = "", *, mask: PathLike | None = None, seconds: float | None = None
) -> dict[str, Any]:
    """As :func:`summary`; ``name`` is the picture's, if it is not the one that its files are given."""
    found = view.prediction
    classes = [{"name": one.name, **measured(*one[1:])} for one in view.classes]
    if len(classes) == 1:
        whole = {key: value for key, value in classes[0].items() if key != "name"}
    else:
        whole = measured(found.mask != 0, found.probability, found.presence)
    height, width = found.mask.shape
    said = {
        "picture": name or view.name,
        "width": width,
        "height": height,
        "present": whole["presence"] >= PRESENT,
        **whole,
        "uncertainty": uncertainty(whole["presence"], whole["confidence"]),
        "mask": None if mask is None else os.fspath(mask),
        "classes": classes,
        "seconds": None if seconds is None else round(float(seconds), 4),
    }
    if view.apart:
        said["objects"] = [
            {
                "name": one.name,
                "area_fraction": round(one.area / found.mask.size, 6),
                "box": list(one.box),
                "confidence": one.score,
            }
            for one in view.objects
        ]
    return said


def _check(view: ResultView, names: Mapping[str, str]) -> None:
    if view.prediction.mask.shape != view.picture.shape[:2]:
        raise UsageError(
            f"The prediction is {view.prediction.mask.shape} and its picture {view.picture.shape[:2]} (h, w); "
            "give the picture that was segmented."
        )
    if len(view.prediction.classes) >= IGNORE and {"png", "tiff", "voc"} & set(names):
        raise UsageError(
            f"{len(view.prediction.classes)} classes do not fit into a PNG of 8 bits; choose coco or yolo instead."
        )


def link_to(folder: Folder, name: str, source: PathLike | None) -> str:
    """The way from a file of a picture's results to the picture, if both are on this machine."""
    if source is None or is_url(source) or not isinstance(folder, LocalFolder):
        return ""
    return os.path.relpath(os.path.abspath(source), (folder.path / name).absolute().parent)


def _refuse(
    folder: Folder,
    names: Iterable[str],
    shared: Mapping[str, bytes],
    overwrite: bool,
    source: PathLike | None,
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
