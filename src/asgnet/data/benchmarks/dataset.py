"""One door to every dataset: ``open_dataset("voc:PATH", "val")``.

A Dataset knows its pictures, its classes and how many pixels of which class each picture holds. Layouts are
the official ones (PASCAL VOC 2012 with SBD, COCO 2014 and 2017, FSS-1000) and three of your own: images/ and
masks/, one folder per class, a COCO JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from asgnet.data.benchmarks import coco, layouts
from asgnet.data.benchmarks.index import Counts, build_index, read_item_labels
from asgnet.data.benchmarks.layouts import Item, Layout
from asgnet.data.names import read_text
from asgnet.errors import DataError
from asgnet.files import named, printable
from asgnet.types import IGNORE, Mask, Picture

KINDS = ("voc", "coco2014", "coco2017", "fss1000", "folder")


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures.

    Attributes:
        name: layout and split, such as ``voc2012-val``.
        classes: class index → name; background (0) and ignore (255) are no classes.
        pictures: picture name → where its picture and labels lie, sorted by name.
        counts: picture name → pixels per class index at the labels' own size, 0 and 255 included.
    """

    name: str
    classes: dict[int, str]
    pictures: dict[str, Item]
    counts: dict[str, Counts]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the names and their pixel counts per class: the same on every machine and platform."""
        rows = [[name, sorted(self.counts[name].items())] for name in sorted(self.pictures)]
        return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()

    def picture(self, name: str) -> Picture:
        """``h w 3`` uint8.

        Raises:
            DataError: no such picture in this dataset.
            PictureError: its file cannot be read.
        """
        from asgnet.data.read import read_picture

        return read_picture(self._item(name).picture)

    def labels(self, name: str) -> np.ndarray:
        """``h w`` class indices, 0 background, 255 ignore; uint8 (uint16 for FSS-1000's classes over 255).

        Raises:
            DataError: no such picture in this dataset, or its labels cannot be read.
        """
        return read_item_labels(self._item(name))

    def pair(self, name: str) -> tuple[Picture, np.ndarray]:
        """A picture ``h w 3`` and its labels ``h w``, see :meth:`picture` and :meth:`labels`.

        Raises:
            DataError: they have two sizes, or cannot be had.
            PictureError: its file cannot be read.
        """
        picture, labels = self.picture(name), self.labels(name)
        if picture.shape[:2] != labels.shape:
            (h, w), (lh, lw) = picture.shape[:2], labels.shape
            raise DataError(f"The picture {name!r} is {w}×{h} and its labels {lw}×{lh}; make them one size.")
        return picture, labels

    def mask(self, name: str, target: int) -> Mask:
        """``h w`` uint8: 1 where the picture shows class ``target``, 255 where its labels are void."""
        return class_mask(self.labels(name), target)

    def pixels(self, name: str, target: int) -> int:
        """How many pixels of class ``target`` the picture holds, at its labels' own size."""
        return self.counts[name].get(target, 0)

    def holding(self, target: int, min_pixels: int = 1) -> tuple[str, ...]:
        """Names of the pictures with at least ``min_pixels`` of class ``target``, sorted."""
        return tuple(name for name in self.pictures if self.pixels(name, target) >= min_pixels)

    def only(self, file: Path) -> Dataset:
        """The pictures that a list names: a line each, a name or the field's ``JPEGImages/NAME.jpg Labels/NAME.png``.

        Raises:
            DataError: the list cannot be read, or names pictures that are not here.
        """
        lines = [line.split()[0] for line in read_text(file, named(file)).splitlines() if line.strip()]
        names = [line if line in self.pictures else Path(line).stem for line in lines]
        missing = [name for name in names if name not in self.pictures]
        if not names:
            raise DataError(f"{named(file)} names no picture; give a list of one or more.")
        if missing:
            raise DataError(
                f"{named(file)} names {len(missing)} of {len(names)} pictures that {self.name} lacks (the first "
                f"is {missing[0]!r}); give that dataset's own list."
            )
        kept = sorted(set(names))
        return replace(
            self, pictures={n: self.pictures[n] for n in kept}, counts={n: self.counts[n] for n in kept}
        )

    def _item(self, name: str) -> Item:
        try:
            return self.pictures[name]
        except KeyError:
            raise DataError(f"{self.name} has no picture named {name!r}.") from None


def class_mask(labels: np.ndarray, target: int) -> Mask:
    """Class indices → one class's mask, ``h w`` uint8 in {0, 1, 255}."""
    mask = (labels == target).astype(np.uint8)
    mask[labels == IGNORE] = IGNORE
    return mask


def open_dataset(
    spec: str | Path,
    split: str | None = None,
    *,
    cache_dir: str | Path | None = None,
    workers: int | None = None,
) -> Dataset:
    """Open a dataset where the user has it, counting its pixels (cached) on the first time.

    Args:
        spec: ``KIND:PATH`` with KIND one of voc, coco2014, coco2017, fss1000, folder; or just a path, whose
            layout is then guessed and the guess said on stderr.
        split: train, val or all (test for FSS-1000); None: val where there is one (test for FSS-1000), else
            all.
        cache_dir: where index and COCO masks are kept; None: the user's cache folder.
        workers: processes for the first count; None: one per core.

    Raises:
        DataError: not there, not that layout, or incomplete: says what is missing and where to get it.
    """
    kind, root = _parse(spec)
    layout = _open_layout(kind, root, split or _default_split(kind, root), cache_dir, workers)
    if not layout.items:
        raise DataError(f"{named(root)} holds no labelled picture.")
    home = root if root.is_dir() else root.parent
    counts = build_index(layout.items, home, cache_dir=cache_dir, workers=workers)
    seen = sorted({value for row in counts.values() for value in row} - {0, IGNORE})
    only = layout.classes or {1: "object"}
    if not seen and list(only) == [1] and any(IGNORE in row for row in counts.values()):
        print(f"{named(root)}: masks hold only 0 and 255; 255 is read as the object.", file=sys.stderr)
        items = tuple(replace(item, value=1) for item in layout.items)
        counts = build_index(items, home, cache_dir=cache_dir, workers=workers)
        layout, seen = Layout(layout.name, only, items), [1]
    classes = layout.classes or {value: str(value) for value in seen}
    unknown = [value for value in seen if value not in classes]
    if unknown:
        culprit = next(name for name, row in counts.items() if unknown[0] in row)
        raise DataError(
            f"The labels of {culprit!r} hold value {unknown[0]}, which {layout.name} has no class for "
            f"({len(classes)} classes); name it in classes.txt (line number = value) or mend the mask."
        )
    return Dataset(layout.name, _distinct(classes), {item.name: item for item in layout.items}, counts)


def _distinct(classes: dict[int, str]) -> dict[int, str]:
    """Names that occur twice get their index behind them: results are kept by name."""
    classes = {i: printable(str(name)) for i, name in classes.items()}
    names = list(classes.values())
    return {i: name if names.count(name) == 1 else f"{name} ({i})" for i, name in classes.items()}


def _open_layout(
    kind: str, root: Path, split: str, cache_dir: str | Path | None, workers: int | None
) -> Layout:
    if kind == "voc":
        return layouts.voc(root, split)
    if kind == "fss1000":
        return layouts.fss1000(root, split)
    if kind in ("coco2014", "coco2017"):
        return coco.coco(root, split, kind[-4:], cache_dir=cache_dir, workers=workers)
    if (root / "images").is_dir() and (root / "masks").is_dir():
        return layouts.images_and_masks(root, split)
    files = [root] if root.is_file() else _json_files(root)
    if not files:
        return layouts.class_folders(root, split)
    if len(files) > 1:
        raise DataError(
            f"{named(root)} holds several COCO files ({_few(files)}); "
            f"name the one you mean: {named(f'folder:{files[0]}')}."
        )
    if split != "all":
        raise DataError(f"{named(files[0])} has no split {split!r}; its only one is all.")
    return coco.coco_json(files[0], cache_dir=cache_dir, workers=workers)


def _parse(spec: str | Path) -> tuple[str, Path]:
    kind, colon, rest = str(spec).partition(":")
    if colon and kind in KINDS:
        root = Path(rest).expanduser()
    else:
        kind, root = "", Path(spec).expanduser()
    if not root.exists():
        known = ", ".join(f"{known}:PATH" for known in KINDS)
        raise DataError(
            f"There is no {named(root)}; a dataset is given as {known}, or as a path to one of these."
        )
    if not kind:
        kind = _guess(root)
        print(f"{named(root)} is read as {kind} (say {named(f'{kind}:{root}')} to be sure).", file=sys.stderr)
    return kind, root


def _guess(root: Path) -> str:
    if root.is_file():
        return "folder"
    if any(layouts.is_devkit(p) for p in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012")):
        return "voc"
    for year in ("2017", "2014"):
        if any(
            (root / "annotations" / f"instances_{part}{year}.json").is_file() for part in ("train", "val")
        ):
            return f"coco{year}"
    return "fss1000" if layouts.looks_like_fss(root) else "folder"


def _default_split(kind: str, root: Path) -> str:
    if kind == "fss1000":
        return "test"
    return "all" if kind == "folder" and not (root / "val.txt").is_file() else "val"


def _json_files(root: Path) -> list[Path]:
    found = sorted([*root.glob("*.json"), *(root / "annotations").glob("*.json")])
    return [file for file in found if coco.looks_like_coco(file)]


def _few(paths: Sequence[Path]) -> str:
    return ", ".join(named(path.name) for path in paths[:3]) + (" …" if len(paths) > 3 else "")
