"""COCO instance files → class-index masks, painted once into the user's cache.

Class indices count the file's categories in order of their ids from 1 (COCO's 80: 1…80, the numbering of
COCO-20i). Where instances overlap the smaller lies on top; crowd regions are ignore (255) unless an instance
covers them. The JSON (hundreds of MB) is read only when it has changed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asgnet.data.annotations import coco_region
from asgnet.data.annotations.coco import check_segmentation
from asgnet.data.benchmarks.index import parallel, short_hash
from asgnet.data.benchmarks.layouts import Item, Layout
from asgnet.data.read import MOST_PIXELS
from asgnet.errors import DataError
from asgnet.files import atomic_path, cache_folder, named, printable
from asgnet.types import IGNORE

HOME = "https://cocodataset.org/#download"


@dataclass(frozen=True)
class _Sheet:
    """One picture to paint: where its mask goes, its size, its instances (class, area, crowd, shape)."""

    target: Path
    size: tuple[int, int]
    instances: tuple[tuple[int, float, bool, object], ...]


def coco(root: Path, split: str, year: str, *, cache_dir: str | Path | None, workers: int | None) -> Layout:
    """COCO 2014 or 2017: annotations/instances_{train,val}YEAR.json beside {train,val}YEAR/.

    Raises:
        DataError: a file or picture is missing; says which and where to get it.
    """
    parts = ("train", "val") if split == "all" else (split,)
    if not set(parts) <= {"train", "val"}:
        raise DataError(f"{named(root)} has no split {split!r}; it has train, val, all.")
    layouts = []
    for part in parts:
        file = root / "annotations" / f"instances_{part}{year}.json"
        if not file.is_file():
            raise DataError(f"{named(root)} lacks annotations/{file.name}; get it from {HOME}.")
        folders = [root / f"{part}{year}", root / "images" / f"{part}{year}"]
        layouts.append(coco_json(file, folders, cache_dir=cache_dir, workers=workers))
    items = sorted((item for layout in layouts for item in layout.items), key=lambda item: item.name)
    return Layout(f"coco{year}-{split}", layouts[0].classes, tuple(items))


def coco_json(
    file: Path, folders: list[Path] | None = None, *, cache_dir: str | Path | None, workers: int | None
) -> Layout:
    """Any COCO instance JSON; its pictures are looked for in ``folders``, else in and beside its own folder.

    Raises:
        DataError: not a COCO file, more than 254 categories, or pictures missing.
    """
    folders = folders or [p for base in (file.parent, file.parent.parent) for p in (base, base / "images")]
    stat = file.stat()
    cache = cache_folder(cache_dir)
    prefix = f"coco-{short_hash(str(file.resolve()))}"
    home = cache / f"{prefix}-{short_hash(f'{stat.st_size} {stat.st_mtime_ns}')}"
    for stale in cache.glob(f"{prefix}-*"):  # what was made of this file when it was another
        if stale != home and re.fullmatch(rf"{prefix}-[0-9a-f]{{16}}", stale.name) and not stale.is_symlink():
            shutil.rmtree(stale, ignore_errors=True)
    listing = home / "listing.json"
    if not listing.is_file():
        _paint_all(file, home, listing, workers)
    listed = json.loads(listing.read_text("utf-8"))
    pictures = _find_pictures(listed["pictures"], folders, file)
    items = (Item(_stem(name), path, home / f"{_stem(name)}.png") for name, path in pictures.items())
    classes = {int(index): name for index, name in listed["classes"].items()}
    return Layout(printable(file.stem), classes, tuple(sorted(items, key=lambda item: item.name)))


def paint(size: tuple[int, int], instances: tuple[tuple[int, float, bool, object], ...]) -> np.ndarray:
    """Class-index mask of one picture, ``h w`` uint8.

    Args:
        size: height and width.
        instances: (class index, area, is crowd, COCO segmentation: polygons or RLE) each.

    Raises:
        ValueError: no picture has that size, or a segmentation is damaged or of another size.
    """
    if min(size) < 1 or size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"a picture of {size[1]}×{size[0]} pixels")
    labels = np.zeros(size, np.uint8)
    for index, _, crowd, shape in sorted(instances, key=lambda i: (not i[2], -i[1])):
        if isinstance(shape, list):  # COCO's own files have rings of two points, which enclose nothing
            shape = [ring for ring in shape if not isinstance(ring, list) or len(ring) > 4]
        check_segmentation(shape, size)
        labels[coco_region(shape, size)] = IGNORE if crowd else index
    return labels


def _paint_all(file: Path, home: Path, listing: Path, workers: int | None) -> None:
    """Paint every picture of the JSON, then write the listing: its presence says that all are there."""
    content = _load(file)
    try:
        categories = sorted(content["categories"], key=lambda category: category["id"])
        if len(categories) >= IGNORE:
            raise DataError(
                f"{named(file)} has {len(categories)} categories; class-index masks hold at most 254."
            )
        index_of = {category["id"]: index for index, category in enumerate(categories, 1)}
        astray = [
            n
            for n in (p["file_name"] for p in content["images"])
            if Path(n).is_absolute() or ".." in Path(n).parts
        ]
        if astray:
            raise DataError(f"{named(file)} names a picture outside its own folder: {astray[0]!r}.")
        home.mkdir(parents=True, exist_ok=True)
        for _ in parallel(
            _paint_one, list(_sheets(content, index_of, home)), f"painting {file.name}", workers
        ):
            pass
        found = {
            "classes": {index_of[category["id"]]: category["name"] for category in categories},
            "pictures": [picture["file_name"] for picture in content["images"]],
        }
        with atomic_path(listing) as partial:
            partial.write_text(json.dumps(found), "utf-8")
    except OSError as problem:
        raise DataError(
            f"COCO's class masks cannot be written to {named(home)} ({problem.strerror}); "
            "name another --cache-dir."
        ) from problem
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise DataError(
            f"{named(file)} holds what COCO's format does not allow ({problem!r:.99}); export it again."
        ) from problem


def _sheets(content: dict, index_of: dict[int, int], home: Path) -> Iterator[_Sheet]:
    instances: dict[int, list] = {}
    for note in content["annotations"]:
        shape = (index_of[note["category_id"]], note["area"], bool(note.get("iscrowd")), note["segmentation"])
        instances.setdefault(note["image_id"], []).append(shape)
    for picture in content["images"]:
        target = home / f"{_stem(picture['file_name'])}.png"
        if not target.is_file():  # an interrupted start painted it already
            size = (int(picture["height"]), int(picture["width"]))
            yield _Sheet(target, size, tuple(instances.get(picture["id"], ())))


def _paint_one(sheet: _Sheet) -> None:
    from asgnet.data.png import save_png

    sheet.target.parent.mkdir(parents=True, exist_ok=True)
    save_png(sheet.target, paint(sheet.size, sheet.instances))


def _load(file: Path) -> dict:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise DataError(
            f"{named(file)} cannot be read as JSON ({problem!s:.99}); export it again."
        ) from problem
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= content.keys():
        raise DataError(
            f"{named(file)} is no COCO instance file: it needs images, annotations and categories."
        )
    return content


def _find_pictures(names: list[str], folders: list[Path], file: Path) -> dict[str, Path]:
    """File name → path, from the first folder that holds the first picture."""
    home = next((folder for folder in folders if names and (folder / names[0]).is_file()), folders[0])
    present = {path.name for path in home.iterdir()} if home.is_dir() else set()
    missing = [name for name in names if name not in present and not (home / name).is_file()]
    if missing:
        looked = ", ".join(map(named, folders))
        raise DataError(
            f"{len(missing)} of {len(names)} pictures of {named(file.name)} are missing "
            f"(first {missing[0]!r}); put them in one of {looked}; COCO's own are at {HOME}."
        )
    return {name: home / name for name in names}


def _stem(file_name: str) -> str:
    return Path(file_name).with_suffix("").as_posix()


def looks_like_coco(file: Path) -> bool:
    """Whether the file's first kilobytes name COCO's tables (the whole may be hundreds of MB)."""
    try:
        with file.open("rb") as stream:
            head = stream.read(1 << 16)
    except OSError as problem:
        raise DataError(f"{named(file)} cannot be read: {problem.strerror}.") from problem
    return any(key in head for key in (b'"images"', b'"annotations"', b'"categories"', b'"info"'))
