"""Which picture of a pile to paint next.

A picture that many others resemble teaches most: every suggestion is the one that stands for as much of the
pile as possible beyond what the suggestions before it stand for (facility location), counting pictures by how
likely the object is in them. The IoU to expect of a picture's mask is told, but does not decide: with a
handful of examples it favours odd pictures. ``benchmarks/accuracy/suggest.py`` compares the ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.fitting.examples import picture_hash
from asgnet.apply.inference.preprocess import encode
from asgnet.data.read import read_picture
from asgnet.errors import PictureError
from asgnet.model.default.support import unit

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Picture

LEVELS = (3, 4)
"""Backbone levels whose mean features tell whether pictures resemble each other."""
_SAME = 0.999
"""Cosine of two pictures' features from which they are the same picture."""


@dataclass(frozen=True)
class Suggestion:
    """A picture worth painting.

    Attributes:
        picture: as given.
        rank: 1 for the first to paint.
        coverage: share of the pile that this one and those before it stand for, in [0, 1].
        stands_for: how many pictures of the pile resemble this one most.
        presence: how likely the object is in it, in [0, 1].
        expected_iou: of its mask, in [0, 1], see :func:`expected_iou`.
    """

    picture: str
    rank: int
    coverage: float
    stands_for: int
    presence: float
    expected_iou: float

    @property
    def words(self) -> str:
        """The reasons in one line."""
        like = "no other picture" if self.stands_for == 1 else f"{self.stands_for} pictures of the pile"
        sure = self.expected_iou
        mask = "looks clear" if sure > 0.85 else "is a little unsure" if sure > 0.65 else "is uncertain"
        return (
            f"{self.rank}. {self.picture}: stands for {like}; the object is there with "
            f"{self.presence:.0%}, its mask {mask}"
        )

    @property
    def record(self) -> dict[str, Any]:
        """As plain values for ``json.dumps``."""
        return asdict(self)


@dataclass(frozen=True)
class Suggestions:
    """The best pictures first, and those that could not be read."""

    best: tuple[Suggestion, ...]
    failed: tuple[str, ...] = ()


class _Candidate(NamedTuple):
    """A picture of the pile: its features ``c``, what was found in it, and whether it is new."""

    name: str
    features: NDArray[np.float32]
    presence: float
    expected_iou: float
    new: bool


def suggest(
    segmenter: Segmenter,
    pictures: Iterable[str | Path],
    count: int = 5,
    on_picture: Callable[[], None] | None = None,
) -> Suggestions:
    """Choose which pictures to paint next.

    Args:
        segmenter: fitted on the examples there are.
        pictures: files without masks; each is read once and then only its features are kept.
        count: at most so many suggestions.
        on_picture: told of every picture as it is done.

    Returns:
        Suggestions, the most useful first; none of a picture that the examples show already.

    Raises:
        UsageError: the segmenter is not fitted.
    """
    twin = segmenter.with_feature_cache(most=1)  # the prediction and the features encode a picture once
    examples = set(segmenter.concept.supports) if segmenter.concept is not None else set()
    pile: list[_Candidate] = []
    failed = []
    for path in pictures:
        try:
            pile.append(_candidate(twin, path, examples))
        except PictureError as error:
            failed.append(str(error))
        if on_picture is not None:
            on_picture()
    best = _best(pile, [mean_features(segmenter, s.image) for s in segmenter.supports], count) if pile else ()
    return Suggestions(best, tuple(failed))


def _candidate(segmenter: Segmenter, path: str | Path, examples: set[str]) -> _Candidate:
    concept = segmenter.concept
    picture = read_picture(path, rendering=None if concept is None else concept.rendering)
    found = segmenter.predict(picture)
    features, new = mean_features(segmenter, picture), picture_hash(picture) not in examples
    return _Candidate(str(path), features, found.presence, expected_iou(found.probability), new)


def _best(pile: list[_Candidate], painted: list[NDArray[np.float32]], count: int) -> tuple[Suggestion, ...]:
    features = np.stack([one.features for one in pile])
    new = np.array([one.new for one in pile])
    if painted:
        new &= (features @ np.stack(painted).T).max(1) < _SAME
    chosen, covered, nearest = spread(features, np.array([one.presence for one in pile]), count, new)
    return tuple(
        Suggestion(
            pile[i].name,
            rank + 1,
            covered[rank],
            int((nearest == rank).sum()),
            pile[i].presence,
            pile[i].expected_iou,
        )
        for rank, i in enumerate(chosen)
    )


def spread(
    pile: NDArray[np.float32], weights: NDArray[np.floating], count: int, allowed: NDArray[np.bool_]
) -> tuple[list[int], list[float], NDArray[np.intp]]:
    """Pictures that stand for the pile, chosen one after the other.

    Args:
        pile: ``n c`` unit vectors.
        weights: ``n`` in [0, 1], how much each picture counts, and how much it can teach.
        count: at most so many are chosen.
        allowed: ``n``, which may be chosen.

    Returns:
        Their indices; the covered share of the pile after each; and per picture of the pile which choice is
        most like it.
    """
    similarity = pile @ pile.T  # n n
    least = similarity.min()
    similarity = (similarity - least) / max(float(similarity.max() - least), 1e-9)  # from 0 to 1
    weights = np.maximum(weights, 1e-3)
    covered = np.zeros(len(pile))
    chosen: list[int] = []
    shares: list[float] = []
    free = allowed.copy()
    while len(chosen) < count and free.any():
        gains = (np.maximum(similarity, covered[:, None]) - covered[:, None]).T @ weights * weights
        best = int(np.where(free, gains, -1).argmax())
        chosen.append(best)
        free[best] = False
        covered = np.maximum(covered, similarity[:, best])
        shares.append(float(covered @ weights / weights.sum()))
    nearest = similarity[:, chosen].argmax(1) if chosen else np.zeros(len(pile), np.intp)
    return chosen, shares, nearest


def mean_features(segmenter: Segmenter, picture: Picture) -> NDArray[np.float32]:
    """A unit vector ``c`` of what is in a picture: mean features of :data:`LEVELS`."""
    maps = encode(segmenter.backend, picture).maps
    pixels = [unit(maps[i][0].reshape(maps[i].shape[1], -1).T) for i in LEVELS]  # p c
    return unit(np.concatenate([unit(level.mean(0)) for level in pixels]))


def expected_iou(probability: NDArray[np.floating]) -> float:
    """The IoU to expect if the probabilities are right, in [0, 1]; 1 where nothing is found."""
    found = probability > 0.5
    if not found.any():
        return 1.0
    right = float(probability[found].sum())
    return right / (float(found.sum()) + float(probability[~found].sum()))
