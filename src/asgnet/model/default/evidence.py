"""Evidence: what the supports taught, and what every pixel of a query says about it.

The default network does not hand raw features to its decoder, as the paper does: a decoder that has only seen
photographs narrows to them. It hands over *evidence maps* that mean the same in every domain: how well a
pixel fits the object's SGC prototypes and the background's at several feature levels (GPA, paper section
3.3), how a linear readout fitted on the supports scores it, and how well all this separated the supports
themselves. Every map is standardised by its statistics on the supports, so its scale depends neither on the
number of shots nor on the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.grids import to_grid
from asgnet.model.default.memory_bank import fill
from asgnet.model.default.readout import SMALL, fit_readouts
from asgnet.model.default.superpixels import region_of, share_of, weigh_superpixels
from asgnet.model.paper.gpa import BELOW_COSINE

PER_LEVEL = 4
READOUTS = 3
SHARPNESS = 10.0
"""Length of the features that SGC clusters: on unit vectors exp(-D) is almost flat, all centroids one."""
LIMIT = 6.0

P, R = ParamSpec("P"), TypeVar("R")


class SupportStatistics(NamedTuple):
    """What ``k`` supports taught, for ``b`` episodes; C is all levels' channels side by side.

    Attributes:
        object, background: ``b n C`` prototypes, unit length within each level.
        object_valid, background_valid: ``b n`` bool.
        means: ``b 2 C``, one mean prototype each of object and background.
        readouts: ``b r C``; biases: ``b r``.
        pixels: ``b 2 m D``, object and background pixels at the fused levels, D channels; seen: ``b 2`` bool.
        centre, spread: ``b e``, mean and standard deviation of each evidence map on the supports.
        facts: ``b f``, constants of the episode: separation of the maps on the supports, shots, and the
            object's share of what is not ignored.
        kinds: ``b 2 s``, of the object and of what surrounds it, of an ``ImageNetHead``;
            ``b 2 0`` where nobody asked for them.
    """

    object: Tensor
    background: Tensor
    object_valid: Tensor
    background_valid: Tensor
    means: Tensor
    readouts: Tensor
    biases: Tensor
    pixels: Tensor
    seen: Tensor
    centre: Tensor
    spread: Tensor
    facts: Tensor
    kinds: Tensor

    @property
    def shots(self) -> Tensor:
        """``b``, how many supports taught."""
        return 1 / self.facts[:, -2]


class Levels(NamedTuple):
    """Which of the backbone's maps do what, by position.

    Attributes:
        channels: of every map.
        grid: the map whose grid prototypes are made on; fine: the one whose grid evidence is given on.
        fused: maps that SGC clusters, and whose pixels the reservoir keeps.
        read: the first so many maps feed the readouts: all of them, the shallow, the deep.
        shallow: how many of those are shallow.
    """

    channels: tuple[int, ...]
    grid: int
    fine: int
    fused: tuple[int, int]
    read: int
    shallow: int

    @property
    def count(self) -> int:
        """Channels of the evidence, e."""
        levels = len(self.channels)
        return PER_LEVEL * levels + READOUTS + 3 * len(self.fused) + 2 * levels + 2


def in_full_precision(
    measure: Callable[Concatenate[Sequence[Tensor], P], R],
) -> Callable[Concatenate[Sequence[Tensor], P], R]:
    """Without autocast, on float32 maps: what is standardised by small spreads has no digits to lose."""

    @wraps(measure)
    def measured(maps: Sequence[Tensor], *args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast(maps[0].device.type, enabled=False):
            return measure([m.float() for m in maps], *args, **kwargs)

    return measured


@in_full_precision
@torch.no_grad()
def learn(maps: Sequence[Tensor], masks: Tensor, levels: Levels, area: int, most: int) -> SupportStatistics:
    """Everything the query needs of the supports.

    Args:
        maps: the backbone's maps, each ``b k c h w``.
        masks: ``b k H W`` in {0, 1, 255}; 255 counts for neither side.
        levels: roles of the maps.
        area: object pixels (of the prototype grid) per prototype.
        most: prototypes per support, at most.
    """
    batch, shots = masks.shape[:2]
    grid = maps[levels.grid].shape[-2:]
    flat = masks.flatten(0, 1)
    is_object = share_of(flat == 1, grid)  # bk h w
    is_background = (share_of(flat != 255, grid) - is_object).clamp(min=0)
    unit = [to_grid(F.normalize(m.flatten(0, 1), dim=1), grid) for m in maps]  # bk c h w
    fused = torch.cat([unit[i] for i in levels.fused], 1) * (SHARPNESS / len(levels.fused) ** 0.5)
    every = torch.cat(unit, 1).flatten(2).mT  # bk p C
    sides = [weigh_superpixels(fused, side, area, most) for side in (is_object, is_background)]
    prototypes = [
        _unit_levels(weights @ every, levels).unflatten(0, (batch, shots)).flatten(1, 2)
        for weights, _ in sides
    ]
    valid = [used.unflatten(0, (batch, shots)).flatten(1, 2) for _, used in sides]
    on_object, on_background = (x.reshape(batch, -1) for x in (is_object, is_background))  # b kp
    pooled = every.reshape(batch, -1, every.shape[2])  # b kp C
    means = _unit_levels(torch.stack([on_object, on_background], 1) @ pooled, levels)  # b 2 C
    readouts, biases = _fit_readouts(pooled, on_object, on_background, levels)
    fused_pixels = torch.cat([pooled[..., columns_of(levels)[i]] for i in levels.fused], -1)  # b kp D
    pixels, seen = fill(fused_pixels, on_object, on_background, shots)
    knowledge = SupportStatistics(
        *prototypes, *valid, means, readouts, biases, pixels, seen, *(pooled.new_zeros(0),) * 3,
        kinds=pooled.new_zeros(batch, 2, 0),
    )  # fmt: skip
    own = _maps([m.flatten(0, 1) for m in maps], repeat(knowledge, shots), levels, grid)  # bk e h w
    own = own.unflatten(0, (batch, shots)).transpose(1, 2).flatten(2)  # b e kp
    return knowledge._replace(**_statistics(own, on_object, on_background, levels, shots))


@in_full_precision
@torch.no_grad()
def evidence(maps: Sequence[Tensor], knowledge: SupportStatistics, levels: Levels) -> tuple[Tensor, Tensor]:
    """What every query pixel says.

    Args:
        maps: the backbone's maps, each ``b c h w``.
        knowledge: of the same b episodes, or of ``bn``: n classes for each query.
        levels: roles of the maps.

    Returns:
        evidence: ``bn e h w`` on the fine grid; guide map: ``bn h w`` int64 on the prototype grid, the object
        prototype that fits best at the fused levels (paper eq. 7).
    """
    fine = maps[levels.fine].shape[-2:]
    raw = _maps(maps, knowledge, levels, fine)
    standard = (raw - knowledge.centre[..., None, None]) / knowledge.spread[..., None, None]
    nearest = _nearest(maps, knowledge, levels, fine) * 4 - 1
    facts = knowledge.facts[..., None, None].expand(-1, -1, *fine)
    return torch.cat([standard.clamp(-LIMIT, LIMIT) / 2, nearest, facts], 1), guide_map(
        maps, knowledge, levels
    )


def guide_map(maps: Sequence[Tensor], knowledge: SupportStatistics, levels: Levels) -> Tensor:
    """``bn h w`` int64: each pixel's object prototype, by cosine at the fused levels (paper eqs. 6-7)."""
    grid = maps[levels.grid].shape[-2:]
    total: Tensor | int = 0
    for i, (m, columns) in enumerate(zip(maps, columns_of(levels), strict=True)):
        if i in levels.fused:
            fit = compare(knowledge.object[..., columns], F.normalize(m, dim=1).flatten(2))
            total = total + to_grid(fit.unflatten(2, m.shape[-2:]), grid)
    return total.masked_fill(~knowledge.object_valid[..., None, None], 2 * BELOW_COSINE).argmax(1)


