"""Statistics of several supports, pooled: concatenated and added, in numpy.

Pooling a list equals pooling any order of it up to the order of prototypes, and leaving a support out is
leaving it out of the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.levels import PER_LEVEL, READOUTS, Levels
from asgnet.model.default.mask_cells import evenly
from asgnet.model.default.support import SideOfSupport, SupportStatistics, unit, unit_levels

Array = NDArray[np.float32]
FREE = 1e-6
"""Penalty of a bias: next to nothing."""
SMALL = 1e-3
"""Least area that is divided by."""


class PooledStatistics(NamedTuple):
    """Of k supports, with an axis of one class before each; what the decoding graph takes.

    Attributes:
        object, background: ``1 n C`` prototypes.
        object_valid, background_valid: ``1 n`` bool.
        means: ``1 2 C``, one mean prototype each of object and background.
        readouts: ``1 r C``; biases: ``1 r``.
        pixels: ``1 2 m D``, the memory bank at the fused levels; seen: ``1 2`` bool, there are any.
        centre, spread: ``1 e``, mean and standard deviation of each similarity map on the supports.
        facts: ``1 f``, the episode's statistics: separation of the maps on the supports, 1 / k, and the
            object's share of what is not ignored.
        kinds: ``1 2 m``, the ImageNet classifier's logits of object and background, unit length.
    """

    object: Array
    background: Array
    object_valid: NDArray[np.bool_]
    background_valid: NDArray[np.bool_]
    means: Array
    readouts: Array
    biases: Array
    pixels: Array
    seen: NDArray[np.bool_]
    centre: Array
    spread: Array
    facts: Array
    kinds: Array


def pooled(
    supports: Sequence[SupportStatistics], levels: Levels, numbers: Calibration, shots: int = 0
) -> PooledStatistics:
    """The statistics of a class from those of its supports, at least one.

    Args:
        supports: of each.
        levels: roles of the maps.
        numbers: of the readouts and the bank.
        shots: how many pictures they are of, where some are windows of the same; 0: each is another's.
    """
    sides = list(zip(*supports, strict=True))  # object, background: of k supports each
    prototypes = [_prototypes(side) for side in sides]
    there = [any(len(one.prototypes) for one in side) for side in sides]
    valid = [np.full(len(p), some) for p, some in zip(prototypes, there, strict=True)]
    means = unit_levels(np.stack([_summed(one.total for one in side) for side in sides]), levels)
    grams = [_summed(one.gram for one in side) for side in sides]
    readouts, biases = _readouts(grams, levels, numbers.readout_penalty)
    banks, seen = zip(*(_bank(side, levels, numbers.memory_bank) for side in sides), strict=True)
    logits = np.stack([_summed(one.logits for one in side) for side in sides])
    none = np.zeros(0, np.float32)
    known = PooledStatistics(
        prototypes[0], prototypes[1], valid[0], valid[1], means, readouts, biases, np.stack(banks), np.array(seen),
        none, none, none, unit(logits),
    )  # fmt: skip
    maps = _own_maps(supports, known, levels)  # e ks
    areas = [float(gram[-1, -1]) for gram in grams]
    shots = shots or len(supports)
    centre, spread, facts = _standardising(maps, supports, areas, levels, numbers.similarity_limit, shots)
    known = known._replace(centre=centre, spread=spread, facts=facts)
    return known._replace(
        **{k: a[None] if a.dtype == bool else a[None].astype(np.float32) for k, a in known._asdict().items()}
    )


def pixel_head(supports: Sequence[SupportStatistics], penalty: float) -> tuple[Array, Array]:
    """Weights ``1 d`` and bias ``1`` of the pixel head: ridge regression to ±1, both sides weighing the same."""
    grams = [_summed(one.pixel_gram for one in side) for side in zip(*supports, strict=True)]
    grams = [gram / max(gram[-1, -1], 1) for gram in grams]
    solution = _ridge(grams, np.arange(len(grams[0])), penalty).astype(np.float32)
    return solution[None, :-1], solution[-1:]


def _summed(arrays: Iterable[Array]) -> NDArray[np.float64]:
    return np.sum([array.astype(np.float64) for array in arrays], axis=0)


def _prototypes(side: Sequence[SideOfSupport]) -> Array:
    """``n C``, at least one: of a side that is nowhere zeros, which are not valid."""
    every = np.concatenate([one.prototypes for one in side])
    return every if len(every) else np.zeros((1, every.shape[1]), np.float32)


def _ridge(
    grams: Sequence[NDArray[np.float64]], chosen: NDArray[np.intp], penalty: float
) -> NDArray[np.float64]:
    """Regression to +1 where the first gram matrix is of, to -1 where the second is; the last input is a one."""
    from scipy.linalg import solve

    system = (grams[0] + grams[1])[np.ix_(chosen, chosen)]
    system[np.diag_indices(len(chosen))] += np.where(np.arange(len(chosen)) < len(chosen) - 1, penalty, FREE)
    return solve(system, (grams[0] - grams[1])[chosen, -1], assume_a="pos")


def _readouts(grams: Sequence[NDArray[np.float64]], levels: Levels, penalty: float) -> tuple[Array, Array]:
    """Readouts on all of the first levels, on the shallow and on the deep of them: ``r C``, ``r``."""
    grams = [gram / max(gram[-1, -1], SMALL) for gram in grams]
    width, shallow = levels.read_width, sum(levels.channels[: levels.shallow])
    weights, biases = np.zeros((READOUTS, sum(levels.channels)), np.float32), np.zeros(READOUTS, np.float32)
    for r, (first, last) in enumerate(((0, width), (0, shallow), (shallow, width))):
        solution = _ridge(grams, np.append(np.arange(first, last), width), penalty)
        weights[r, first:last], biases[r] = solution[:-1], solution[-1]
    return weights, biases


def _bank(side: Sequence[SideOfSupport], levels: Levels, most: int) -> tuple[Array, bool]:
    """``m D`` pixels of k supports, of each in proportion to its size, repeated where there are fewer."""
    total = sum(int(one.cells) for one in side)
    chosen = []
    for one in side:
        sure = one.sample[one.shares >= 0.5 * one.shares.max(initial=0)][:, levels.fused_columns]
        chosen.append(evenly(sure, max(most * int(one.cells) // max(total, 1), 1)))
    every = np.concatenate(chosen).astype(np.float32)
    if not len(every):
        return np.zeros((most, every.shape[1]), np.float32), False
    return every[np.arange(most) % len(every)], True


def _own_maps(supports: Sequence[SupportStatistics], known: PooledStatistics, levels: Levels) -> Array:
    """``e ks``: the similarity maps of the supports' own samples, object's first."""
    cells = np.concatenate([one.sample for side in zip(*supports, strict=True) for one in side]).astype(
        np.float32
    )
    found = []
    for columns in levels.columns:
        unit = cells[:, columns].T  # c ks
        best = [
            (own[:, columns] @ unit).max(0) * valid.any()
            for own, valid in ((known.object, known.object_valid), (known.background, known.background_valid))
        ]
        mean = known.means[:, columns] @ unit
        found += [*best, best[0] - best[1], mean[0] - mean[1]]
    return np.stack([*found, *(known.readouts @ cells.T + known.biases[:, None])])


def _standardising(
    maps: Array,
    supports: Sequence[SupportStatistics],
    areas: Sequence[float],
    levels: Levels,
    limit: float,
    shots: int,
) -> tuple[Array, Array, Array]:
    """Centre, spread and episode statistics of maps ``e ks`` on the supports, either side weighing the same."""
    shares = [[_spread_area(one) for one in side] for side in zip(*supports, strict=True)]
    weights = np.zeros((2, maps.shape[1]))
    inside = sum(map(len, shares[0]))
    weights[0, :inside], weights[1, inside:] = np.concatenate(shares[0]), np.concatenate(shares[1])
    weights /= weights.sum(1, keepdims=True).clip(SMALL)
    both = weights.sum(0) / weights.sum().clip(1e-6)
    centre, variance = _mean_and_variance(maps, both)
    (high, above), (low, below) = (_mean_and_variance(maps, side) for side in weights)
    separation = ((high - low) / np.sqrt(above + below + 1e-6)).clip(-limit, limit) / 3  # e
    width = PER_LEVEL * len(levels.channels)
    rest = [1 / shots, np.sqrt(areas[0] / max(areas[0] + areas[1], SMALL))]
    facts = np.concatenate([separation[2:width:PER_LEVEL], separation[3:width:PER_LEVEL], rest])
    spread = np.sqrt(variance.clip(1e-8))
    return centre.astype(np.float32), spread.astype(np.float32), facts.astype(np.float32)


def _spread_area(side: SideOfSupport) -> NDArray[np.float64]:
    """``s``: the side's whole area, shared out among its sample."""
    shares = side.shares.astype(np.float64)
    return shares * (float(side.gram[-1, -1]) / max(shares.sum(), 1e-9))


def _mean_and_variance(
    values: Array, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance ``e`` of ``e p`` values under ``p`` weights."""
    mean = values @ weights
    return mean, (values - mean[:, None]) ** 2 @ weights
