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

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.apply.inference.preprocess import enlarge
from asgnet.apply.interactive.prompts import Box, Point, Prompts, read_prompts
from asgnet.apply.interactive.random_walker import follow_edges
from asgnet.data.read import read_picture
from asgnet.imaging.resize import resized
from asgnet.model.default.grids import to_grid
from asgnet.model.default.readout import fit_readouts
from asgnet.types import IGNORE, Mask, Picture

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


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
        self._numbers = numbers
        self._net = segmenter.net
        with torch.inference_mode():
            # A square: the numbers were chosen so, and boxes became slightly worse masks otherwise.
            side = segmenter.backend.side
            seen = segmenter.backend.encode(resized(self.picture, (side, side)))
            self._seen = seen
            levels = self._net.levels
            self._grid = tuple(seen.maps[levels.fine].shape[-2:])
            unit = [to_grid(F.normalize(m, dim=1), self._grid)[0].flatten(1).T for m in seen.maps]  # p c
            fine = [to_grid(m, self._grid)[0].flatten(1).T for m in seen.fine]
            self._pixels = torch.cat([*fine, *(unit[i] for i in self._net.read)], 1)  # p d
            self._parts = F.normalize(torch.cat([unit[levels.grid - 1], unit[levels.grid]], 1), dim=1)

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
        with torch.inference_mode():
            logits = follow_edges(self.picture, self._logits(prompts))
        return prompts.constrained(enlarge(logits[None], self.picture.shape[:2])[0])

    def _logits(self, prompts: Prompts) -> Tensor:
        """``h' w'`` on the network's grid."""
        on, off, box = (torch.from_numpy(part).flatten() for part in prompts.on_grid(self._grid))  # p bool
        labels = self._start(prompts, on, off, box)  # p in {0, 1, 255}
        logits = self._round(labels, on, off)
        for _ in range(self._numbers.rounds - 1):
            whole = prompts.pieces(logits.unflatten(0, self._grid).numpy(), on.numpy())
            labels = torch.from_numpy(whole).flatten().to(torch.uint8)
            if prompts.box is not None:
                core = torch.from_numpy(prompts.ellipse(self._grid, 0.2)).flatten()
                labels[core & (labels == 0)] = IGNORE
            labels = _constrained(labels, on, off, box)
            logits = self._round(labels, on, off)
        return torch.where(box, logits, logits.clamp(max=-1)).unflatten(0, self._grid)

    def _start(self, prompts: Prompts, on: Tensor, off: Tensor, box: Tensor) -> Tensor:
        """What the prompts say by themselves, ``p`` in {0, 1, 255}."""
        if prompts.box is not None:
            middle = torch.from_numpy(prompts.ellipse(self._grid, 0.5)).flatten()
            return _constrained(torch.where(middle, 1, IGNORE), on, off, box)
        n, parts = self._numbers, self._parts.cpu()
        like = parts @ F.normalize(parts[on].mean(0), dim=0)
        away = torch.from_numpy(prompts.distance(self._grid)).flatten()
        like = (like - like.mean()) / like.std().clamp(min=1e-6)
        like -= n.fade * (away - n.reach).clamp(min=0)
        labels = torch.where(like > n.like, 1, torch.where(like < n.unlike, 0, IGNORE))
        if not (labels == 0).any():
            labels[away.argmax()] = 0
        return _constrained(labels, on, off, box)

    def _round(self, labels: Tensor, on: Tensor, off: Tensor) -> Tensor:
        """Learn from labels ``p`` in {0, 1, 255}, predict everywhere: ``p`` logits that keep to the clicks."""
        masks = labels.to(torch.uint8).unflatten(0, self._grid)[None, None].to(self._pixels.device)
        statistics = self._net.learn(self._seen, masks)
        allocated = self._net.allocate(self._seen, statistics)
        both = self._net.decode(self._seen, allocated).logits[0]  # 2 h' w'
        decoded = to_grid((both[1] - both[0])[None, None], self._grid).flatten()
        logits = (decoded + self._numbers.ridge * self._ridge(labels, on, off)).cpu()
        logits = torch.where(on, logits.clamp(min=1), logits)
        return torch.where(off, logits.clamp(max=-1), logits)

    def _ridge(self, labels: Tensor, on: Tensor, off: Tensor) -> Tensor:
        """Scores ``p`` of a ridge regression on the pixels' features, ±1 where it was fitted."""

        def share(value: int, clicked: Tensor) -> Tensor:  # 1 p
            side = (labels == value).float()
            side = side + clicked * (self._numbers.click * side.sum() / clicked.sum().clamp(min=1))
            return side[None].to(self._pixels.device)

        everything = [slice(0, self._pixels.shape[1])]
        weights, bias = fit_readouts(self._pixels[None], share(1, on), share(0, off), everything)
        return self._pixels @ weights[0, 0] + bias[0, 0]


def _constrained(labels: Tensor, on: Tensor, off: Tensor, box: Tensor) -> Tensor:
    """Labels ``p`` with the clicks and the box in them."""
    labels = torch.where(box, labels, 0)
    labels[on] = 1
    labels[off] = 0
    return labels
