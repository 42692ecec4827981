"""A box or a few clicks become a mask: for examples that nobody has painted.

    proposer = Proposer(segmenter, "mug.jpg")  # the picture's features: once
    mask = proposer.propose(box=(40, 60, 200, 180))
    mask = proposer.propose(box=(40, 60, 200, 180), points=[(90, 70, False)])  # a moment each

The picture is its own support. What the prompts say for certain is object or background, all else is ignored;
the network learns from that and predicts the whole picture, together with a ridge regression on the same
features; the prediction is the next round's support. At last a random walker carries it to the picture's edges.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from asgnet.apply.interactive.prompts import Box, Point, Prompts, read_prompts
from asgnet.apply.interactive.random_walker import follow_edges
from asgnet.data.read import read_picture
from asgnet.imaging.averages import cell_means
from asgnet.imaging.resize import bilinear, resized
from asgnet.model.default.pooling import pooled
from asgnet.model.default.support import unit
from asgnet.types import IGNORE, Mask, Picture

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


Array = NDArray[np.float32]
Cells = NDArray[np.bool_]


@dataclass(frozen=True)
class ProposalNumbers:
    """How prompts become a mask; chosen by hand on photographs, boxes and clicks alike.

    Attributes:
        rounds: each learns from the one before.
        ridge: logits of the ridge regression's score, which is ±1 where it was fitted.
        click: a click counts as much as this share of all pixels of its side.
        like, unlike: standardised similarity to the clicks from which pixels start as object, and below which
            as background.
        reach: part of the picture's side beyond which similarity to a click fades.
        fade: by how much per side.
    """

    rounds: int = 3
    ridge: float = 2.0
    click: float = 0.2
    like: float = 1.0
    unlike: float = 0.0
    reach: float = 0.25
    fade: float = 3.0


_NUMBERS = ProposalNumbers()


class Proposer:
    """Proposes masks in one picture.

    Args:
        segmenter: lends its network; what was fitted is neither used nor changed.
        image: what :func:`asgnet.data.read.read_picture` takes.
        numbers: how prompts become a mask.

    Attributes:
        picture: ``h w 3`` uint8, upright: the points and boxes are in its pixels.

    Raises:
        PictureError: the picture cannot be read.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        image: str | os.PathLike[str] | Picture | Any,
        numbers: ProposalNumbers = _NUMBERS,
    ) -> None:
        self.picture = read_picture(image)
        self._numbers, self._backend = numbers, segmenter.backend
        levels, side = self._backend.network.levels, self._backend.side
        # A square: the numbers were chosen so, and boxes became slightly worse masks otherwise.
        self._features = self._backend.encode(resized(self.picture, (side, side)))
        self._grid = self._features.maps[levels.fine].shape[-2:]
        maps = [
            self._pixels_of(m / np.linalg.norm(m, axis=1, keepdims=True).clip(1e-12))
            for m in self._features.maps
        ]
        fine = [self._pixels_of(m) for m in self._features.fine]
        self._pixels = np.concatenate([*fine, *maps[1 : levels.read]], 1)  # p d
        self._parts = unit(np.concatenate([maps[levels.grid - 1], maps[levels.grid]], 1))

    def propose(self, points: Iterable[Point] = (), box: Box | None = None) -> Mask:
        """A mask of what the prompts mean.

        Args:
            points: ``(x, y, inside)`` in the picture's pixels, (0, 0) its upper left corner; inside is True
                on the object, False on what is not.
            box: ``(x0, y0, x1, y1)`` around the object; nothing beyond it is object.

        Returns:
            ``h w`` uint8 in {0, 1}, the picture's size. The pixels of inside points are 1, those of outside
            points 0. Without a box every piece of it holds an inside point.

        Raises:
            UsageError: neither a box nor an inside point, or one beyond the picture.
        """
        prompts = read_prompts(points, box, self.picture.shape[:2])
        logits = follow_edges(self.picture, self._logits(prompts))
        return prompts.constrained(bilinear(logits, self.picture.shape[:2]))

    def _logits(self, prompts: Prompts) -> Array:
        """``h' w'`` on the network's grid."""
        on, off, box = (part.ravel() for part in prompts.on_grid(self._grid))  # p bool
        labels = self._start(prompts, on, off, box)  # p in {0, 1, 255}
        logits = self._round(labels, on, off)
        for _ in range(self._numbers.rounds - 1):
            labels = prompts.pieces(logits.reshape(self._grid), on).ravel().astype(np.uint8)
            if prompts.box is not None:
                core = prompts.ellipse(self._grid, 0.2).ravel()
                labels[core & (labels == 0)] = IGNORE
            labels = _constrained(labels, on, off, box)
            logits = self._round(labels, on, off)
        return np.where(box, logits, logits.clip(max=-1)).reshape(self._grid)

    def _start(self, prompts: Prompts, on: Cells, off: Cells, box: Cells) -> Mask:
        """What the prompts say by themselves, ``p`` in {0, 1, 255}."""
        if prompts.box is not None:
            middle = prompts.ellipse(self._grid, 0.5).ravel()
            return _constrained(np.where(middle, 1, IGNORE).astype(np.uint8), on, off, box)
        n, away = self._numbers, prompts.distance(self._grid).ravel()
        like = self._parts @ unit(self._parts[on].mean(0))
        like = (like - like.mean()) / like.std().clip(1e-6) - n.fade * (away - n.reach).clip(0)
        labels = np.where(like > n.like, 1, np.where(like < n.unlike, 0, IGNORE)).astype(np.uint8)
        if not (labels == 0).any():
            labels[away.argmax()] = 0
        return _constrained(labels, on, off, box)

    def _round(self, labels: Mask, on: Cells, off: Cells) -> Array:
        """Learn from labels ``p`` in {0, 1, 255}, predict everywhere: ``p`` logits that keep to the clicks."""
        backend = self._backend
        support, _ = backend.statistics(self._features, labels.reshape(self._grid))
        statistics = pooled([support], backend.network.levels, backend.numbers)
        none = np.zeros((1, self._pixels.shape[1]), np.float32)
        heads = {"use_appearance": np.ones(1, np.float32), "fusion_weight": none[:, 0], "head_weights": none}
        inputs = heads | {"head_bias": none[:, 0]} | statistics._asdict()
        decoded = backend.decode(self._features, inputs).decoded[0].ravel()
        logits = decoded + self._numbers.ridge * self._ridge(labels, on, off)
        logits = np.where(on, logits.clip(min=1), logits)
        return np.where(off, logits.clip(max=-1), logits)

    def _ridge(self, labels: Mask, on: Cells, off: Cells) -> Array:
        """Scores ``p`` of a ridge regression on the pixels' features, ±1 where it was fitted."""

        def share(value: int, clicked: Cells) -> Array:  # p
            side = (labels == value).astype(np.float32)
            side += clicked * (self._numbers.click * side.sum() / max(clicked.sum(), 1))
            return side / max(side.sum(), 1e-3)

        inside, outside = share(1, on), share(0, off)
        inputs = np.pad(self._pixels, ((0, 0), (0, 1)), constant_values=1)  # p d+1
        system = (inputs * (inside + outside)[:, None]).T @ inputs
        penalty = np.full(len(system), self._backend.numbers.readout_penalty)
        penalty[-1] = 1e-6  # the bias is free
        system[np.diag_indices(len(system))] += penalty
        return inputs @ solve(system, inputs.T @ (inside - outside), assume_a="pos")

    def _pixels_of(self, level: Array) -> Array:
        """``1 c h w`` -> ``p c`` on the network's grid."""
        smaller = level.shape[-1] < self._grid[1]
        on_grid = bilinear(level[0], self._grid) if smaller else cell_means(level[0], self._grid)
        return on_grid.reshape(len(on_grid), -1).T


def _constrained(labels: Mask, on: Cells, off: Cells, box: Cells) -> Mask:
    """Labels ``p`` with the clicks and the box in them."""
    labels = np.where(box, labels, 0).astype(np.uint8)
    labels[on] = 1
    labels[off] = 0
    return labels
