"""The official folder layouts, turned into one list: which pictures there are and where their labels lie.

Nothing is decoded here; a layout only lists names and checks that the files are there. COCO, whose labels
must be painted first, has its own file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from asgnet.data.names import read_text
from asgnet.errors import DataError, note
from asgnet.files import named, printable
from asgnet.types import IGNORE

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
VOC_CLASSES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow "
    "diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor"
)
VOC_HOME = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012 (VOCtrainval_11-May-2012.tar)"
SBD_HOME = "http://home.bharathh.info/pubs/codes/SBD"
FSS_HOME = "https://github.com/HKUSTCV/FSS-1000"


@dataclass(frozen=True)
class Item:
    """One labelled picture.

    Attributes:
        name: unique in its dataset, with "/" between folders on every platform.
        picture: the picture file.
        labels: the label file: a class-index PNG, SBD's .mat, or (``value`` set) a mask of one object.
        value: 0, or the class index that a mask's object stands for.
    """

    name: str
    picture: Path
    labels: Path
    value: int = 0


@dataclass(frozen=True)
class Layout:
    """What a layout found: the dataset's name, its classes (None: whatever the labels hold), its pictures."""

    name: str
    classes: dict[int, str] | None
    items: tuple[Item, ...]


def voc(root: Path, split: str) -> Layout:
    """PASCAL VOC 2012 in its devkit folders, with ``SegmentationClassAug`` or SBD's .mat files where present.

    ``train`` is the field's augmented list: every picture of SegmentationClassAug, or of VOC's train list
    and SBD together, that is not on VOC's val list. ``val`` is VOC's val list.

    Raises:
        DataError: a folder or list is missing, or pictures that a list names.
    """
    devkit = next((p for p in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012") if is_devkit(p)), None)
    sbd_root = _sbd_root(root)
    if devkit is None:
        if sbd_root is None:
            raise DataError(
                f"{named(root)} is no VOC 2012 devkit: it needs JPEGImages/ and ImageSets/Segmentation/; "
                f"get it from {VOC_HOME}."
            )
        return Layout(f"sbd-{split}", _named(VOC_CLASSES.split()), _sbd_items(sbd_root, split))
    lists = devkit / "ImageSets" / "Segmentation"
    val = _read_list(lists / "val.txt", VOC_HOME)
    items = {} if sbd_root is None else {item.name: item for item in _sbd_items(sbd_root, "all")}
    pictures = _by_stem(devkit / "JPEGImages")
    plain, augmented = _by_stem(devkit / "SegmentationClass"), _by_stem(devkit / "SegmentationClassAug")
    if not plain and not augmented:
        raise DataError(
            f"{named(devkit)} has neither SegmentationClass/ nor SegmentationClassAug/; "
            f"get the first from {VOC_HOME}."
        )
    labels = plain | augmented
    train = _read_list(lists / "trainaug.txt", "") if (lists / "trainaug.txt").is_file() else list(augmented)
    names = {
        "val": val,
        "train": sorted({*(train or _read_list(lists / "train.txt", VOC_HOME)), *items} - set(val)),
    }
    wanted = _of_split(names, split, root)
    for name in wanted:
        if name in pictures and name in labels:
            items[name] = Item(name, pictures[name], labels[name])
    _refuse_missing([name for name in wanted if name not in items], len(wanted), devkit, VOC_HOME)
    return Layout(
        f"voc2012-{split}", _named(VOC_CLASSES.split()), tuple(items[name] for name in sorted(wanted))
    )


def fss1000(root: Path, split: str) -> Layout:
    """FSS-1000: a folder per class, ``N.jpg`` beside ``N.png``; ``split`` (train, val, test) is of *classes*.

    Class indices count the 1,000 names in alphabetical order from 1, leaving out 255 (ignore), and are the
    same in every split.
    """
    lists = json.loads(files("asgnet.data.benchmarks").joinpath("fss1000_splits.json").read_text("utf-8"))
    everything = sorted(name for names in lists.values() for name in names)
    wanted = set(_of_split(lists, split, root))
    classes = {index: name for index, name in _named(everything).items() if name in wanted}
    home = next(
        (
            p
            for p in (root, root / "fewshot_data", root / "fewshot_data" / "fewshot_data")
            if (p / everything[0]).is_dir()
        ),
        root,
    )
    missing = [name for name in classes.values() if not (home / name).is_dir()]
    _refuse_missing(missing, len(classes), home, FSS_HOME, "class folders")
    items = [item for index, name in classes.items() for item in _class_folder(home / name, index)]
    return Layout(f"fss1000-{split}", classes, tuple(items))


def class_folders(root: Path, split: str) -> Layout:
    """One folder per class: ``CLASS/NAME.jpg`` beside ``CLASS/NAME.png`` (or ``NAME_mask.png``)."""
    _only_all(split, root)
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    found = [(folder.name, items) for folder in folders if (items := _class_folder(folder, 0))]
    if not found:
        raise DataError(
            f"{named(root)} holds no dataset that asgnet knows: give images/ and masks/, one folder per "
            "class with NAME.jpg beside NAME.png, a COCO JSON, or VOC, COCO or FSS-1000 as they are "
            "published."
        )
    classes = _named([name for name, _ in found])
    index_of = {name: index for index, name in classes.items()}
    items = [
        Item(item.name, item.picture, item.labels, index_of[name])
        for name, members in found
        for item in members
    ]
    return Layout(printable(root.name), classes, tuple(items))


def images_and_masks(root: Path, split: str) -> Layout:
    """``images/`` and ``masks/`` with the same stems; classes.txt (first line = value 0) is optional.

    Where train.txt and val.txt lie beside them, they are the splits; else the only split is ``all``.
    """
    pictures, masks = _by_stem(root / "images"), _by_stem(root / "masks", suffixes=(".png",))
    names = [name for name in pictures if name in masks]
    if names and (alone := sorted(pictures.keys() ^ masks.keys())):
        more = " …" if len(alone) > 3 else ""
        note(
            f"{named(root)}: left out is what has a picture or a mask alone, {len(alone)} in all: "
            f"{', '.join(alone[:3])}{more}."
        )
    if not names:
        raise DataError(
            f"{named(root)} has no picture in images/ whose mask lies in masks/: "
            f"masks are PNG files with the picture's name (images/a.jpg, masks/a.png)."
        )
    lists = {part: root / f"{part}.txt" for part in ("train", "val") if (root / f"{part}.txt").is_file()}
    if lists or split != "all":
        splits = {part: _read_list(path, "") for part, path in lists.items()}
        wanted = names if split == "all" else _of_split(splits, split, root)
        _refuse_missing(
            [name for name in wanted if name not in masks or name not in pictures], len(wanted), root, ""
        )
        names = wanted
    items = tuple(Item(name, pictures[name], masks[name]) for name in sorted(names))
    name = printable(root.name)
    return Layout(name if split == "all" else f"{name}-{split}", _classes_file(root), items)


def is_devkit(path: Path) -> bool:
    """Whether the folder is a VOC devkit."""
    return (path / "JPEGImages").is_dir() and (path / "ImageSets" / "Segmentation").is_dir()


def looks_like_fss(path: Path) -> bool:
    """Whether the folder holds folders named after FSS-1000's classes."""
    lists = json.loads(files("asgnet.data.benchmarks").joinpath("fss1000_splits.json").read_text("utf-8"))
    names = {name for members in lists.values() for name in members}
    present = {p.name for p in path.iterdir() if p.is_dir()} & names
    return len(present) >= 200 or (path / "fewshot_data").is_dir()


def _sbd_root(root: Path) -> Path | None:
    places = ("", "dataset", "SBD", "SBD/dataset", "sbd", "benchmark_RELEASE/dataset")
    return next(
        (root / p for p in places if (root / p / "cls").is_dir() and (root / p / "img").is_dir()), None
    )


def _sbd_items(root: Path, split: str) -> tuple[Item, ...]:
    pictures, labels = _by_stem(root / "img"), _by_stem(root / "cls", suffixes=(".mat",))
    wanted = list(labels) if split == "all" else _read_list(root / f"{split}.txt", SBD_HOME)
    _refuse_missing([n for n in wanted if n not in pictures or n not in labels], len(wanted), root, SBD_HOME)
    return tuple(Item(name, pictures[name], labels[name]) for name in sorted(wanted))


def _class_folder(folder: Path, value: int) -> list[Item]:
    """Picture and mask pairs of one class: a mask is the PNG beside another suffix, or ``NAME_mask``."""
    items = []
    stems: dict[str, dict[str, Path]] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES):
        stem, is_mask = (
            (path.stem.removesuffix("_mask"), True) if path.stem.endswith("_mask") else (path.stem, False)
        )
        pair = stems.setdefault(stem, {})
        pair["mask" if is_mask else path.suffix.lower()] = path
    for stem, pair in stems.items():
        mask = pair.pop("mask", None) or (pair.pop(".png", None) if len(pair) > 1 else None)
        if mask is not None and pair:
            items.append(Item(f"{folder.name}/{stem}", next(iter(pair.values())), mask, value))
    return items


def _named(names: Iterable[str]) -> dict[int, str]:
    """Class indices from 1 in the order given, leaving out 255."""
    indices = (index for index in range(1, 1 << 15) if index != IGNORE)
    return dict(zip(indices, names, strict=False))


def _classes_file(root: Path) -> dict[int, str] | None:
    path = root / "classes.txt"
    if not path.is_file():
        return None
    lines = [line.strip() for line in read_text(path, named(path)).splitlines()]
    return {value: name for value, name in enumerate(lines) if value not in (0, IGNORE) and name}


def _by_stem(folder: Path, suffixes: tuple[str, ...] = PICTURE_SUFFIXES) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith("."))
    by_stem: dict[str, Path] = {}
    for path in found:
        if path.stem in by_stem:
            note(f"{named(path)} counts, not {by_stem[path.stem].name}: both have one stem.")
        by_stem[path.stem] = path
    return by_stem


