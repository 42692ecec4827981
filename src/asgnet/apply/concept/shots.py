"""Supports as a concept keeps them, so that examples can be added to it and taken out of it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shot:
    """A support as a Concept keeps it: as small as the network can see it.

    Attributes:
        picture: a PNG's bytes, ``h w 3`` once decoded; all that the network sees is made of it.
        masks: per class a PNG's bytes, ``h w`` in {0, 1, 255}; None where the class is not shown.
        size: ``(h, w)`` of the picture itself.
    """

    picture: bytes
    masks: tuple[bytes | None, ...]
    size: tuple[int, int]


def packed(shots: Sequence[Shot]) -> dict[str, NDArray]:
    """Shots as a file holds them: bytes by name."""
    parts = {f"shot.{i}.picture": shot.picture for i, shot in enumerate(shots)}
    parts |= {
        f"shot.{i}.mask.{c}": mask
        for i, shot in enumerate(shots)
        for c, mask in enumerate(shot.masks)
        if mask is not None
    }
    return {name: np.frombuffer(data, np.uint8) for name, data in parts.items()}


def unpacked(
    tensors: Mapping[str, NDArray], sizes: Sequence[Any], classes: int
) -> tuple[tuple[Shot, ...], dict[str, NDArray]]:
    """The shots among a file's tensors, and the other tensors.

    Raises:
        KeyError, TypeError, ValueError: they are not as :func:`packed` makes them.
    """
    left = dict(tensors)

    def taken(name: str) -> bytes | None:
        array = left.pop(name, None)
        if array is not None and (array.dtype != np.uint8 or array.ndim != 1 or not array.size):
            raise ValueError(f"{name} holds no bytes")
        return None if array is None else array.tobytes()

    shots = []
    for i, size in enumerate(sizes):
        h, w = map(int, size)
        picture = taken(f"shot.{i}.picture")
        masks = tuple(taken(f"shot.{i}.mask.{c}") for c in range(classes))
        if picture is None or min(h, w) < 1:
            raise ValueError(f"shot {i} is not whole")
        shots.append(Shot(picture, masks, (h, w)))
    return tuple(shots), left
