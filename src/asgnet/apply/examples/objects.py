"""The single objects of painted examples: numbered masks keep their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.examples.read import listed
from asgnet.data.read import read_instances
from asgnet.types import Mask


def kept_lists(images: Any, masks: Any) -> tuple[Any, Any]:
    """Pictures and masks that can be read twice: iterators become lists."""
    if isinstance(masks, Mapping):
        return _kept(images), {name: _kept(own) for name, own in masks.items()}
    return _kept(images), _kept(masks)


def read_objects(
    given: Any, masks: Mapping[str, Sequence[Mask | None]]
) -> dict[str, list[NDArray[np.int32] | None]]:
    """Of each class the objects of every example, ``h w`` numbered from 1; None where it is not shown.

    Args:
        given: the masks, as for ``Segmenter.fit``.
        masks: what was read of them, by class.

    Raises:
        SupportError: one has more than 65,535 objects.
    """
    sources = given if isinstance(given, Mapping) else dict.fromkeys(masks, given)
    return {
        name: [
            None if mask is None else read_instances(mask if hasattr(source, "read") else source, mask)
            for source, mask in zip(listed(sources[name], "masks"), own, strict=True)
        ]
        for name, own in masks.items()
    }


def _kept(given: Any) -> Any:
    return list(given) if isinstance(given, Iterator) else given
