"""Cellpose's ``…_seg.npy``: a pickled dictionary with an array of labels; it is followed, never unpickled."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import Annotated, Annotations, Paint, Region
from asgnet.data.annotations.pickled import array_of, followed


def parse_cellpose(data: bytes) -> Annotations:
    """Each label of ``masks`` is an object.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, IndexError: no masks, or the file is damaged.
    """
    stream = io.BytesIO(data)
    np.lib.format.read_magic(stream)
    dtype = np.lib.format.read_array_header_1_0(stream)[2]
    found: Any = {"masks": np.load(io.BytesIO(data), allow_pickle=False)} if not dtype.hasobject else None
    if found is None:
        (found,) = array_of(followed(stream.read()))
        found = {**found, "masks": array_of(found["masks"])}
    masks = found["masks"]
    if not isinstance(masks, np.ndarray) or masks.ndim != 2 or masks.dtype.kind not in "biu":
        raise ValueError("no two-dimensional array of masks")
    name = found.get("filename")
    size = (int(masks.shape[0]), int(masks.shape[1]))
    labels = [int(label) for label in np.unique(masks) if label > 0]
    regions = tuple(Region("object", _painter(masks, label)) for label in labels)
    return Annotations("Cellpose masks", (Annotated(name if isinstance(name, str) else "", size, regions),))


def _painter(masks: NDArray, label: int) -> Paint:
    return lambda size: masks == label
