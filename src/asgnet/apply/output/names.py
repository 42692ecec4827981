"""Where results go: the formats, the files that each writes, and a name for every picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from asgnet.errors import UsageError
from asgnet.files import PathLike

FORMATS: dict[str, dict[str, str]] = {
    "cutout": {"cutout": "{stem}_cutout.png"},
    "probability": {"probability": "{stem}_probability.png"},
    "instances": {"instances": "{stem}_instances.png"},
    "yolo": {"yolo": "{stem}.txt"},
    "labelme": {"labelme": "{stem}.json"},
    "voc": {"voc_objects": "SegmentationObject/{stem}.png", "voc": "SegmentationClass/{stem}.png"},
    "png": {"png": "{stem}.png"},
    "coco": {},
    "coco-polygons": {},
    "labelstudio": {},
}
"""The formats, and each one's files of a picture; those without have one file for a run."""

OVERLAY = {"overlay": "{stem}_overlay.jpg"}
_PNGS = ("", "_probability", "_explained", "_cutout", "_instances")


def output_names(stem: str, formats: Iterable[str] = ("png",), *, overlay: bool = False) -> dict[str, str]:
    """The files of a stem, by kind, relative to their folder, in the order in which they are written.

    Raises:
        UsageError: an unknown format, or a stem that leads out of the folder.
    """
    formats = list(formats)
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise UsageError(f"There is no format {unknown[0]!r}; choose from {', '.join(sorted(FORMATS))}.")
    if not stem or os.path.isabs(stem) or ".." in PurePosixPath(stem).parts:
        raise UsageError(f"The stem {stem!r} leads out of the output folder; give a relative name.")
    files = [OVERLAY] * overlay + [names for form, names in FORMATS.items() if form in formats]
    return {kind: name.replace("{stem}", stem) for names in files for kind, name in names.items()}


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


def _files_of(stem: str) -> set[str]:
    """The PNGs a stem may become: of two stems that shared one the second would be refused."""
    return {(stem + ending).casefold() for ending in _PNGS}