def compare(vectors: Tensor, pixels: Tensor) -> Tensor:
    """``bn v c`` vectors, of n classes a picture, and ``b c p`` pixels -> ``bn v p``, a product a picture."""
    pictures = pixels.shape[0]
    products = vectors.reshape(pictures, -1, vectors.shape[-1]) @ pixels  # b nv p
    return products.reshape(vectors.shape[0], -1, pixels.shape[-1])


@in_full_precision
@torch.no_grad()
def superpixels(maps: Sequence[Tensor], masks: Tensor, levels: Levels, area: int, most: int) -> Tensor:
    """``b h w`` int64 on the prototype grid: each object pixel's superpixel in its support, -1 elsewhere."""
    grid = maps[levels.grid].shape[-2:]
    is_object = share_of(masks == 1, grid)
    unit = [to_grid(F.normalize(maps[i], dim=1), grid) for i in levels.fused]
    fused = torch.cat(unit, 1) * (SHARPNESS / len(levels.fused) ** 0.5)
    weights, used = weigh_superpixels(fused, is_object, area, most)
    label = weights.masked_fill(~used[..., None], -1).argmax(1).unflatten(1, grid)
    return torch.where(region_of(is_object), label, -1)


def repeat(knowledge: SupportStatistics, times: int) -> SupportStatistics:
    """Every episode's knowledge for each of its shots: ``b …`` -> ``bk …``."""
    return SupportStatistics(*(t if t.numel() == 0 else t.repeat_interleave(times, 0) for t in knowledge))


def columns_of(levels: Levels) -> list[slice]:
    """Each level's columns among all C."""
    ends = torch.tensor(levels.channels).cumsum(0).tolist()
    return [slice(end - width, end) for end, width in zip(ends, levels.channels, strict=True)]


