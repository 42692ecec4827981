"""Which classes a fold tests and which it trains on, under the field's named protocols.

PASCAL-5i fold i tests classes 5i+1 … 5i+5. COCO-20i has two conventions: *every-fourth* (i+1, i+5, …; ASGNet,
PFENet, HSNet, BAM) and *contiguous* blocks of 20 (PANet, PPNet); they are never mixed, so one must be named.
FSS-1000's split is its fold. ``N-fold`` cuts any dataset's classes into N contiguous blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.errors import DataError, UsageError

CONVENTIONS = ("contiguous", "every-fourth")


@dataclass(frozen=True)
class Fold:
    """A protocol's fold.

    Attributes:
        name: protocol, convention and number, as results name it.
        test: class indices that are tested, never trained on.
        base: the other class indices.
    """

    name: str
    test: tuple[int, ...]
    base: tuple[int, ...]


def open_fold(dataset: Dataset, protocol: str, number: int = 0, *, convention: str | None = None) -> Fold:
    """The classes of one fold.

    Args:
        dataset: the dataset whose classes are cut.
        protocol: ``pascal-5i``, ``coco-20i``, ``fss1000``, ``all`` (every class is tested) or ``N-fold``.
        number: the fold, from 0.
        convention: ``contiguous`` or ``every-fourth``; must be given for coco-20i; contiguous for N-fold.

    Raises:
        UsageError: an unknown protocol or convention, a fold number out of range.
        DataError: the dataset has not the classes that the protocol cuts.
    """
    classes = tuple(sorted(dataset.classes))
    if protocol in ("all", "fss1000"):
        if number:
            raise UsageError(f"{protocol} has only fold 0.")
        if convention is not None:
            raise UsageError(f"{protocol} is one fold, cut by no convention; leave {convention!r} out.")
        return Fold(protocol, classes, ())
    if convention is not None and convention not in CONVENTIONS:
        raise UsageError(f"There is no fold convention {convention!r}; there are {', '.join(CONVENTIONS)}.")
    folds = _fold_count(protocol, len(classes), dataset.name)
    if protocol == "pascal-5i" and convention == "every-fourth":
        raise UsageError("PASCAL-5i is cut in contiguous blocks; every-fourth is a convention of coco-20i.")
    if protocol == "coco-20i" and convention is None:
        raise UsageError(
            "COCO-20i has two class conventions; name yours: every-fourth (ASGNet) or contiguous."
        )
    if not 0 <= number < folds:
        raise UsageError(f"{protocol} has folds 0 to {folds - 1}, not {number}.")
    if convention == "every-fourth":
        test = classes[number::folds]
    else:
        block, rest = divmod(len(classes), folds)
        start = number * block + min(number, rest)
        test = classes[start : start + block + (number < rest)]
    name = f"{protocol}{f' ({convention})' if convention else ''} fold {number}"
    return Fold(name, test, tuple(index for index in classes if index not in test))


def classes_with(
    dataset: Dataset,
    classes: tuple[int, ...],
    min_pictures: int,
    *,
    min_pixels: int,
    title: str = "these classes",
) -> tuple[int, ...]:
    """The classes that at least ``min_pictures`` pictures show with at least ``min_pixels`` each.

    Raises:
        DataError: none does; says how many pictures each has.
    """
    found = {index: len(dataset.holding(index, min_pixels)) for index in classes}
    kept = tuple(index for index in classes if found[index] >= min_pictures)
    if not kept:
        best = sorted(found, key=lambda index: -found[index])[:5]
        have = ", ".join(f"{dataset.classes[index]} {found[index]}" for index in best)
        raise DataError(
            f"Of {title} none has {min_pictures} pictures of {min_pixels} pixels or more in {dataset.name} "
            f"(most: {have}); take another fold, or lower the number of pictures asked for."
        )
    return kept


def novel_images(dataset: Dataset, classes: tuple[int, ...], mode: str) -> tuple[str, ...]:
    """The training pictures under a rule for pictures that show a tested class.

    Args:
        dataset: the training split.
        classes: the fold's test classes.
        mode: ``keep`` (PFENet, ASGNet: they stay, novel pixels are background) or ``drop`` (BAM and later).
            Worth up to 2.5 points, so results name it.

    Raises:
        UsageError: another mode.
    """
    if mode not in ("keep", "drop"):
        raise UsageError(f"Pictures with novel classes are kept or dropped: keep or drop, not {mode!r}.")
    if mode == "keep":
        return tuple(dataset.pictures)
    return tuple(n for n in dataset.pictures if not any(dataset.pixels(n, index) for index in classes))


def _fold_count(protocol: str, classes: int, name: str) -> int:
    wanted = {"pascal-5i": 20, "coco-20i": 80}.get(protocol)
    if wanted is not None:
        if classes != wanted:
            other = f"{min(4, classes)}-fold" if classes > 1 else "all"
            raise DataError(
                f"{protocol} cuts {wanted} classes, and {name} has {classes}; take {other} instead."
            )
        return 4
    number = protocol.removesuffix("-fold")
    if number == protocol or not number.isdecimal() or int(number) < 2:
        raise UsageError(
            f"There is no protocol {protocol!r}; known are pascal-5i, coco-20i, fss1000, all, N-fold."
        )
    if int(number) > classes:
        raise UsageError(f"{name} has {classes} classes, too few for {protocol}.")
    return int(number)
