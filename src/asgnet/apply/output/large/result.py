"""What was found in a large picture: decided, counted and handed out a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.inference.postprocess import PRESENT, Absent
from asgnet.apply.output.large.rows import CERTAIN, RowFile
from asgnet.apply.output.objects import uncertainty
from asgnet.errors import OutputError, note
from asgnet.imaging.pieces import Pieces, PieceTable, StripLabels
from asgnet.imaging.separation import Separation, large_enough
from asgnet.imaging.units import PIXELS, PixelSize
from asgnet.types import Box, Instance, Picture, PictureParts

MOST_BOX = 64_000_000
"""Pixels of the box around a piece up to which its outline is followed."""
MOST_BOXES = 400_000_000
"""Pixels of all boxes together: they are in memory, a byte each."""


@dataclass(frozen=True)
class Decision:
    """How probabilities become a mask; see :func:`asgnet.apply.inference.postprocess.postprocess`."""

    threshold: float | None = None
    absent: Absent = "mark"
    least: float = 0
    """Pixels below which a piece is left out."""


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class LargeResult:
    """A large picture's result: what :class:`~asgnet.apply.output.objects.ResultView` is for others.

    Attributes:
        rows: the probabilities, all of them.
        parts: the picture.
        classes: names in order.
        decision: how they become a mask.
        separations: of classes; what they say of specks holds, touching objects are not told apart.
        name: of the picture, as files that name their picture should call it.
        link: the way to the picture from where its own files lie, if there is one.
        simplify: how many pixels an outline may stray from the mask; 0 is exact.
        pixel_size: what its measures are in.
    """

    rows: RowFile
    parts: PictureParts
    classes: tuple[str, ...]
    decision: Decision = field(default_factory=Decision)
    separations: Mapping[str, Separation] = field(default_factory=dict)
    name: str = ""
    link: str = ""
    simplify: float = 0.0
    pixel_size: PixelSize = PIXELS

    @property
    def size(self) -> tuple[int, int]:
        """``(h, w)``."""
        return self.parts.size

    @property
    def presences(self) -> dict[str, float]:
        """Of the classes, in order."""
        return dict(zip(self.classes, map(float, self.rows.presence), strict=True))

    def colours(self, box: Box) -> Picture:
        """The picture there, at its own size."""
        return self.parts.read(box, (box[2] - box[0], box[3] - box[1]))

    def probability(self) -> Iterator[NDArray[np.uint16]]:
        """``r w``, 65535 is 1: of the most probable class."""
        for values in self.rows.strips():
            best = values.max(0).astype(np.uint32)
            yield ((best * 65535 + CERTAIN // 2) // CERTAIN).astype(np.uint16)

    def masks(self) -> Iterator[NDArray[np.uint8]]:
        """``r w``: numbers of the classes, from 1."""
        if self.decision.least <= 1:
            yield from (mask for mask, _ in self._decided())
            return
        for mask, numbers in self._numbered(self.pieces):
            yield mask * (numbers > 0)

    def numbered(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
        """``r w`` numbers of the classes, and of the objects in :attr:`found`, both from 1."""
        yield from self._numbered(self.found)

    def _numbered(self, table: PieceTable) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
        labels, numbers = StripLabels(), table.numbers
        for mask, _ in self._decided():
            yield mask, numbers[labels.label(mask)]

    @cached_property
    def pieces(self) -> PieceTable:
        """The connected pieces of the mask."""
        pieces = Pieces()
        for mask, values in self._decided():
            pieces.add(mask, values)
        return pieces.table(int(np.ceil(self.decision.least)))

    @cached_property
    def found(self) -> PieceTable:
        """Those of the pieces that are objects."""
        table = self.pieces
        kept = np.ones(len(table.areas), bool)
        for number, name in enumerate(self.classes, 1):
            own = table.classes == number
            least = self.separations[name].least if name in self.separations else 0.0
            kept[own] = large_enough(table.areas[own], least)
        return table.subset(kept)

    @cached_property
    def objects(self) -> list[Instance]:
        """They, class by class, the larger ones first; those of which no outline is followed are said.

        Raises:
            OutputError: they do not fit into memory.
        """
        table = self.found
        areas = np.prod(table.boxes[:, 2:] - table.boxes[:, :2], axis=1)
        kept = areas <= MOST_BOX
        if areas[kept].sum() > MOST_BOXES:
            raise OutputError(
                f"{self.name!r} has {len(areas)} objects, too many for files of outlines and measures; write "
                "--format png or tiff alone, or give a larger --min-area."
            )
        if not kept.all():
            note(
                f"{self.name!r}: {int((~kept).sum())} objects whose boxes have more than "
                f"{MOST_BOX // 1_000_000} megapixels are in the mask alone, without outlines and measures."
            )
        crops = self._crops(kept)
        return [
            Instance(
                self.classes[table.classes[i] - 1],
                crops[i],
                (slice(*table.boxes[i, ::2].tolist()), slice(*table.boxes[i, 1::2].tolist())),
                self.size,
                round(float(table.scores[i]), 6),
            )
            for i in np.flatnonzero(kept).tolist()
        ]

    def _crops(self, kept: NDArray[np.bool_]) -> dict[int, NDArray[np.bool_]]:
        """Of the pieces that are kept, each one's pixels within its box."""
        boxes = self.found.boxes
        waiting = np.flatnonzero(kept)[np.argsort(boxes[kept, 0], kind="stable")].tolist()[::-1]
        crops: dict[int, NDArray[np.bool_]] = {}
        here: list[int] = []
        top = 0
        for _, numbers in self.numbered():
            end = top + len(numbers)
            while waiting and boxes[waiting[-1], 0] < end:
                here.append(waiting.pop())
            for i in here:
                first, left, last, right = boxes[i].tolist()
                if i not in crops:
                    crops[i] = np.zeros((last - first, right - left), bool)
                above, below = max(first, top), min(last, end)
                crops[i][above - first : below - first] = (
                    numbers[above - top : below - top, left:right] == i + 1
                )
            here = [i for i in here if boxes[i, 2] > end]
            top = end
        return crops

    def _decided(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
        """``r w`` numbers of the classes from 1, pieces of any size, and the probability of that class."""
        here = np.ones(len(self.classes), np.uint16)
        if self.decision.absent == "empty":
            here = (self.rows.presence >= PRESENT).astype(np.uint16)
        cut = (0.5 if self.decision.threshold is None else self.decision.threshold) * CERTAIN
        for values in self.rows.strips():
            counted = values * here[:, None, None]
            best = counted.max(0)
            mask = np.where(best > cut, counted.argmax(0) + 1, 0).astype(np.uint8)
            yield mask, best / CERTAIN

    def described(self, instances: bool = False) -> dict[str, Any]:
        """What there is to say, as :func:`asgnet.apply.output.save.summary` says it of a smaller one."""
        each = [
            {"name": name, **self._measured(self.pieces.classes == number, presence)}
            for number, (name, presence) in enumerate(self.presences.items(), 1)
        ]
        everything = np.ones(len(self.pieces.classes), bool)
        whole = self._measured(everything, max(self.presences.values()))
        said = {
            "picture": self.name,
            "width": self.size[1],
            "height": self.size[0],
            "present": whole["presence"] >= PRESENT,
            **whole,
            "uncertainty": uncertainty(whole["presence"], whole["confidence"]),
            "mask": None,
            "classes": each,
            "seconds": None,
        }
        return {**said, "objects": self._listed()} if instances else said

    def _listed(self) -> list[dict[str, Any]]:
        table, pixels = self.found, self.size[0] * self.size[1]
        columns = (table.classes, table.areas, table.boxes, table.scores)
        return [
            {
                "name": self.classes[number - 1],
                "area_fraction": round(area / pixels, 6),
                "box": [left, top, right - left, bottom - top],
                "confidence": round(score, 6),
            }
            for number, area, (top, left, bottom, right), score in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    def _measured(self, those: NDArray[np.bool_], presence: float) -> dict[str, Any]:
        table, (height, width) = self.pieces, self.size
        area = int(table.areas[those].sum())
        box = None
        if area:
            top, left = table.boxes[those, :2].min(0).tolist()
            bottom, right = table.boxes[those, 2:].max(0).tolist()
            box = [left, top, right - left, bottom - top]
        sure = float(table.scores[those] @ table.areas[those]) / area if area else None
        return {
            "presence": round(presence, 6),
            "area_fraction": round(area / (height * width), 6),
            "box": box,
            "confidence": None if sure is None else round(sure, 6),
        }
