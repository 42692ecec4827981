"""Every shape that crosses a room's door is named here once; no file formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""Mask value of pixels that count neither as object nor as background."""

GROUND = 254
"""Mask value of painted background, where class indices come from the page."""

Picture = NDArray[np.uint8]
"""``h w 3``, uint8, sRGB, upright (EXIF orientation already applied)."""

Mask = NDArray[np.uint8]
"""``h w``, uint8 in {0, 1, 255}: background, object, ignore (it is not known which of both)."""

Unpainted = Literal["background", "unknown", "auto"]
"""What an example's unpainted pixels are; ``"auto"``: unknown if it looks as if more of the object were there."""


Box = tuple[int, int, int, int]
"""First row, first column, row behind the last, column behind the last."""


class Place(NamedTuple):
    """Where a part of a picture lies.

    Attributes:
        at: its first row and column in the picture.
        size: ``(h, w)`` of the picture.
    """

    at: tuple[int, int]
    size: tuple[int, ...]


class PictureParts(Protocol):
    """A picture of which a part at a time is in memory: upright, rendered to 8 bits and three colours."""

    @property
    def size(self) -> tuple[int, int]:
        """``(h, w)`` of the whole."""

    def read(self, box: Box, size: tuple[int, int]) -> Picture:
        """A part at another size, as :func:`asgnet.imaging.resize.resized` of its pixels alone.

        Args:
            box: of the part, inside the picture and not empty.
            size: ``(h', w')`` that it is shown at.

        Raises:
            PictureError: the file is damaged there.
        """


@dataclass(frozen=True)
class Rendering:
    """How values of more than 8 bits, or of other channels, are shown; decided once for pictures that belong together.

    Attributes:
        channels: which ones become the colours, as ``--channels`` has it; empty: the first ones.
        values: (black, white); None: as each picture's own values suggest.
    """

    channels: str = ""
    values: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Support:
    """One example: a picture with the object painted.

    Attributes:
        image: ``h w 3`` uint8.
        mask: ``h w`` uint8 in {0, 1, 255}, the same height and width.
        name: where it came from, for messages; may be empty.
    """

    image: Picture
    mask: Mask
    name: str = ""


@dataclass(frozen=True)
class Episode:
    """One question of a benchmark: find ``target`` in the query, given these supports.

    Attributes:
        target: class index in its dataset.
        query: picture name in its dataset.
        supports: ``k`` distinct picture names, none of them the query.
    """

    target: int
    query: str
    supports: tuple[str, ...]

    @property
    def targets(self) -> tuple[int, ...]:
        """The only target, as an episode of several classes has them."""
        return (self.target,)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The supports of each target."""
        return (self.supports,)


Thoroughness = Literal["fast", "auto", "full"]
"""Of classes that are seen in windows: one view of the whole; windows, but where there is surely nothing; all."""


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Strip:
    """Some rows of a picture, finished, as wide as the picture.

    Attributes:
        top: the first row.
        probability: ``n r W`` float32 in [0, 1], of n classes.
        guide: ``n r W`` int32: which prototype of the class each pixel chose.
    """

    top: int
    probability: NDArray[np.float32]
    guide: NDArray[np.int32]


Separate = Callable[[NDArray[np.bool_], NDArray[np.float32]], NDArray[np.integer]]
"""``h w`` mask and probability -> ``h w`` objects numbered from 1; 0 is no object."""


def connected_pieces(mask: NDArray[np.bool_], probability: NDArray[np.float32]) -> NDArray[np.integer]:
    """Each piece of the mask, connected by sides, is an object."""
    from scipy.ndimage import label

    return label(mask)[0]


@dataclass(frozen=True, eq=False)
class Instance:
    """One object of a prediction.

    Attributes:
        name: its class.
        crop: bool, the object within its window.
        window: rows and columns of the picture that enclose it.
        size: ``(h, w)`` of the picture.
        score: mean probability of its pixels, in [0, 1].
    """

    name: str
    crop: NDArray[np.bool_]
    window: tuple[slice, slice]
    size: tuple[int, ...]
    score: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``h w`` at the picture's own size."""
        mask = np.zeros(self.size, bool)
        mask[self.window] = self.crop
        return mask

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width and height in pixels."""
        rows, columns = self.window
        return columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start

    @property
    def place(self) -> Place:
        """Where the crop lies."""
        rows, columns = self.window
        return Place((rows.start, columns.start), self.size)

    @property
    def area(self) -> int:
        """In pixels; :func:`asgnet.measure` says more."""
        return int(np.count_nonzero(self.crop))


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Prediction:
    """What the model found in one picture.

    Attributes:
        mask: ``h w`` bool at the picture's own size; with several classes ``h w`` int32, 0 background
            and 1.. in the order the classes were given.
        probability: ``h w`` float32 in [0, 1]: the pixel belongs to the object (to any of the classes).
        presence: in [0, 1]: the object (any of the classes) is in this picture at all.
        guide: ``h w`` int32: which prototype each pixel chose (index into the class's prototypes).
        classes: the classes' names in order; ``("object",)`` for a single unnamed one.
        by_class: the same per class, for several classes; empty for a single one.
        separate: tells the objects in a class's mask apart; by default each connected piece is one.
        count_ratios: how the true counts of examples left out compare with the found ones, the least and the
            largest ratio; None where there were too few.
    """

    mask: NDArray
    probability: NDArray[np.float32]
    presence: float
    guide: NDArray[np.int32]
    classes: tuple[str, ...] = ("object",)
    by_class: dict[str, Prediction] = field(default_factory=dict)
    separate: Separate = connected_pieces
    count_ratios: tuple[float, float] | None = None

    @cached_property
    def instances(self) -> list[Instance]:
        """The single objects: class by class in their order, the larger ones of each first."""
        found = []
        for number, name in enumerate(self.classes, 1):
            one = self.by_class.get(name, self)
            region = self.mask == number
            labels = one.separate(region, one.probability) if region.any() else np.zeros(region.shape, int)
            found += _instances(labels, one.probability, name)
        return found

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """``h w``: the place of each pixel's object in :attr:`instances`, counted from 1; 0 where none is."""
        labels = np.zeros(self.mask.shape, np.int32)
        for number, one in enumerate(self.instances, 1):
            labels[one.window][one.crop] = number
        return labels


def _instances(labels: NDArray[np.integer], probability: NDArray[np.float32], name: str) -> list[Instance]:
    """The objects of ``h w`` labels (0: none), the larger ones first."""
    from scipy.ndimage import find_objects

    windows = find_objects(labels)
    areas = np.bincount(labels.ravel(), minlength=len(windows) + 1)[1:]
    found = []
    for index in np.argsort(-areas, kind="stable"):
        window = windows[index]
        if window is not None:
            crop = labels[window] == index + 1
            score = float(probability[window].mean(where=crop, dtype=np.float64))
            found.append(Instance(name, crop, window, labels.shape, round(score, 6)))
    return found
