"""What composes a network, and the presets: plain values."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Literal

from asgnet.errors import UsageError
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
        rounding: of the number of prototypes, see :func:`count_prototypes`.
        area: object pixels per prototype.
        most: prototypes per support, at most.
        reduce: how similarities become the probability map, see :func:`allocate`.
        decoder: ``"fem"`` or ``"aspp"`` (needs a published backbone's stage 1); ``"weigh"``: the evidence
            network of :mod:`asgnet.model.default.network`, which uses only levels, channels, area and most.
        hidden: the decoder's channels.
        inner: with auxiliary classifiers, for training.
    """

    backbone: str = "lite0"
    levels: tuple[int, ...] = (2, 4)
    channels: int = 128
    length: float = 16.0
    region: Literal["exact", "area"] = "area"
    border: bool = True
    rounding: Rounding = "floor"
    area: int = 100
    most: int = 5
    reduce: Reduce = "max"
    decoder: Literal["fem", "aspp", "weigh"] = "fem"
    hidden: int = 64
    inner: bool = True


_PAPER = Config(
    backbone="published-50",
    levels=(),
    channels=256,
    length=0.0,
    region="exact",
    border=False,
    rounding="round",
    reduce="sum",
    hidden=256,
)
PRESETS = {
    "default": Config(
        levels=(1, 2, 3, 4, 5, 6), channels=16, length=0.0, area=16, decoder="weigh", hidden=32
    ),
    "light": Config(),
    "paper-r50": _PAPER,
    "paper-r101": replace(_PAPER, backbone="published-101"),
    "paper-r50-aspp": replace(_PAPER, decoder="aspp"),
}


def preset_config(name: str) -> Config:
    """A preset's configuration, to vary with ``dataclasses.replace``; UsageError if there is none."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"There is no preset {name!r}; choose from {', '.join(sorted(PRESETS))}.{hint}")
    return PRESETS[name]
