"""The configuration of the paper's network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from asgnet.model.paper.gpa import Reduce
from asgnet.model.paper.seeds import Rounding


@dataclass(frozen=True)
class Config:
    """Everything that composes an :class:`ASGNet`; plain values, to be written beside its weights.

    Attributes:
        backbone: ``"published-50"``, ``"published-101"``, ``"lite0"`` or the name of any timm network.
        levels: the backbone's feature maps to use, by index (see :class:`Backbone`); the first gives the
            grid, the others are resized to it. Empty: all, or stages 3 and 2 of a published backbone.
        channels: of the projected features, c.
        length: every pixel's feature is scaled to this length; 0 leaves it as it is (published).
        region: ``"exact"`` as published: pixels of the bilinear mask that are exactly 1, seeds from the
            nearest-neighbour mask. ``"area"``: pixels of the grid at least half object, for both.
        border: beyond the grid lies background, see :func:`place_seeds`.
        zero_is_padding: seeds at row or column 0 drop prototypes, as published; see :func:`seed_masks`.
        rounding: of the number of prototypes, see :func:`count_prototypes`.
        area: object pixels per prototype.
        most: prototypes per support, at most.
        reduce: how similarities become the probability map, see :func:`allocate`.
        decoder: ``"fem"`` or ``"aspp"``, which needs a published backbone's stage 1.
        published_scales: of FEM, see :func:`~asgnet.model.paper.fem.scale_size`.
        hidden: the decoder's channels.
        inner: with auxiliary classifiers, for training.
    """

    backbone: str = "lite0"
    levels: tuple[int, ...] = (2, 4)
    channels: int = 128
    length: float = 16.0
    region: Literal["exact", "area"] = "area"
    border: bool = True
    zero_is_padding: bool = False
    rounding: Rounding = "floor"
    area: int = 100
    most: int = 5
    reduce: Reduce = "max"
    decoder: Literal["fem", "aspp"] = "fem"
    published_scales: bool = False
    hidden: int = 64
    inner: bool = True

    def identity(self) -> dict[str, Any]:
        """What a fingerprint is made of."""
        return asdict(self)
