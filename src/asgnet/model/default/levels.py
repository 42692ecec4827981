"""The backbone's levels, and which of them does what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

PER_LEVEL = 4
"""Similarity maps of each level: object, background, their difference, the difference of the means."""
READOUTS = 3
"""On all levels that are read, on the shallow and on the deep of them."""

P = ParamSpec("P")
R = TypeVar("R")


class Levels(NamedTuple):
    """Which of the backbone's maps do what, by position.

    Attributes:
        channels: of every map.
        grid: the map whose grid prototypes are made on; fine: the one whose grid similarity maps are on.
        fused: maps that SGC clusters, and whose pixels the memory bank keeps.
        read: the first so many maps feed the readouts: all of them, the shallow, the deep.
        shallow: how many of those are shallow.
    """

    channels: tuple[int, ...]
    grid: int
    fine: int
    fused: tuple[int, int]
    read: int
    shallow: int

    @property
    def count(self) -> int:  # type: ignore[override]  # hides tuple.count, which nobody calls
        """Channels of the similarity maps, e."""
        levels = len(self.channels)
        return PER_LEVEL * levels + READOUTS + 3 * len(self.fused) + 2 * levels + 2

    @property
    def columns(self) -> list[slice]:
        """Each level's columns among all C."""
        ends = torch.tensor(self.channels).cumsum(0).tolist()
        return [slice(end - width, end) for end, width in zip(ends, self.channels, strict=True)]

    def unit(self, vectors: Tensor) -> Tensor:
        """``… C`` vectors, each level's part scaled to unit length."""
        return torch.cat([F.normalize(part, dim=-1) for part in vectors.split(self.channels, -1)], -1)


def in_full_precision(
    measure: Callable[Concatenate[Sequence[Tensor], P], R],
) -> Callable[Concatenate[Sequence[Tensor], P], R]:
    """Without autocast, on float32 maps: what is standardised by small spreads has no digits to lose."""

    @wraps(measure)
    def measured(maps: Sequence[Tensor], *args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast(maps[0].device.type, enabled=False):
            return measure([m.float() for m in maps], *args, **kwargs)

    return measured
