"""Which pixels of an example nobody painted, and what that says: masks of three values from what was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import SupportError, UsageError
from asgnet.types import IGNORE, Mask, Unpainted

Ground = NDArray[np.bool_]
"""``h w``, where the background is painted."""


def stated(unpainted: Any, count: int) -> list[Unpainted]:
    """What unpainted pixels are, of each of ``count`` pictures; one word stands for all of them.

    Raises:
        UsageError: a word of another meaning, or as many words as there are no pictures.
    """
    words: list[Any] = [unpainted] * count if isinstance(unpainted, str) else list(unpainted)
    for word in words:
        if word not in get_args(Unpainted):
            raise UsageError(f"unpainted is 'background', 'unknown' or 'auto', not {word!r}.")
    if len(words) != count:
        raise UsageError(f"There are {count} pictures, but for {len(words)} it is said what is unpainted.")
    return words


def three_valued(
    masks: Sequence[Mask | None], ground: Ground | None, unpainted: Unpainted, name: str
) -> tuple[list[Mask | None], Unpainted]:
    """One picture's masks of each class, 255 where it is unknown what a pixel is.

    Where background is painted, or another class, nothing is unknown. Who paints background does not mean that
    the rest is, too: ``"auto"`` becomes ``"unknown"`` there.

    Args:
        masks: of each class ``h w`` in {0, 1, 255}, None where it is absent.
        ground: where background is painted; None: nowhere.
        unpainted: of this picture.
        name: of this picture, for messages.

    Raises:
        SupportError: a pixel is painted as object and as background.
    """
    shown = [mask for mask in masks if mask is not None]
    if not shown or (ground is None and unpainted != "unknown"):
        return list(masks), unpainted
    if ground is None:
        ground = np.zeros(shown[0].shape, bool)
    elif both := sum(int(np.count_nonzero(ground & (mask == 1))) for mask in shown):
        raise SupportError(
            f"In {name} {both:,} pixels are painted both as object and as background; take one of them away."
        )
    unpainted = "unknown" if unpainted == "auto" else unpainted
    of_any = np.any([mask == 1 for mask in shown], axis=0)

    def known(mask: Mask) -> Mask:
        rest = IGNORE if unpainted == "unknown" else mask
        return np.where(mask == 1, 1, np.where(of_any | ground, 0, rest)).astype(np.uint8)

    return [None if mask is None else known(mask) for mask in masks], unpainted
