"""In full precision, whatever the rest is computed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def in_full_precision(
    measure: Callable[Concatenate[Sequence[Tensor], P], R],
) -> Callable[Concatenate[Sequence[Tensor], P], R]:
    """Without autocast, on float32 maps: what is standardised by small spreads has no digits to lose."""

    @wraps(measure)
    def measured(maps: Sequence[Tensor], *args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast(maps[0].device.type, enabled=False):
            return measure([m.float() for m in maps], *args, **kwargs)

    return measured
