"""Write what was found in a picture: masks, overlays, YOLO polygons, COCO annotations, one JSON line each.

Every file is written whole or not at all, and nothing that exists is replaced unless asked for.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.overlays import class_palette, save_overlay
from asgnet.data.formats import box, coco_annotation, coco_file, yolo_lines
from asgnet.data.images import save_png
from asgnet.errors import OutputError, UsageError
from asgnet.files import PathLike, named, save_bytes
from asgnet.types import IGNORE, Picture, Prediction

ENDINGS = {"png": ".png", "yolo": ".txt", "probability": "_probability.png", "coco": ""}
"""The formats of :func:`save_prediction` and what their files end with; COCO has one file for a run."""

OVERLAY = "_overlay.jpg"


class _Part(NamedTuple):
    """One class in a prediction: ``region`` is ``h w`` bool, ``probability`` ``h w`` in [0, 1]."""

    name: str
    region: NDArray[np.bool_]
    probability: NDArray[np.float32]
    presence: float


def save_prediction(
    prediction: Prediction,
    picture: Picture,
    out_dir: PathLike,
    stem: str,
    *,
    formats: Iterable[str] = ("png",),
    overlay: bool = False,
    overwrite: bool = False,
    source: PathLike | None = None,
) -> dict[str, Any]:
    """Write one picture's results, all of them or none.

    - ``png``: ``<stem>.png``, 0 and 255; with several classes a palette PNG of class indices (0 background)
      beside a ``classes.txt`` whose first line, ``background``, is index 0.
    - ``probability``: ``<stem>_probability.png``, 16 bits, 65535 is 1.
    - ``yolo``: ``<stem>.txt``, a line a polygon (class from 0, then x y in [0, 1]), holes joined to their
      outline by a cut; empty if nothing was found. ``data.yaml`` beside it names the classes.
    - ``coco``: no file, but an entry for :func:`write_coco`.
    - the overlay: ``<stem>_overlay.jpg``.

    Args:
        prediction: at the picture's own size.
        picture: ``h w 3`` uint8.
        out_dir: made if missing.
        stem: name without ending, may have folders (see :func:`output_stems`).
        formats: any of :data:`ENDINGS`.
        overlay: write the overlay as well.
        overwrite: replace what exists.
        source: the picture's file: its name in COCO, and never overwritten, whatever ``overwrite`` says.

    Returns:
        For each format (and ``overlay``) the path written, as text; for ``coco`` a dict ``image``,
        ``annotations``.

    Raises:
        UsageError: an unknown format, a stem outside ``out_dir``, a prediction of another size.
        OutputError: a file exists already or cannot be written.
    """
    formats = set(formats)
    if prediction.mask.shape != picture.shape[:2]:
        raise UsageError(
            f"The prediction is {prediction.mask.shape} and its picture {picture.shape[:2]} (h, w); "
            "give the picture that was segmented."
        )
    folder, parts = Path(out_dir), _parts(prediction)
    paths = {kind: folder / name for kind, name in output_names(stem, formats, overlay=overlay).items()}
    shared = _class_lists(folder, prediction.classes, formats)
    _refuse(paths.values(), shared, overwrite, source)
    # The mask comes last: where it is, the picture is done.
    writers: dict[str, Callable[[], None]] = {}
    if overlay:
        writers["overlay"] = partial(save_overlay, paths["overlay"], picture, prediction.mask)
    if "probability" in formats:
        values = (prediction.probability * 65535 + 0.5).astype(np.uint16)
        writers["probability"] = partial(save_png, paths["probability"], values)
    if "yolo" in formats:
        lines = "".join(yolo_lines(part.region, i) for i, part in enumerate(parts))
        writers["yolo"] = partial(save_bytes, paths["yolo"], lines.encode())
    if "png" in formats:
        writers["png"] = partial(_save_mask, paths["png"], prediction)
    _write_all(writers, paths, shared)
    done: dict[str, Any] = {kind: os.fspath(paths[kind]) for kind in writers}
    if "coco" in formats:
        done["coco"] = _coco(parts, os.fspath(source) if source else stem)
    return done


def output_names(stem: str, formats: Iterable[str] = ("png",), *, overlay: bool = False) -> dict[str, str]:
    """The files that :func:`save_prediction` writes for a stem, by format, relative to its folder.

    Raises:
        UsageError: an unknown format, or a stem that leads out of the folder.
    """
    formats = list(formats)
    unknown = sorted(set(formats) - set(ENDINGS))
    if unknown:
        raise UsageError(f"There is no format {unknown[0]!r}; choose from {', '.join(ENDINGS)}.")
    if not stem or os.path.isabs(stem) or ".." in PurePosixPath(stem).parts:
        raise UsageError(f"The stem {stem!r} leads out of the output folder; give a relative name.")
    names = {kind: stem + ENDINGS[kind] for kind in ENDINGS if kind in formats and ENDINGS[kind]}
    return names | ({"overlay": stem + OVERLAY} if overlay else {})


def output_stems(paths: Iterable[PathLike]) -> list[str]:
    """Names for the results of many pictures: unique, also where letter case does not count.

    A stem is the picture's path from the common parent of all, without its ending: ``a/x.jpg`` and
    ``b/x.jpg`` give ``a/x`` and ``b/x``, pictures of one folder plain stems. Pictures that differ in their
    ending alone keep it (``x.jpg``, ``x.png``); what still collides gets ``_2``, ``_3`` ...
    """
    absolute = [Path(os.path.abspath(p)) for p in paths]
    if not absolute:
        return []
    parent = os.path.commonpath([p.parent for p in absolute])
    relative = [p.relative_to(parent) for p in absolute]
    twins = Counter(p.with_suffix("").as_posix().casefold() for p in relative)
    stems: list[str] = []
    taken: set[str] = set()
    for path in relative:
        plain = path.with_suffix("").as_posix()
        first = stem = path.as_posix() if twins[plain.casefold()] > 1 else plain
        n = 1
        while not taken.isdisjoint(_files_of(stem)):
            n += 1
            stem = f"{first}_{n}"
        taken |= _files_of(stem)
        stems.append(stem)
    return stems


def summary(
    prediction: Prediction, name: PathLike, *, mask: PathLike | None = None, seconds: float | None = None
) -> dict[str, Any]:
    """What there is to say about one picture, ready for ``json.dumps``: one line of ``--json``.

    ``presence`` and ``area_fraction`` are in [0, 1]; ``box`` is ``[x, y, width, height]`` in pixels or None;
    ``confidence`` the mean probability of the object's pixels or None; ``classes`` says the same per class.

    Args:
        prediction: what was found.
        name: the picture.
        mask: where its mask was written.
        seconds: how long it took.
    """
    whole = _Part("", prediction.mask != 0, prediction.probability, prediction.presence)
    parts = _parts(prediction)
    return {
        "picture": os.fspath(name),
        **_facts(whole),
        "mask": None if mask is None else os.fspath(mask),
        "classes": [{"name": part.name, **_facts(part)} for part in parts],
        "seconds": None if seconds is None else round(float(seconds), 4),
    }


def write_coco(
    path: PathLike,
    images: Sequence[dict[str, Any]],
    annotations: Sequence[Sequence[dict[str, Any]]],
    classes: Sequence[str],
    *,
    overwrite: bool = False,
) -> None:
    """Collect a run's entries into one COCO file, whole or not at all.

    Args:
        path: ``annotations.json``, say.
        images: ``save_prediction(...)["coco"]["image"]`` of every picture.
        annotations: ``save_prediction(...)["coco"]["annotations"]`` of the same pictures, in the same order.
        classes: names in the order of their indices; ids count from 1, those of pictures and annotations too.
        overwrite: replace the file if it exists.

    Raises:
        UsageError: not as many lists of annotations as pictures.
        OutputError: the file exists already or cannot be written.
    """
    if len(images) != len(annotations):
        raise UsageError(
            f"{len(images)} pictures but {len(annotations)} lists of annotations; give one each."
        )
    _refuse([Path(path)], {}, overwrite, None)
    save_bytes(path, json.dumps(coco_file(images, annotations, classes)).encode())


def _parts(prediction: Prediction) -> list[_Part]:
    if len(prediction.classes) == 1:
        name = prediction.classes[0]
        return [_Part(name, prediction.mask != 0, prediction.probability, prediction.presence)]
    ones = [prediction.by_class.get(name, prediction) for name in prediction.classes]
    return [
        _Part(name, prediction.mask == i, one.probability, one.presence)
        for i, (name, one) in enumerate(zip(prediction.classes, ones, strict=True), 1)
    ]


def _facts(part: _Part) -> dict[str, Any]:
    return {
        "presence": round(float(part.presence), 6),
        "area_fraction": round(float(part.region.mean()), 6),
        "box": box(part.region),
        "confidence": _confidence(part),
    }


def _confidence(part: _Part) -> float | None:
    area = np.count_nonzero(part.region)
    return round(float(part.probability.sum(where=part.region, dtype=np.float64)) / area, 6) if area else None


def _files_of(stem: str) -> set[str]:
    """The PNGs a stem may become: of two stems that shared one the second would be refused."""
    return {(stem + ending).casefold() for ending in ("", "_probability", "_explained")}


def _class_lists(folder: Path, classes: Sequence[str], formats: set[str]) -> dict[Path, bytes]:
    """The files that a whole run shares, with their content."""
    if len(classes) >= IGNORE and "png" in formats:
        raise UsageError(
            f"{len(classes)} classes do not fit into a PNG of 8 bits; choose coco or yolo instead."
        )
    names, lists = [" ".join(name.split()) for name in classes], {}
    if "png" in formats and len(classes) > 1:
        lists[folder / "classes.txt"] = "".join(f"{name}\n" for name in ["background", *names])
    if "yolo" in formats:
        entries = "".join(f"  {i}: {json.dumps(name, ensure_ascii=False)}\n" for i, name in enumerate(names))
        lists[folder / "data.yaml"] = f"names:\n{entries}"
    return {path: text.encode("utf-8", "surrogateescape") for path, text in lists.items()}


def _refuse(
    paths: Iterable[Path], shared: dict[Path, bytes], overwrite: bool, source: PathLike | None
) -> None:
    """Raise before anything is written if something would be lost."""
    remedy = "add --overwrite (overwrite=True) or choose another output folder"
    for path in paths:
        if source is not None and os.path.exists(source) and path.exists() and path.samefile(source):
            raise OutputError(f"{named(path)} is the picture itself; choose another output folder.")
        if not overwrite and os.path.lexists(path):
            raise OutputError(f"{named(path)} exists already; {remedy}.")
    for path, content in shared.items():
        if not overwrite and path.is_file() and path.read_bytes() != content:
            raise OutputError(f"{named(path)} lists other classes; {remedy}.")


def _write_all(
    writers: dict[str, Callable[[], None]], paths: dict[str, Path], shared: dict[Path, bytes]
) -> None:
    fresh = [paths[kind] for kind in writers if not os.path.lexists(paths[kind])]
    try:
        for path, content in shared.items():
            if not path.is_file() or path.read_bytes() != content:
                save_bytes(path, content)
        for write in writers.values():
            write()
    except BaseException:
        for path in fresh:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _save_mask(path: Path, prediction: Prediction) -> None:
    if len(prediction.classes) == 1:
        save_png(path, prediction.mask != 0)
    else:
        save_png(path, prediction.mask.astype(np.uint8), palette=class_palette(len(prediction.classes)))


def _coco(parts: Sequence[_Part], file_name: str) -> dict[str, Any]:
    height, width = parts[0].region.shape
    found = (coco_annotation(part.region, i, _confidence(part)) for i, part in enumerate(parts, 1))
    return {
        "image": {"file_name": file_name, "height": height, "width": width},
        "annotations": [one for one in found if one is not None],
    }
