"""One episode: fit its supports, predict its query, keep what both took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cachetools import LRUCache, cachedmethod
from numpy.typing import NDArray

from asgnet.data.benchmarks.dataset import Dataset, class_mask
from asgnet.data.benchmarks.episodes import WayEpisode
from asgnet.study.evaluation.predictor import Predictor
from asgnet.types import IGNORE, Episode, Picture, Prediction

Pair = tuple[Picture, NDArray]
PAIR_BYTES = 256 << 20


class PairCache:
    """Decoded pictures with their labels; beyond ``most_bytes`` the least recently used are given up."""

    def __init__(self, dataset: Dataset, most_bytes: int = PAIR_BYTES) -> None:
        self.dataset = dataset
        self.held: LRUCache[str, Pair] = LRUCache(most_bytes, lambda pair: pair[0].nbytes + pair[1].nbytes)

    @cachedmethod(lambda self: self.held, key=lambda _, name: name)
    def pair(self, name: str) -> Pair:
        """A picture ``h w 3`` and its labels ``h w``; DataError if they have two sizes."""
        return self.dataset.pair(name)


@dataclass(frozen=True)
class Result:
    """What became of one episode.

    Attributes:
        supports: each support's picture and its labels as 0 … N, 255.
        query: ``h w 3``.
        truth: ``h w`` in 0 … N (N targets in the episode's order), 255.
        found: ``h w`` int in 0 … N.
        prediction: all that the predictor said.
        seconds: ``support`` (fit), ``query`` (predict, without the decoder where its share is known), ``decode``.
    """

    supports: list[Pair]
    query: Picture
    truth: NDArray
    found: NDArray
    prediction: Prediction
    seconds: dict[str, float]


def run_episode(
    predictor: Predictor,
    pairs: PairCache,
    episode: Episode | WayEpisode,
    classes: dict[int, str],
    fit_options: Mapping[str, Any] | None = None,
) -> Result:
    """Fit the episode's supports, predict its query.

    With several ways every class's mask is given for every support, so that a support of one class that shows
    another teaches that too; the query's classes outside the targets count as background.
    """
    targets = episode.targets
    supports = [pairs.pair(name) for group in episode.groups for name in group]
    images = [picture for picture, _ in supports]
    masks = {classes[t]: [class_mask(labels, t) for _, labels in supports] for t in targets}
    query, labels = pairs.pair(episode.query)
    start = time.perf_counter()
    predictor.fit(images, masks if len(targets) > 1 else masks[classes[targets[0]]], **(fit_options or {}))
    fitted = time.perf_counter()
    prediction = predictor.predict(query)
    done = time.perf_counter()
    decode = getattr(predictor, "decode_seconds", None)
    seconds = {"support": fitted - start, "query": done - fitted - (decode or 0.0)}
    if decode is not None:
        seconds["decode"] = decode
    found = np.asarray(prediction.mask).astype(np.int64)
    shown = [(picture, relabelled(own, targets)) for picture, own in supports]
    return Result(shown, query, relabelled(labels, targets), found, prediction, seconds)


def relabelled(labels: NDArray, targets: Sequence[int]) -> NDArray[np.uint8]:
    """Class indices → 1 … N in the order of ``targets``, 0 for every other class, 255 as it was."""
    out = np.zeros(labels.shape, np.uint8)
    for place, target in enumerate(targets, 1):
        out[labels == target] = place
    out[labels == IGNORE] = IGNORE
    return out
