"""Pictures that are read in parts: a box at a size, never the whole."""

from __future__ import annotations

from dataclasses import dataclass

from asgnet.imaging.resize import resized
from asgnet.types import Box, Picture


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class ArrayParts:
    """The parts of a picture that is in memory as a whole.

    Attributes:
        picture: ``h w 3`` uint8.
    """

    picture: Picture

    @property
    def size(self) -> tuple[int, int]:  # noqa: D102
        height, width = self.picture.shape[:2]
        return height, width

    def read(self, box: Box, size: tuple[int, int]) -> Picture:  # noqa: D102
        top, left, bottom, right = box
        part = self.picture[top:bottom, left:right]
        return part.copy() if part.shape[:2] == size else resized(part, size)
