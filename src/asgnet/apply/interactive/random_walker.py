"""A random walk that carries a coarse answer to a picture's edges.

Grady, "Multilabel random walker image segmentation using prior models", CVPR 2005: the probability is smooth
where the colours are, and stays near the answer where that is sure.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from asgnet.imaging.resize import resized
from asgnet.types import Picture

SIDE = 128
EDGE = 60.0
"""How fast colour differences, in [0, 1] a channel, part neighbours."""
LEAST = 1e-3
BELIEF = 0.05
"""In a sure answer; neighbours of one colour are tied by 1."""


class Walk:
    """The ties between a picture's pixels, made once.

    Args:
        picture: ``h w 3`` uint8.
    """

    def __init__(self, picture: Picture) -> None:
        from scipy.sparse import coo_matrix

        colours = resized(picture, (SIDE, SIDE)).astype(np.float64) / 255
        place = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
        ties = []
        for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
            tie = np.exp(-EDGE * np.square(colours[one] - colours[other]).sum(-1)) + LEAST
            ties.append((tie.ravel(), place[one].ravel(), place[other].ravel()))
        values, rows, columns = (np.concatenate(part) for part in zip(*ties, strict=True))
        self._ties = coo_matrix((values, (rows, columns)), (SIDE * SIDE,) * 2).tocsr()
        self._ties = self._ties + self._ties.T

    def to(self, logits: Tensor) -> Tensor:
        """``h w`` logits of any size -> ``SIDE SIDE`` logits that follow the picture's edges."""
        from scipy.sparse import diags
        from scipy.sparse.linalg import cg

        fine = torch.nn.functional.interpolate(logits[None, None].float(), (SIDE, SIDE), mode="bilinear")
        prior = fine.sigmoid().double().numpy().ravel()
        belief = BELIEF * (np.abs(2 * prior - 1) + 0.05)
        degree = np.asarray(self._ties.sum(1)).ravel() + belief
        answer, _ = cg(
            diags(degree) - self._ties, belief * prior, x0=prior, rtol=1e-3, maxiter=300, M=diags(1 / degree)
        )
        return torch.from_numpy(answer).clamp(1e-6, 1 - 1e-6).logit().float().unflatten(0, (SIDE, SIDE))
