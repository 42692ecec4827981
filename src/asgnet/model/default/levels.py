"""The backbone's levels, and which of them does what; plain values, for those without torch too."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

PER_LEVEL = 4
"""Similarity maps of each level: object, background, their difference, the difference of the means."""
READOUTS = 3
"""On all levels that are read, on the shallow and on the deep of them."""


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
    def similarity_channels(self) -> int:
        """Channels of the similarity maps, e."""
        levels = len(self.channels)
        return PER_LEVEL * levels + READOUTS + 3 * len(self.fused) + 2 * levels + 2

    @property
    def columns(self) -> list[slice]:
        """Each level's columns among all C."""
        ends = accumulate(self.channels)
        return [slice(end - width, end) for end, width in zip(ends, self.channels, strict=True)]

    @property
    def fused_columns(self) -> list[int]:
        """The fused levels' columns, D."""
        return [i for level in self.fused for i in range(*self.columns[level].indices(sum(self.channels)))]

    @property
    def read_width(self) -> int:
        """Channels that the readouts read."""
        return sum(self.channels[: self.read])
