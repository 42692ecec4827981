"""Training episodes: which picture asks, which ones teach, what the object is.

Every episode is a function of (seed, number) alone. So a run that is resumed goes on with the episodes of an
unbroken one, and two processes with half the batch each see the batch of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import DataError
from asgnet.study.recipe import Recipe
from asgnet.study.sampling.pseudo import pseudo_masks
from asgnet.study.sampling.source import Source

TRIES = 200


class DrawnPicture(NamedTuple):
    """A picture as it enters an episode: its row, its variant, mirrored or not."""

    row: int
    variant: int
    mirror: bool


class Drawn(NamedTuple):
    """One episode. The query is the first picture. ``classes`` together are the object; a pseudo-object has
    none, but a mask ``96 96`` per picture, not mirrored yet.
    """

    source: int
    pictures: tuple[DrawnPicture, ...]
    classes: tuple[int, ...]
    masks: tuple[NDArray[np.uint8], ...] = ()
    seed: int = 0


class Sampler:
    """Draws episodes.

    Args:
        sources: where from.
        recipe: how.
        seed: another seed, other episodes.
    """

    def __init__(self, sources: Sequence[Source], recipe: Recipe, seed: int = 0) -> None:
        self.sources, self.recipe, self.seed = list(sources), recipe, seed
        weights = np.array([source.weight for source in self.sources])
        self.chances = weights / weights.sum()

    def shots(self, step: int) -> int:
        """The k of a step, the same in all processes."""
        odds = np.array(self.recipe.odds or [1] * len(self.recipe.shots), np.float64)
        rng = np.random.default_rng([self.seed, 1, step])
        return int(rng.choice(self.recipe.shots, p=odds / odds.sum()))

    def draw(self, step: int, number: int, shots: int) -> Drawn:
        """Episode ``number`` of a step's.

        Raises:
            DataError: no episode was found in many tries.
        """
        rng = np.random.default_rng([self.seed, 2, step, number])
        for _ in range(TRIES):
            place = int(rng.choice(len(self.sources), p=self.chances))
            draw = self._pseudo if rng.random() < self.recipe.pseudo else self._classes
            drawn = draw(rng, place, shots)
            if drawn is not None:
                return drawn._replace(seed=int(rng.integers(1 << 62)))
        names = ", ".join(source.dataset.name for source in self.sources)
        raise DataError(
            f"No episode of {shots} supports was found in {names} in {TRIES} tries; lower support_pixels or "
            "shots in the recipe."
        )

    def episodes(self, step: int, first: int, count: int) -> list[Drawn]:
        """Episodes ``first`` … ``first + count - 1`` of a step, all of its shots."""
        shots = self.shots(step)
        return [self.draw(step, number, shots) for number in range(first, first + count)]

    def _classes(self, rng: np.random.Generator, place: int, shots: int) -> Drawn | None:
        """A class, sometimes two, or nothing where the supports show too little."""
        source, recipe = self.sources[place], self.recipe
        variant = int(rng.integers(len(source.shown)))
        names = list(source.shown[variant])
        target, rows = self._target(rng, source, variant, shots)
        if len(rows) <= shots:
            return None
        classes = {target}
        if rng.random() < recipe.unions:
            classes.add(names[rng.integers(len(names))])
        if rng.random() < recipe.absent:
            without = source.pictures[rng.integers(len(source.pictures))]
            if any(table[without, c] for table in source.counts for c in classes):
                return None
            rows[0] = without
        views = self._views(rng, rows, len(source.counts))
        pixels = [sum(source.counts[v.variant][v.row, c] for c in classes) for v in views[1:]]
        if min(pixels) < recipe.support_pixels:
            return None
        return Drawn(place, views, tuple(sorted(classes)))

    def _target(
        self, rng: np.random.Generator, source: Source, variant: int, shots: int
    ) -> tuple[int, NDArray[np.int64]]:
        """A class, and the query's and the supports' rows; fewer where it has too few pictures."""
        shown = source.shown[variant]
        if self.recipe.uniform == "classes":
            target = list(shown)[rng.integers(len(shown))]
            return target, rng.permutation(shown[target])[: shots + 1]
        query = rng.choice(source.showing[variant])
        there = [c for c, rows in shown.items() if query in rows]
        target = there[rng.integers(len(there))]
        others = shown[target][shown[target] != query]
        return target, np.array([query, *rng.permutation(others)[:shots]])

    def _pseudo(self, rng: np.random.Generator, place: int, shots: int) -> Drawn | None:
        """A colour, of several pictures or of one picture's variants; nothing where it does not show."""
        source = self.sources[place]
        rows = source.pictures[rng.integers(0, len(source.pictures), shots + 1)]
        if rng.random() < self.recipe.alone:
            rows[:] = rows[0]
        views = self._views(rng, rows, len(source.stores))
        masks = pseudo_masks(rng, [source.stores[view.variant].thumbs[view.row] for view in views])
        return None if masks is None else Drawn(place, views, (), masks)

    def _views(
        self, rng: np.random.Generator, rows: NDArray[np.int64], variants: int
    ) -> tuple[DrawnPicture, ...]:
        return tuple(
            DrawnPicture(int(row), int(rng.integers(variants)), bool(rng.random() < self.recipe.mirror))
            for row in rows
        )