def _unit_levels(vectors: Tensor, levels: Levels) -> Tensor:
    """``… C`` vectors, each level's part scaled to unit length."""
    return torch.cat([F.normalize(part, dim=-1) for part in vectors.split(levels.channels, -1)], -1)


def _fit_readouts(
    pooled: Tensor, on_object: Tensor, on_background: Tensor, levels: Levels
) -> tuple[Tensor, Tensor]:
    """Readouts on all of the first levels, on the shallow and on the deep of them: ``b r C``, ``b r``."""
    width, shallow = sum(levels.channels[: levels.read]), sum(levels.channels[: levels.shallow])
    selections = (slice(0, width), slice(0, shallow), slice(shallow, width))
    weights, biases = fit_readouts(pooled[..., :width], on_object, on_background, selections)
    return F.pad(weights, (0, pooled.shape[-1] - width)), biases


def _maps(
    maps: Sequence[Tensor], knowledge: SupportStatistics, levels: Levels, grid: Sequence[int]
) -> Tensor:
    """``bn e' h w`` raw maps on ``grid``: per level best object and background cosine, their difference, the
    means' difference; then the readouts.
    """
    found, scores = [], knowledge.biases[..., None, None]
    for level, (m, columns) in enumerate(zip(maps, columns_of(levels), strict=True)):
        unit = F.normalize(m, dim=1).flatten(2)  # b c hw
        best = [
            _best(compare(prototypes[..., columns], unit), valid)
            for prototypes, valid in (
                (knowledge.object, knowledge.object_valid),
                (knowledge.background, knowledge.background_valid),
            )
        ]
        mean = compare(knowledge.means[..., columns], unit)  # bn 2 hw
        stacked = torch.stack([*best, best[0] - best[1], mean[:, 0] - mean[:, 1]], 1)
        found.append(to_grid(stacked.unflatten(2, m.shape[-2:]), grid))
        if level < levels.read:
            score = compare(knowledge.readouts[..., columns], unit)
            scores = scores + to_grid(score.unflatten(2, m.shape[-2:]), grid)
    return torch.cat([*found, scores], 1)


def _best(similarity: Tensor, valid: Tensor) -> Tensor:
    """``b n p`` -> ``b p``: the highest over the valid n; 0 where none is."""
    best = similarity.masked_fill(~valid[..., None], BELOW_COSINE).amax(1)
    return torch.where(valid.any(1)[:, None], best, 0.0)


def _nearest(
    maps: Sequence[Tensor], knowledge: SupportStatistics, levels: Levels, grid: Sequence[int]
) -> Tensor:
    """``bn 6 h w``: best cosine with object pixels, background pixels, their difference, per fused level."""
    found = []
    widths = [levels.channels[i] for i in levels.fused]
    for i, pixels in zip(levels.fused, knowledge.pixels.split(widths, -1), strict=True):
        unit = F.normalize(maps[i], dim=1).flatten(2)  # b c hw
        both_sides = F.normalize(pixels, dim=-1)  # bn 2 m c
        fit = compare(both_sides.flatten(1, 2), unit)  # bn 2m hw
        similarity = fit.unflatten(1, both_sides.shape[1:3]).amax(2)  # bn 2 hw
        similarity = torch.where(knowledge.seen[..., None], similarity, 0.0)
        both = torch.cat([similarity, similarity[:, :1] - similarity[:, 1:]], 1)
        found.append(to_grid(both.unflatten(2, maps[i].shape[-2:]), grid))
    return torch.cat(found, 1)


def _statistics(
    own: Tensor, on_object: Tensor, on_background: Tensor, levels: Levels, shots: int
) -> dict[str, Tensor]:
    """Of maps ``b e kp`` on the supports: centre and spread with either side weighing the same, and facts."""
    sides = [side / side.sum(1, keepdim=True).clamp(min=SMALL) for side in (on_object, on_background)]
    both = (sides[0] + sides[1]) / (sides[0] + sides[1]).sum(1, keepdim=True).clamp(min=1e-6)
    centre, variance = _moments(own, both)
    (high, above), (low, below) = (_moments(own, side) for side in sides)
    separation = ((high - low) / (above + below + 1e-6).sqrt()).clamp(-LIMIT, LIMIT) / 3  # b e
    width = PER_LEVEL * len(levels.channels)
    inside, outside = (side.sum(1, keepdim=True) for side in (on_object, on_background))  # b 1
    facts = [
        separation[:, 2:width:PER_LEVEL],
        separation[:, 3:width:PER_LEVEL],
        torch.full_like(on_object[:, :1], 1 / shots),
        (inside / (inside + outside).clamp(min=SMALL)).sqrt(),
    ]
    return {"centre": centre, "spread": variance.clamp(min=1e-8).sqrt(), "facts": torch.cat(facts, 1)}


def _moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance ``b e`` of ``b e p`` values under ``b p`` weights."""
    mean = (values @ weights[..., None])[..., 0]
    return mean, ((values - mean[..., None]).square() @ weights[..., None])[..., 0]
