"""Connected pieces of a class map that passes by in strips of rows: none of it is in memory as a whole.

Each strip is labelled by itself; labels that meet at the border of two strips are united (union-find). Pieces are
connected by sides, and only pixels of the same class belong together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class PieceTable:
    """The pieces of a class map: class by class, the larger ones of each first, of equals the higher one.

    Attributes:
        classes: ``n``, from 1.
        areas: ``n``, pixels.
        boxes: ``n 4``: first row, first column, row behind the last, column behind the last.
        centres: ``n 2``: mean row and column.
        scores: ``n``: mean value of the pixels, in [0, 1] if the values are.
        numbers: of each label that :class:`StripLabels` gives, the piece's place here from 1; 0: no piece.
    """

    classes: Ints
    areas: Ints
    boxes: Ints
    centres: NDArray[np.float64]
    scores: NDArray[np.float64]
    numbers: NDArray[np.int32]

    def subset(self, kept: NDArray[np.bool_]) -> PieceTable:
        """Some of the pieces, ``n`` bool."""
        places = np.concatenate([np.zeros(1, np.int32), np.where(kept, np.cumsum(kept), 0).astype(np.int32)])
        return PieceTable(
            self.classes[kept],
            self.areas[kept],
            self.boxes[kept],
            self.centres[kept],
            self.scores[kept],
            places[self.numbers],
        )


class StripLabels:
    """Labels strips one after another, counting on; every pass over the same strips gives the same labels."""

    def __init__(self) -> None:
        self.count = 0

    def label(self, classes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """A strip ``r w``, 0 is background -> its labels, 0 is none; pieces of other strips have others."""
        labels = np.zeros(classes.shape, np.int64)
        for number in np.flatnonzero(np.bincount(classes.ravel(), minlength=1)[1:]) + 1:
            region = classes == number
            own, count = label(region)
            np.copyto(labels, own + self.count, where=region)
            self.count += count
        return labels


@dataclass
class Pieces:
    """Collects the pieces of strips, from top to bottom; :meth:`table` says what they came to."""

    _labels: StripLabels = field(default_factory=StripLabels)
    _top: int = 0
    _above: tuple[NDArray[np.uint8], Ints] | None = None
    _united: list[Ints] = field(default_factory=list)
    _found: list[tuple[NDArray, ...]] = field(default_factory=list)

    def add(self, classes: NDArray[np.uint8], values: NDArray) -> None:
        """The next strip.

        Args:
            classes: ``r w``, 0 is background.
            values: ``r w``, of which each piece's mean is its score.
        """
        first = self._labels.count
        labels = self._labels.label(classes)
        count = self._labels.count - first
        if self._above is not None:
            row, above = self._above
            same = (row == classes[0]) & (row > 0)
            self._united.append(np.unique(np.stack([above[same], labels[0][same]], 1), axis=0))
        self._above = classes[-1].copy(), labels[-1].copy()
        rows, columns = labels.nonzero()
        own = labels[rows, columns] - first - 1
        self._found.append(_sums(own, rows + self._top, columns, classes, values, self._top, count))
        self._top += len(classes)

    def table(self, least: int = 0) -> PieceTable:
        """All pieces but those of fewer than ``least`` pixels."""
        roots = _roots(self._labels.count, self._united)
        kinds, areas, tops, lefts, bottoms, rights, rows, columns, sums, firsts = (
            np.concatenate(part) for part in zip(_NONE, *self._found, strict=True)
        )
        heads, own = np.unique(roots, return_inverse=True)
        count = len(heads)
        whole = np.bincount(own, areas, count).astype(np.int64)
        boxes = np.stack(
            [
                _least(own, tops, count),
                _least(own, lefts, count),
                -_least(own, -bottoms, count),
                -_least(own, -rights, count),
            ],
            1,
        )
        first = _least(own, firsts, count)
        classes = kinds[heads].astype(np.int64)
        order = np.lexsort((first, -whole, classes))
        order = order[whole[order] >= least]
        numbers = np.zeros(count, np.int32)
        numbers[order] = np.arange(1, len(order) + 1)
        means = [np.bincount(own, part, count) / whole for part in (rows, columns, sums)]
        return PieceTable(
            classes[order],
            whole[order],
            boxes[order],
            np.stack(means[:2], 1)[order],
            means[2][order],
            np.concatenate([np.zeros(1, np.int32), numbers[own]]),
        )


_NONE = tuple(np.zeros(0, kind) for kind in (np.uint8, *[np.int64] * 5, *[np.float64] * 3, np.int64))


def _sums(
    own: Ints, rows: Ints, columns: Ints, classes: NDArray[np.uint8], values: NDArray, top: int, count: int
) -> tuple[NDArray, ...]:
    """Of each of a strip's labels: class, area, box, sums of rows, columns and values, first pixel in order."""
    width = classes.shape[1]
    kinds = np.zeros(count, np.uint8)
    kinds[own] = classes[rows - top, columns]
    place = rows * width + columns
    firsts = _least(own, place, count)
    tops, bottoms = _least(own, rows, count), -_least(own, -rows - 1, count)
    lefts, rights = _least(own, columns, count), -_least(own, -columns - 1, count)
    areas = np.bincount(own, minlength=count)
    sums = [np.bincount(own, part, count) for part in (rows, columns, values[rows - top, columns])]
    return kinds, areas, tops, lefts, bottoms, rights, *sums, firsts


def _least(own: Ints, values: Ints, count: int) -> Ints:
    """The least value of each."""
    found = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(found, own, values)
    return found


def _roots(count: int, united: list[Ints]) -> Ints:
    """Of each label, counted from 0, the one that stands for all that are connected with it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = np.concatenate([np.zeros((0, 2), np.int64), *united]) - 1
    links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    group = connected_components(links, directed=False)[1] if count else np.zeros(0, np.int64)
    return _least(group, np.arange(count), count)[group]
