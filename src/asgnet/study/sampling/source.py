"""Where training episodes come from: which row of which dataset shows which class well enough."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.errors import DataError
from asgnet.study.recipe import Recipe
from asgnet.study.sampling.feature_store import FeatureStore


@dataclass(frozen=True)
class Source:
    """A dataset to draw from.

    Attributes:
        dataset: its pictures.
        stores: cached features, one per variant, the plain one first; empty where they are not cached.
        counts: ``n classes+1`` pixels per picture and class, one per variant.
        pictures: rows that may be drawn.
        shown: per variant: class index → rows that show it well enough.
        weight: how often it is drawn from, relative to others.
    """

    dataset: Dataset
    stores: tuple[FeatureStore, ...]
    counts: tuple[NDArray, ...]
    pictures: NDArray[np.int64]
    shown: tuple[dict[int, NDArray[np.int64]], ...]
    weight: float = 1.0

    @cached_property
    def showing(self) -> tuple[NDArray[np.int64], ...]:
        """Per variant the rows that show any class."""
        return tuple(
            np.unique(np.concatenate([np.empty(0, np.int64), *rows.values()])) for rows in self.shown
        )


def held_out(names: Sequence[str], every: int) -> NDArray[np.bool_]:
    """Which pictures only validate: every so-manyth by the hash of its name, whatever else is there."""
    digests = [hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest() for name in names]
    return np.array([int(digest[:8], 16) % every == 0 for digest in digests])


def make_source(
    dataset: Dataset,
    stores: Sequence[FeatureStore],
    allowed: NDArray[np.bool_],
    classes: Sequence[int],
    recipe: Recipe,
    weight: float = 1.0,
    fewest: int | None = None,
) -> Source:
    """Which rows show which class.

    Args:
        dataset: the dataset.
        stores: its cached features, or none.
        allowed: ``n`` pictures that may be drawn.
        classes: class indices that may be an object.
        recipe: for class_pixels and class_pictures.
        weight: see :class:`Source`.
        fewest: least pictures of a class, instead of the recipe's class_pictures.
    """
    counts = tuple(store.counts for store in stores) or (_original_counts(dataset),)
    fewest = recipe.class_pictures if fewest is None else fewest
    shown = []
    for table in counts:
        rows = {c: np.flatnonzero((table[:, c] >= recipe.class_pixels) & allowed) for c in sorted(classes)}
        shown.append({c: found for c, found in rows.items() if len(found) >= fewest})
    return Source(dataset, tuple(stores), counts, np.flatnonzero(allowed), tuple(shown), weight)


def usable(sources: Sequence[Source]) -> list[Source]:
    """The sources that have any class.

    Raises:
        DataError: none has.
    """
    kept = [source for source in sources if all(source.shown)]
    if not kept:
        names = ", ".join(source.dataset.name for source in sources)
        raise DataError(
            f"No class of {names} has pictures enough to train on; give more data, or lower class_pixels or "
            "class_pictures in the recipe."
        )
    return kept


def _original_counts(dataset: Dataset) -> NDArray[np.int64]:
    """``n classes+1`` pixels per class at the labels' own size."""
    table = np.zeros((len(dataset.pictures), max(dataset.classes) + 1), np.int64)
    for row, name in enumerate(dataset.pictures):
        for value, pixels in dataset.counts[name].items():
            if value in dataset.classes:
                table[row, value] = pixels
    return table