def _read_list(path: Path, home: str) -> list[str]:
    if not path.is_file():
        remedy = _get_it(home) or "it lists one picture name a line"
        raise DataError(f"{named(path)} cannot be read; {remedy}.")
    lines = read_text(path, named(path)).splitlines()
    # SBD-style lists name "/JPEGImages/x.jpg /SegmentationClassAug/x.png"; VOC's name "x".
    return [Path(line.split()[0]).stem for line in lines if line.strip()]


def _of_split(lists: dict[str, list[str]], split: str, root: Path) -> list[str]:
    if split == "all":
        return [name for names in lists.values() for name in names]
    if split not in lists:
        known = ", ".join([*lists, "all"])
        raise DataError(f"{named(root)} has no split {split!r}; it has {known}.")
    return lists[split]


def _only_all(split: str, root: Path) -> None:
    if split != "all":
        raise DataError(f"{named(root)} has no split {split!r}; its only one is all.")


def _refuse_missing(
    missing: list[str], of: int, root: Path, home: str, what: str = "pictures or their labels"
) -> None:
    if missing:
        remedy = _get_it(home) or "add them or shorten the list"
        raise DataError(
            f"{named(root)} lacks {len(missing)} of {of} {what} (the first is {missing[0]!r}); {remedy}."
        )


def _get_it(home: str) -> str:
    return f"get it from {home}" if home else ""
