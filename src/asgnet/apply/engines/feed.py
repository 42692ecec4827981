"""Tensors into the arrays that other runtimes take, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.graph import PICTURES, GraphOutput, tensors_of


class Feed:
    """Inputs of a graph by name; what was fitted is turned into arrays once, not for every picture."""

    def __init__(self) -> None:
        self._last: tuple[ClassFit, dict[str, np.ndarray]] | None = None

    def with_pictures(self, pictures: Tensor, fit: ClassFit) -> dict[str, np.ndarray]:
        """All inputs for ``b 3 h w`` uint8 and these classes."""
        last = self._last
        if last is None or last[0] is not fit:
            arrays = {name: np.ascontiguousarray(t.numpy()) for name, t in tensors_of(fit).items()}
            self._last = last = (fit, arrays)
        return {PICTURES: np.ascontiguousarray(pictures.float().numpy()), **last[1]}


def copied(arrays: Sequence[np.ndarray]) -> GraphOutput:
    """Copies: an engine may use its memory again."""
    return GraphOutput(*(torch.from_numpy(np.array(array)) for array in arrays))
