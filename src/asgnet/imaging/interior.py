"""How deep inside an object each pixel lies, learned from examples with numbered objects.

The depth of a pixel is its distance to its own object's border as a share of the largest one in that object. A
random hidden layer and a ridge regression predict it from the picture around the pixel, so that objects can be told
apart by the line between them where their outline alone shows nothing (Huang, Zhu & Siew 2006, Neurocomputing 70).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_SIGMAS = (1, 2, 4, 8)
"""Pixels over which the picture is averaged around each pixel."""
_AROUND = 16
"""Pixels over which its brightness and contrast are measured, for nothing else of them to count."""
FEATURES = 5 * len(_SIGMAS) + 8
_HIDDEN = 256
READOUT = _HIDDEN + FEATURES + 1
_SAMPLES = 12_000
"""Pixels of an example that are learned from."""
_BACKGROUND = 0.3
"""So many more, as a share of them, of the background."""
_RIDGE = 0.3
"""Of 0.1, 0.3 and 1, on electron micrographs that are not asked about in benchmarks/accuracy/instances.json."""
_AT_ONCE = 50_000


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Interior:
    """What was learned.

    Attributes:
        mean: ``f``, of the features.
        scale: ``f``, their standard deviation.
        readout: ``r``, weights of the hidden layer, the features and a constant.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    readout: NDArray[np.float32]

    def __call__(
        self, grey: NDArray[np.uint8], mask: NDArray[np.bool_], probability: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """``h w`` grey picture, mask and probability -> ``h w`` depth in [0, 1], 0 outside the mask."""
        depth = np.zeros(mask.shape, np.float32)
        inside = pixel_features(grey, mask, probability)[mask]  # n f
        parts = [_hidden(_scaled(part, self.mean, self.scale)) @ self.readout for part in _parts(inside)]
        depth[mask] = np.clip(np.concatenate(parts), 0, 1) if parts else 0
        return depth

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Interior:
        """Of :attr:`numbers`; ValueError if they are none."""
        if len(numbers) != 2 * FEATURES + READOUT or not np.isfinite(numbers).all():
            raise ValueError("no weights of an interior")
        mean, scale, readout = np.split(np.array(numbers, np.float32), [FEATURES, 2 * FEATURES])
        return cls(mean, scale, readout)

    @property
    def numbers(self) -> tuple[float, ...]:
        """All of it, to be kept."""
        return tuple(np.concatenate([self.mean, self.scale, self.readout]).tolist())


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one example teaches: sampled pixels' features ``n f`` and depths ``n``."""

    features: NDArray[np.float32]
    depths: NDArray[np.float32]


def lesson(
    grey: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    probability: NDArray[np.float32],
    objects: NDArray[np.int32],
    known: NDArray[np.bool_],
    seed: int = 0,
) -> Lesson:
    """Of an example ``h w``: what was predicted in it, its objects, numbered from 1, and which pixels are known."""
    rng = np.random.default_rng(seed)
    inside = (mask | (objects > 0)).ravel()
    chosen = np.concatenate(
        [
            rng.permutation(np.flatnonzero(where))[:most]
            for where, most in ((inside, _SAMPLES), (known.ravel() & ~inside, int(_SAMPLES * _BACKGROUND)))
        ]
    )
    features = pixel_features(grey, mask, probability).reshape(-1, FEATURES)
    return Lesson(features[chosen], depth_of(objects).ravel()[chosen])


def learn(lessons: Sequence[Lesson]) -> list[Interior]:
    """What all lessons teach, and then what all but the first, all but the second … teach."""
    features = np.concatenate([one.features for one in lessons])
    mean, scale = features.mean(0), features.std(0) + np.float32(1e-3)
    sums = []
    for one in lessons:
        hidden = _hidden(_scaled(one.features, mean, scale)).astype(np.float64)
        sums.append((hidden.T @ hidden, hidden.T @ one.depths, len(hidden)))
    left_out = [[s for j, s in enumerate(sums) if j != i] for i in range(len(sums) if len(sums) > 1 else 0)]
    return [Interior(mean, scale, _solved(some)) for some in (sums, *left_out)]


def _solved(sums: Sequence[tuple[NDArray, NDArray, int]]) -> NDArray[np.float32]:
    gram, product, count = (sum(part) for part in zip(*sums, strict=True))
    return np.linalg.solve(gram / count + _RIDGE * np.eye(READOUT), product / count).astype(np.float32)


def depth_of(objects: NDArray[np.int32]) -> NDArray[np.float32]:
    """``h w`` numbered objects -> how deep in its own each pixel lies, in [0, 1]; the frame is no border."""
    from scipy.ndimage import distance_transform_edt, find_objects

    depth = np.zeros(objects.shape, np.float32)
    for number, window in enumerate(find_objects(objects), 1):
        if window is None:
            continue
        crop = objects[window] == number
        open_sides = [
            (int(side.start > 0), int(side.stop < size))
            for side, size in zip(window, objects.shape, strict=True)
        ]
        padded = np.pad(crop, open_sides)
        distance = distance_transform_edt(padded) if not padded.all() else np.ones(padded.shape)
        (top, _), (left, _) = open_sides
        own = distance[top : top + crop.shape[0], left : left + crop.shape[1]]
        depth[window][crop] = (own / own.max())[crop]
    return depth


def pixel_features(
    grey: NDArray[np.uint8], mask: NDArray[np.bool_], probability: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``h w f``: brightness, edges, ridges and contrast at several widths, and where in the mask a pixel lies."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    values = grey.astype(np.float32) / 255
    values = (values - values.mean()) / (values.std() + 1e-3)
    squares = values * values
    local = gaussian_filter(values, _AROUND)
    contrast = np.sqrt(np.maximum(gaussian_filter(squares, _AROUND) - local**2, 0)) + 0.1
    found = []
    smooth = {width: gaussian_filter(values, width) for width in {*_SIGMAS, *(2 * s for s in _SIGMAS)}}
    for width in _SIGMAS:
        blurred = smooth[width]
        dy, dx = np.gradient(blurred)
        dyy, dyx = np.gradient(dy)
        dxx = np.gradient(dx, axis=1)
        bent, apart = dxx + dyy, np.sqrt((dxx - dyy) ** 2 + 4 * dyx**2)
        spread = np.sqrt(np.maximum(gaussian_filter(squares, width) - blurred**2, 0))
        found += [blurred - smooth[2 * width], width * np.hypot(dx, dy)]
        found += [width**2 * (bent + apart) / 2, width**2 * (bent - apart) / 2, spread]
    found = [one / contrast for one in [*found, values - local]]
    distance = distance_transform_edt(mask) if not mask.all() else np.full(mask.shape, float(max(mask.shape)))
    typical = max(float(np.percentile(distance[mask], 90)), 1.0) if mask.any() else 1.0
    found += [local, np.minimum(distance, 8) / 8, np.minimum(distance, 32) / 32, distance / typical]
    found += [np.full(mask.shape, np.log(typical) / 3), probability, gaussian_filter(probability, 4)]
    return np.stack([one.astype(np.float32) for one in found], axis=-1)


def _scaled(
    features: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.clip((features - mean) / scale, -4, 4)


def _hidden(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """``n f`` -> ``n r``: a layer of random rectified sums, the features, and a constant."""
    weights, bias = _layer()
    rectified = np.maximum(features @ weights + bias, 0)
    return np.concatenate([rectified, features, np.ones((len(features), 1), np.float32)], axis=1)


@lru_cache(maxsize=1)
def _layer() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same in every version of numpy: what RandomState draws is frozen."""
    rng = np.random.RandomState(0)
    weights = rng.standard_normal((FEATURES, _HIDDEN)) * 1.5 / FEATURES**0.5
    return weights.astype(np.float32), rng.standard_normal(_HIDDEN).astype(np.float32)


def _parts(rows: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
