"""Which picture of a pile to paint next.

A picture that many others resemble teaches most: every suggestion is the one that stands for as much of the
pile as possible beyond what the suggestions before it stand for (facility location), counting pictures by how
likely the object is in them. How unsure the model is about a picture is told, but does not decide: with a
handful of examples it favours odd pictures. ``benchmarks/accuracy/suggest.py`` compares the ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from asgnet.apply.fitting.learn import picture_hash
from asgnet.data.read import read_picture
from asgnet.errors import PictureError

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Picture

LEVELS = (3, 4)
"""Backbone levels whose mean features tell whether pictures resemble each other."""
_SAME = 0.999


@dataclass(frozen=True)
class Suggestion:
    """A picture worth painting.

    Attributes:
        picture: as given.
        rank: 1 for the first to paint.
        coverage: share of the pile that this one and those before it stand for, in [0, 1].
        stands_for: how many pictures of the pile resemble this one most.
        presence: how likely the object is in it, in [0, 1].
        doubt: how unsure the mask is, in [0, 1]: one minus the IoU expected from the probabilities.
    """

    picture: str
    rank: int
    coverage: float
    stands_for: int
    presence: float
    doubt: float

    @property
    def words(self) -> str:
        """The reasons in one line."""
        like = "no other picture" if self.stands_for == 1 else f"{self.stands_for} pictures of the pile"
        return (
            f"{self.rank}. {self.picture}: stands for {like}; the object is there with "
            f"{self.presence:.0%}, its mask {_doubtful(self.doubt)}"
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
        Suggestions, the most useful first; pictures that the examples show already are left out.

    Raises:
        UsageError: the segmenter is not fitted.
    """
    from asgnet.apply.engines.feature_cache import remembering

    twin = remembering(segmenter, most=1)  # the prediction and the description look at a picture once
    known = set(segmenter.concept.supports) if segmenter.concept is not None else set()
    names, features, presences, doubts, new, failed = [], [], [], [], [], []
    for path in pictures:
        try:
            picture = read_picture(path)
        except PictureError as error:
            failed.append(str(error))
        else:
            prediction = twin.predict(picture)
            names.append(str(path))
            features.append(described(twin, picture))
            presences.append(prediction.presence)
            doubts.append(doubt(prediction.probability))
            new.append(picture_hash(picture) not in known)
        if on_picture is not None:
            on_picture()
    if not names:
        return Suggestions((), tuple(failed))
    pile = np.stack(features)
    painted = np.stack(
        [described(segmenter, s.image) for s in segmenter.supports] or [np.zeros_like(pile[0])]
    )
    fresh = (pile @ painted.T).max(1) < _SAME
    chosen, covered, nearest = spread(pile, np.array(presences), count, fresh & np.array(new))
    best = [
        Suggestion(names[i], rank + 1, covered[rank], int((nearest == rank).sum()), presences[i], doubts[i])
        for rank, i in enumerate(chosen)
    ]
    return Suggestions(tuple(best), tuple(failed))


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
    alike = pile @ pile.T  # n n
    least = alike.min()
    alike = (alike - least) / max(float(alike.max() - least), 1e-9)  # 0 the least alike, 1 the same
    weights = np.maximum(weights, 1e-3)
    covered, chosen, shares = np.zeros(len(pile)), [], []
    free = allowed.copy()
    while len(chosen) < count and free.any():
        gains = (np.maximum(alike, covered[:, None]) - covered[:, None]).T @ weights * weights
        best = int(np.where(free, gains, -1).argmax())
        chosen.append(best)
        free[best] = False
        covered = np.maximum(covered, alike[:, best])
        shares.append(float(covered @ weights / weights.sum()))
    nearest = alike[:, chosen].argmax(1) if chosen else np.zeros(len(pile), np.intp)
    return chosen, shares, nearest


def described(segmenter: Segmenter, picture: Picture) -> NDArray[np.float32]:
    """A unit vector ``c`` of what is in a picture: mean features of :data:`LEVELS`."""
    with torch.inference_mode():
        maps = segmenter.look(picture).maps
        means = [F.normalize(F.normalize(maps[i], dim=1).mean((2, 3)), dim=1) for i in LEVELS]
        return F.normalize(torch.cat(means, 1), dim=1)[0].cpu().numpy()


def doubt(probability: NDArray[np.floating]) -> float:
    """One minus the IoU to expect if the probabilities are right, in [0, 1]; 0 where nothing is found."""
    found = probability > 0.5
    if not found.any():
        return 0.0
    right = float(probability[found].sum())
    return 1 - right / (float(found.sum()) + float(probability[~found].sum()))


def _doubtful(value: float) -> str:
    return "looks clear" if value < 0.15 else "is a little unsure" if value < 0.35 else "is doubtful"
