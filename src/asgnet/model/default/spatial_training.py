"""Fitting a spatial head in plain numpy: a whitening basis, then a hidden layer by Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.special import expit

from asgnet.imaging.averages import cell_means
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.spatial_head import Array, at_cells, pixel_inputs
from asgnet.types import IGNORE, Mask

BATCH, RATE = 512, 1e-2
NOISE, DECAY = 0.5, 0.5
"""Standard deviation of what is added to standardised inputs; of weights, part that is taken off at rate 1."""
DECAYS = 0.9, 0.99
"""Of Adam's running means of gradients and of their squares."""
WARM = 0.15
"""Part of the steps in which the rate rises; then it falls like a cosine."""
SMALL = 1e-3
"""Least standard deviation that is divided by; least part of the largest variance that whitening takes for noise."""


class Samples(NamedTuple):
    """Pixels of one view of a support.

    Attributes:
        inputs: ``n q``, see :func:`~asgnet.model.default.spatial_head.pixel_inputs`.
        targets: ``n`` in [0, 1].
    """

    inputs: Array
    targets: Array


class Layers(NamedTuple):
    """The head's trained part, see :class:`~asgnet.model.default.spatial_head.SpatialHead`."""

    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array


def whitening(views: Sequence[Sequence[Array]], numbers: Calibration, seed: int) -> tuple[Array, Array]:
    """Basis ``p c`` and offset ``p``: the directions of largest variance in pictures, scaled to unit variance.

    Args:
        views: of each picture its levels, see :func:`~asgnet.model.default.spatial_head.levels_of`.
        numbers: how many directions, from how many pixels.
        seed: of the pixels drawn.
    """
    random, found = np.random.default_rng(seed), []
    for levels in views:
        grid = levels[1].shape[-2:]
        most = -(-numbers.spatial_samples // len(views))
        cells = random.permutation(grid[0] * grid[1])[:most]
        found.append(np.concatenate([at_cells(level, grid, cells) for level in levels]))
    pixels = np.concatenate(found, 1)  # c n
    mean = pixels.mean(1)
    pixels -= mean[:, None]
    largest = [len(pixels) - numbers.spatial_channels, len(pixels) - 1]
    # In double precision, each towards its longer tail: roundings of features, which other engines make other ones
    # of, would turn and flip directions, and training on those ends elsewhere.
    pixels = pixels.astype(np.float64)
    variance, directions = eigh(pixels @ pixels.T / pixels.shape[1], subset_by_index=largest)
    variance, directions = variance[::-1], directions[:, ::-1]
    directions *= np.where((directions**3).sum(0) < 0, -1, 1)
    basis = (directions / np.sqrt(variance.clip(0) + SMALL * max(variance[0], SMALL))).T.astype(np.float32)
    return basis, -basis @ mean


def drawn_pixels(
    levels: Sequence[Array], mask: Mask, basis: tuple[Array, Array], most: int, random: np.random.Generator
) -> Samples:
    """Pixels of one view, at most ``most``, as many of the object as beside it if there are enough.

    Args:
        levels: of the view.
        mask: ``h w`` in {0, 1, 255}, in network pixels.
        basis: of :func:`whitening`.
        most: how many.
        random: draws them.
    """
    grid = levels[1].shape[-2:]
    valid = cell_means((mask != IGNORE).astype(np.float32), grid).ravel()
    share = cell_means((mask == 1).astype(np.float32), grid).ravel() / valid.clip(SMALL)
    sides = (np.flatnonzero((valid > 0.9) & own) for own in (share > 0.5, share <= 0.5))
    cells = np.concatenate([random.permutation(side)[: most // 2] for side in sides])
    return Samples(pixel_inputs(levels, *basis, cells), share[cells].astype(np.float32))


def trained(samples: Sequence[Samples], hidden: int, steps: int, seed: int) -> Layers:
    """The layers fitted to samples of all supports, of which there is at least one pixel.

    Args:
        samples: of every view of every support.
        hidden: how wide the layer is.
        steps: of Adam.
        seed: of first weights and batches.
    """
    random = np.random.default_rng(seed)
    inputs, targets = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    mean, spread = inputs.mean(0), inputs.std(0) + SMALL
    inputs = ((inputs - mean) / spread).astype(np.float32)
    width = inputs.shape[1]
    layers = Layers(
        random.normal(0, (2 / width) ** 0.5, (width, hidden)).astype(np.float32),
        np.zeros(hidden, np.float32),
        random.normal(0, 0.1 / hidden**0.5, hidden).astype(np.float32),
        np.zeros((), np.float32),
    )
    means, squares = ([np.zeros_like(one) for one in layers] for _ in range(2))
    for step in range(steps):
        batch = random.integers(0, len(inputs), BATCH)
        noise = NOISE * random.standard_normal((BATCH, width), np.float32)
        found = gradients(layers, inputs[batch] + noise, targets[batch])
        rate = RATE * _schedule(step / steps)
        layers = Layers(
            *(_adam(*parts, rate, step + 1) for parts in zip(layers, found, means, squares, strict=True))
        )
    weights = layers.hidden / spread[:, None]
    bias = layers.hidden_bias - mean @ weights
    return Layers(weights.astype(np.float32), bias.astype(np.float32), layers.output, layers.output_bias)


def gradients(layers: Layers, inputs: Array, targets: Array) -> Layers:
    """Of :func:`loss` by each array of the layers."""
    active = np.maximum(inputs @ layers.hidden + layers.hidden_bias, 0)  # n h
    probability = expit(active @ layers.output + layers.output_bias)  # n
    both, either = 2 * (probability * targets).sum() + 1, probability.sum() + targets.sum() + 1
    of_dice = (both / either**2 - 2 * targets / either) * probability * (1 - probability)
    of_logits = ((probability - targets) / len(targets) + of_dice).astype(np.float32)
    of_active = np.outer(of_logits, layers.output) * (active > 0)
    return Layers(
        inputs.T @ of_active, of_active.sum(0), active.T @ of_logits, np.asarray(of_logits.sum(), np.float32)
    )


def loss(layers: Layers, inputs: Array, targets: Array) -> float:
    """Cross-entropy and Dice loss of n pixels.

    Args:
        layers: of any weights.
        inputs: ``n q``.
        targets: ``n`` in [0, 1].
    """
    logits = np.maximum(inputs @ layers.hidden + layers.hidden_bias, 0) @ layers.output + layers.output_bias
    probability = expit(logits)
    both, either = 2 * (probability * targets).sum() + 1, probability.sum() + targets.sum() + 1
    return float((np.logaddexp(0, logits) - targets * logits).mean() + 1 - both / either)


def _schedule(part: float) -> float:
    """The rate at a part of the steps, of its highest."""
    if part < WARM:
        return 0.05 + 0.95 * part / WARM
    return float(0.5 * (1 + np.cos(np.pi * (part - WARM) / (1 - WARM))))


def _adam(value: Array, gradient: Array, mean: Array, square: Array, rate: float, step: int) -> Array:
    """A step of Adam; ``mean`` and ``square`` are changed in place."""
    first, second = DECAYS
    mean += (1 - first) * (gradient - mean)
    square += (1 - second) * (gradient * gradient - square)
    change = mean / (1 - first**step) / (np.sqrt(square / (1 - second**step)) + 1e-8)
    return np.asarray(value - rate * (change + DECAY * value * bool(value.ndim)), np.float32)
