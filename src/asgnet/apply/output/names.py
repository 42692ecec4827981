"""Where results go: the formats, the files that each writes, and a name for every picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from asgnet.data.folder import is_url
from asgnet.errors import UsageError
from asgnet.files import PathLike

FORMATS: dict[str, dict[str, str]] = {
    "cutout": {"cutout": "{stem}_cutout.png"},
    "probability": {"probability": "{stem}_probability.png"},
    "instances": {"instances": "{stem}_instances.png"},
    "yolo": {"yolo": "{stem}.txt"},
    "labelme": {"labelme": "{stem}.json"},
    "geojson": {"geojson": "{stem}.geojson"},
    "imagej": {"imagej": "{stem}_rois.zip"},
    "voc": {"voc_objects": "SegmentationObject/{stem}.png", "voc": "SegmentationClass/{stem}.png"},
    "tiff": {"tiff": "{stem}_mask.tif"},
    "png": {"png": "{stem}.png"},
    "coco": {},
    "coco-polygons": {},
    "labelstudio": {},
    "measures": {},
    "counts": {},
    "measures-parquet": {},
    "counts-parquet": {},
}
"""The formats, and each one's files of a picture; those without have one file for a run."""

TABLES = ("measures", "counts", "measures-parquet", "counts-parquet")
"""Those that are tables of what was measured."""

EXPLANATION = {"explain": "{stem}_explained.png"}
OVERLAY = {"overlay": "{stem}_overlay.jpg"}
_PNGS = ("", "_probability", "_explained", "_cutout", "_instances")


def output_names(
    stem: str, formats: Iterable[str] = ("png",), *, overlay: bool = False, explain: bool = False
) -> dict[str, str]:
    """The files of a stem, by kind, relative to their folder, in the order in which they are written.

    Raises:
        UsageError: an unknown format, or a stem that leads out of the folder.
    """
    if not stem or os.path.isabs(stem) or ".." in PurePosixPath(stem).parts:
        raise UsageError(f"The stem {stem!r} leads out of the output folder; give a relative name.")
    patterns = _patterns(formats, overlay, explain)
    return {kind: name.replace("{stem}", stem) for kind, name in patterns.items()}


def outputs_of(
    paths: Iterable[PathLike], formats: Iterable[str], *, overlay: bool = False, explain: bool = False
) -> list[tuple[str, dict[str, str]]]:
    """The stem (:func:`output_stems`) and the files (:func:`output_names`) of every picture of a run."""
    patterns = _patterns(formats, overlay, explain)
    return [
        (stem, {kind: name.replace("{stem}", stem) for kind, name in patterns.items()})
        for stem in output_stems(paths)
    ]


def output_stems(paths: Iterable[PathLike]) -> list[str]:
    """Names for the results of many pictures: unique, also where letter case does not count.

    A stem is the picture's path from the common parent of all, without its ending: ``a/x.jpg`` and
    ``b/x.jpg`` give ``a/x`` and ``b/x``, pictures of one folder plain stems. Pictures that differ in their
    ending alone keep it (``x.jpg``, ``x.png``); what still collides gets ``_2``, ``_3`` ... An address counts
    as a path below folders of its protocol's and its bucket's name.
    """
    absolute = [Path(_path_of(os.fspath(p)) if is_url(p) else os.path.abspath(p)) for p in paths]
    if not absolute:
        return []
    parent = os.path.commonpath([p.parent for p in absolute])
    relative = [p.relative_to(parent) for p in absolute]
    twins = Counter(p.with_suffix("").as_posix().casefold() for p in relative)
    stems: list[str] = []
    taken: set[str] = set()
    tried: dict[str, int] = {}
    for path in relative:
        plain = path.with_suffix("").as_posix()
        first = stem = path.as_posix() if twins[plain.casefold()] > 1 else plain
        n = tried.get(first.casefold(), 1)  # no number is tried twice: thousands may have one name
        if n > 1:
            stem = f"{first}_{n}"
        while not taken.isdisjoint(_files_of(stem)):
            n += 1
            stem = f"{first}_{n}"
        tried[first.casefold()] = n
        taken |= _files_of(stem)
        stems.append(stem)
    return stems


def check_formats(formats: Iterable[str]) -> None:
    """UsageError if one of them is unknown."""
    for form in sorted(set(formats) - set(FORMATS)):
        raise UsageError(f"There is no format {form!r}; choose from {', '.join(sorted(FORMATS))}.")


def _patterns(formats: Iterable[str], overlay: bool, explain: bool) -> dict[str, str]:
    formats = list(formats)
    check_formats(formats)
    files = [EXPLANATION] * explain + [OVERLAY] * overlay
    files += [names for form, names in FORMATS.items() if form in formats]
    return {kind: name for names in files for kind, name in names.items()}


def _path_of(address: str) -> str:
    inside = address.replace("::", "/").replace("://", "/")
    return "/" + "/".join(part for part in PurePosixPath(inside).parts if part not in ("..", "."))


def _files_of(stem: str) -> set[str]:
    """The PNGs a stem may become: of two stems that shared one the second would be refused."""
    return {(stem + ending).casefold() for ending in _PNGS}
