"""Between napari's layers and pictures: which slices a layer has, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import UsageError
from asgnet.types import Picture

Index = tuple[int, ...]


def slices(image: Any) -> list[Index]:
    """The indices of an image layer's pictures: one, or those of a stack, in order."""
    return list(np.ndindex(*_data(image).shape[: image.ndim - 2]))


def picture(image: Any, index: Index = ()) -> Picture:
    """``h w 3`` uint8, one picture of an image layer as its contrast limits show it."""
    values = np.asarray(_data(image)[index])
    if values.dtype != np.uint8 or not image.rgb:
        low, high = (0.0, _white(values)) if image.rgb else map(float, image.contrast_limits)
        values = np.clip((values.astype(np.float32) - low) * (255 / ((high - low) or 1)), 0, 255) + 0.5
    values = values.astype(np.uint8)
    return values[..., :3] if image.rgb else np.repeat(values[..., None], 3, axis=2)


def examples(image: Any, labels: Any) -> Iterator[tuple[Picture, NDArray[np.int32]]]:
    """Each painted picture of an image layer, with its objects ``h w`` numbered as in the labels layer.

    Raises:
        UsageError: the layers have other sizes, or nothing is painted.
    """
    painted = labels.data
    shape = _data(image).shape[: image.ndim]
    if painted.shape != shape:
        raise UsageError(
            f"The labels {labels.name!r} have the shape {painted.shape}, the image {image.name!r} {shape}; paint in "
            "labels made for this image."
        )
    any_painted = False
    for index in slices(image):
        objects = np.asarray(painted[index]).astype(np.int32)
        if objects.any():
            any_painted = True
            yield picture(image, index), objects
    if not any_painted:
        raise UsageError(
            f"Nothing is painted in the labels {labels.name!r}; paint the objects of one picture."
        )


def _data(image: Any) -> Any:
    """The largest of a pyramid."""
    return image.data[0] if image.multiscale else image.data


def _white(values: NDArray) -> float:
    return 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
