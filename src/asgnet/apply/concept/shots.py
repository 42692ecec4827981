"""Supports as a concept keeps them, so that examples can be added to it and taken out of it later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KeptPatch:
    """A window of a support as a Concept keeps it, for one class.

    Attributes:
        place: the class, by its place among the Concept's.
        box: in the picture's own pixels.
        picture: a PNG's bytes, ``h w 3`` once decoded, in network pixels.
        mask: a PNG's bytes, ``h w`` in {0, 1, 255}, of the class; there may be no object in it.
    """

    place: int
    box: tuple[int, int, int, int]
    picture: bytes
    mask: bytes


@dataclass(frozen=True)
class Shot:
    """A support as a Concept keeps it: as small as the network can see it.

    Attributes:
        picture: a PNG's bytes, ``h w 3`` once decoded; all that the network sees is made of it.
        masks: per class a PNG's bytes, ``h w`` in {0, 1, 255}; None where the class is not shown.
        size: ``(h, w)`` of the picture itself.
        patches: windows of it, for classes whose objects are small in it.
    """

    picture: bytes
    masks: tuple[bytes | None, ...]
    size: tuple[int, int]
    patches: tuple[KeptPatch, ...] = ()


def of_classes(shot: Shot, places: Sequence[int | None]) -> Shot:
    """A shot with its classes at other places: ``places`` has for each new class the old one's, None for a new one."""
    masks = tuple(None if old is None else shot.masks[old] for old in places)
    new = {old: place for place, old in enumerate(places) if old is not None}
    patches = tuple(replace(p, place=new[p.place]) for p in shot.patches if p.place in new)
    return replace(shot, masks=masks, patches=patches)


def patch_boxes(shots: Sequence[Shot]) -> list[list[list[int]]]:
    """Of each shot, of each of its patches: its class's place and its box."""
    return [[[patch.place, *patch.box] for patch in shot.patches] for shot in shots]


def packed(shots: Sequence[Shot]) -> dict[str, NDArray]:
    """Shots as a file holds them: bytes by name."""
    parts = {f"shot.{i}.picture": shot.picture for i, shot in enumerate(shots)}
    parts |= {
        f"shot.{i}.mask.{c}": mask
        for i, shot in enumerate(shots)
        for c, mask in enumerate(shot.masks)
        if mask is not None
    }
    for i, shot in enumerate(shots):
        for j, patch in enumerate(shot.patches):
            parts |= {f"shot.{i}.patch.{j}.picture": patch.picture, f"shot.{i}.patch.{j}.mask": patch.mask}
    return {name: np.frombuffer(data, np.uint8) for name, data in parts.items()}


def unpacked(
    tensors: Mapping[str, NDArray], sizes: Sequence[Any], classes: int, patches: Sequence[Any] = ()
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
        boxes = patches[i] if patches else []
        kept = tuple(_patch(boxes[j], f"shot.{i}.patch.{j}", taken, classes) for j in range(len(boxes)))
        shots.append(Shot(picture, masks, (h, w), kept))
    return tuple(shots), left


def _patch(said: Sequence[Any], name: str, taken: Callable[[str], bytes | None], classes: int) -> KeptPatch:
    place, top, left, bottom, right = map(int, said)
    picture, mask = taken(f"{name}.picture"), taken(f"{name}.mask")
    if picture is None or mask is None or not 0 <= place < classes:
        raise ValueError(f"{name} is not whole")
    if not (0 <= top < bottom and 0 <= left < right):
        raise ValueError(f"{name} is nowhere")
    return KeptPatch(place, (top, left, bottom, right), picture, mask)
