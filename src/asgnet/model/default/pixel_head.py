"""The pixel head: a linear prediction at stride 2, for what the decoder's grid cannot draw.

Threads, cracks, letters and stains need pixels, not objects. The pixel head is a ridge regression in closed form,
as in :mod:`asgnet.model.default.readout`, on colours, the first blocks' features and the levels above, all at
stride 2. Far from photographs it often predicts better than the decoder; on objects the decoder does. Its fusion
weight is found on the supports by leave-one-out (:mod:`asgnet.apply.fitting.rules.adaptation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.grids import average, mean_around, to_grid


class FeatureMaps(NamedTuple):
    """Pictures of one size through the backbone, most often one (b = 1).

    Attributes:
        maps: what :class:`~asgnet.model.default.network.DefaultNet` works on, each ``b c h w``.
        fine: what is finer than the maps, see :func:`fine_features`; the first gives the pixel head's grid.
            Empty where only the maps are needed.
    """

    maps: tuple[Tensor, ...]
    fine: tuple[Tensor, ...]


class PixelHead(NamedTuple):
    """Weights ``n d`` and bias ``n`` of n classes, by :func:`levels_of`."""

    weights: Tensor
    bias: Tensor


def fine_features(
    images: Tensor, first: Tensor, second: Tensor, surroundings: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Two blocks' directions, and colours: each pixel's, the local mean and the difference of both.

    Args:
        images: ``b 3 H W`` normalised to about [-1, 1].
        first: ``b c h w``, the block at stride 2.
        second: ``b c' h/2 w/2``, the block at stride 4.
        surroundings: cells of stride 4 to each side, over which the local mean is taken.

    Returns:
        ``b c h w``, ``b c' h/2 w/2`` and ``b 9 h w``.
    """
    colour = average(images, first.shape[-2:])
    around = to_grid(mean_around(average(images, second.shape[-2:]), surroundings), first.shape[-2:])
    colours = torch.cat([colour / 2, around / 2, colour - around], 1)
    return F.normalize(first, dim=1), F.normalize(second, dim=1), colours


class GramMatrices(NamedTuple):
    """All that a pixel head needs of a support's pixels, so that supports add up and one can be subtracted.

    Attributes:
        object: ``d+1 d+1`` float64, sum of the object pixels' outer products, a one appended to each pixel.
        background: the same of the others.
    """

    object: Tensor
    background: Tensor

    @property
    def shows_both(self) -> bool:
        """There are pixels of either side."""
        return bool((self.object[-1, -1] > 0) & (self.background[-1, -1] > 0))


def gram_matrices(
    supports: Sequence[FeatureMaps],
    masks: Sequence[Tensor],
    read: Sequence[int],
    calibration: Calibration,
    seed: int = 0,
) -> list[GramMatrices]:
    """Of pixels drawn from each support.

    Args:
        supports: k pictures.
        masks: each ``H W`` in {0, 1, 255}.
        read: positions of the maps that join the fine features.
        calibration: how many pixels are drawn, half of them object where there are enough.
        seed: of each support's draw, whichever place it has.
    """
    found = []
    for one, mask in zip(supports, masks, strict=True):
        sides = []
        for chosen in _sample(mask, one.fine[0].shape[-2:], calibration, seed):
            pixels = F.pad(_channels(one, read, chosen), (0, 0, 0, 1), value=1.0)  # d+1 p
            sides.append((pixels @ pixels.T).double())
        found.append(GramMatrices(*sides))
    return found


def fit_pixel_head(supports: Sequence[GramMatrices], penalty: float) -> PixelHead:
    """Of one class (n = 1): ridge regression to ±1, object and background balanced.

    The solution depends on sums of the gram matrices only: leave-one-out is leaving out a term.
    """
    sides = [torch.stack(part).sum(0) for part in zip(*supports, strict=True)]
    sides = [side / side[-1, -1].clamp(min=1) for side in sides]
    ridge = torch.full_like(sides[0][0], penalty)
    ridge[-1] = 1e-6  # the bias is free
    solution = torch.linalg.solve(sides[0] + sides[1] + torch.diag(ridge), sides[0][-1] - sides[1][-1])
    return PixelHead(solution[None, :-1].float(), solution[-1:].float())


def pixel_scores(features: FeatureMaps, head: PixelHead, read: Sequence[int]) -> Tensor:
    """``b n h w`` scores of b pictures for n classes: near +1 on the object, near -1 beside it.

    Linear, so every level is scored on its own grid and only the score is enlarged.
    """
    levels = levels_of(features, read)
    scores, grid = head.bias[:, None, None], levels[0].shape[-2:]
    for weights, level in zip(head.weights.split([m.shape[1] for m in levels], 1), levels, strict=True):
        scores = scores + to_grid(torch.einsum("nc,bchw->bnhw", weights, level), grid)
    return scores


def levels_of(features: FeatureMaps, read: Sequence[int]) -> list[Tensor]:
    """What the pixel head is a linear function of, each ``b c h w``; no grid is finer than the first."""
    return [*features.fine, *(F.normalize(features.maps[i], dim=1) for i in read)]


def _channels(features: FeatureMaps, read: Sequence[int], chosen: Tensor) -> Tensor:
    """``d p``: one picture's levels, enlarged to the finest grid, at p pixels of it.

    Only the chosen pixels are interpolated, which is most of the time of fitting.
    """
    finest, *_ = levels = levels_of(features, read)
    height, width = finest.shape[-2:]
    rows, columns = chosen // width, chosen % width
    place = torch.stack([(columns + 0.5) / width, (rows + 0.5) / height], -1) * 2 - 1  # p 2
    return torch.cat([_at(level, place, chosen, (height, width)) for level in levels])


def _at(level: Tensor, place: Tensor, chosen: Tensor, grid: tuple[int, int]) -> Tensor:
    """``1 c h w`` -> ``c p``: at pixels of a grid, by number, or by ``p 2`` in [-1, 1] of coarser levels."""
    if tuple(level.shape[-2:]) == grid:
        return level[0].flatten(1)[:, chosen]
    how = {"mode": "bilinear", "padding_mode": "border", "align_corners": False}
    return F.grid_sample(level, place[None, None], **how)[0, :, 0]


def _sample(mask: Tensor, grid: Sequence[int], calibration: Calibration, seed: int) -> list[Tensor]:
    """Indices of drawn pixels of the grid: object, background."""
    inside, valid = (
        F.adaptive_avg_pool2d(part.float()[None], tuple(grid)).flatten() for part in (mask == 1, mask != 255)
    )
    sure = valid > calibration.pixel_valid
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for side in (sure & (inside > 0.5), sure & (inside <= 0.5)):
        place = side.nonzero()[:, 0]
        order = torch.randperm(len(place), generator=generator).to(place.device)
        chosen.append(place[order[: calibration.pixel_samples // 2]])
    return chosen
