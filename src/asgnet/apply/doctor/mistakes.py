"""Masks that are inverted, moved or swapped, told by how the examples find each other.

Every example alone teaches the others' pictures. How well the probability it sees there correlates with the
mask painted there is their agreement, in [-1, 1]: an inverted mask turns its sign, a moved one agrees best a
few steps aside, swapped ones agree crosswise. The most convincing mistake is mended, the mended example
teaches again, and only if the examples agree clearly better then is it called a mistake. So an example that
was accused by a wrong one is cleared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asgnet.types import IGNORE, Mask

GRID = 96
"""Side of the grid that agreement is measured on, whatever the pictures' sizes."""

Field = NDArray[np.float32]
"""``GRID GRID``: log odds of the object in one picture, as another example sees it."""
Testify = Callable[[int, Mask], dict[int, Field]]
"""``(teacher, its mask)`` -> the field of each pupil."""

_REACH = 1 / 3
_STEP = 3
_MOVED = 0.08
_CROSSED = 0.25
_LEAST = 0.35
_BETTER = 0.12
_FRAME = 0.3
_TRIED = 4


@dataclass(frozen=True)
class Mistake:
    """What would explain an example.

    Attributes:
        kind: what seems to have happened to the mask.
        shift: of a moved one, how far it lies (down, right), as shares of the picture's height and width.
        partner: of a swapped one, whose mask fits here.
    """

    kind: Literal["inverted", "moved", "swapped"]
    shift: tuple[float, float] = (0.0, 0.0)
    partner: int | None = None


def find_mistakes(masks: Sequence[Mask], testify: Testify) -> dict[int, Mistake]:
    """Per wrong example its mistake.

    Args:
        masks: at least two, each at its picture's own size, {0, 1, 255}.
        testify: teaches with one example and looks at the others, see :data:`Testify`.
    """
    case = _Case(list(masks), testify)
    mistakes: dict[int, Mistake] = {}
    while len(mistakes) < max(1, len(masks) // 2):
        tried = [case.mended(change) for change in case.suspicions(mistakes)[:_TRIED]]
        convincing = [(better, change, new) for better, change, new in tried if better > _BETTER]
        if not convincing:
            break
        _, change, case = max(convincing, key=lambda c: c[0])
        mistakes |= change
    return mistakes


class _Case:
    """The examples with some masks mended: who agrees with whom."""

    def __init__(
        self, masks: list[Mask], testify: Testify, fields: dict[int, dict[int, Field]] | None = None
    ) -> None:
        self.masks, self.testify = masks, testify
        self.fields = {j: testify(j, m) for j, m in enumerate(masks)} if fields is None else fields
        self.painted = [on_small_grid(m == 1) for m in masks]
        self.counted = [on_small_grid(m != IGNORE) > 0.5 for m in masks]
        self.agreements = {
            (j, i): agreement(field, self.painted[i], self.counted[i])
            for j, seen in self.fields.items()
            for i, field in seen.items()
        }

    def worth(self, i: int) -> float:
        """How well an example agrees with the others, taught and teaching; a free frame speaks for it."""
        own = [a for pair, a in self.agreements.items() if i in pair]
        return float(np.mean(own)) + _FRAME * (1 - 2 * frame_share(self.masks[i]))

    def view(self, i: int, without: Sequence[int]) -> Field | None:
        """What the others together see in a picture."""
        seen = [f[i] for j, f in self.fields.items() if i in f and j not in without]
        return np.mean(seen, axis=0) if seen else None

    def suspicions(self, known: dict[int, Mistake]) -> list[dict[int, Mistake]]:
        """Changes worth trying, the most promising first."""
        ranked: list[tuple[float, dict[int, Mistake]]] = []
        free = [i for i in range(len(self.masks)) if i not in known]
        for i in free:
            own = [a for pair, a in self.agreements.items() if i in pair]
            ranked.append((-2 * float(np.mean(own)), {i: Mistake("inverted")}))
            seen = self.view(i, ())
            shift, gain = best_shift(seen, self.painted[i], self.counted[i])
            ranked.append((gain, {i: Mistake("moved", shift)}))
        for i, j in combinations(free, 2):
            if self.masks[i].shape == self.masks[j].shape:
                crossed = {i: Mistake("swapped", partner=j), j: Mistake("swapped", partner=i)}
                ranked.append((self._crossed(i, j), crossed))
        return [change for gain, change in sorted(ranked, key=lambda r: -r[0]) if gain > _MOVED]

    def _crossed(self, i: int, j: int) -> float:
        """By how much two examples agree better with each other's masks, as third ones see it; of two, ½."""
        views = [self.view(at, (i, j)) for at in (i, j)]
        if views[0] is None:  # nobody else to ask: worth a try where they do not agree at all
            known = self.agreements.get((i, j), 1.0) + self.agreements.get((j, i), 1.0)
            return 0.5 if known < 2 * _LEAST else 0.0
        gains = []
        for at, other, seen in ((i, j, views[0]), (j, i, views[1])):
            own, crossed = (agreement(seen, self.painted[m], self.counted[at]) for m in (at, other))
            gains.append(crossed - own if crossed > _LEAST else 0.0)
        return float(np.mean(gains)) if min(gains) > _CROSSED else 0.0

    def mended(self, change: dict[int, Mistake]) -> tuple[float, dict[int, Mistake], _Case]:
        """How much better the changed examples agree, the change, and the case with it."""
        masks = list(self.masks)
        for i, mistake in change.items():
            masks[i] = mend(self.masks, i, mistake)
        if not all((masks[i] == 1).any() for i in change):
            return 0.0, change, self
        fields = self.fields | {i: self.testify(i, masks[i]) for i in change}
        case = _Case(masks, self.testify, fields)
        own = [a for pair, a in case.agreements.items() if set(pair) & set(change)]
        better = float(np.mean([case.worth(i) - self.worth(i) for i in change]))
        return (better if np.mean(own) > _LEAST else 0.0), change, case


def mend(masks: Sequence[Mask], i: int, mistake: Mistake) -> Mask:
    """An example's mask as it would be without the mistake."""
    mask = masks[i]
    if mistake.partner is not None:
        return masks[mistake.partner]
    if mistake.kind == "inverted":
        return np.where(mask == IGNORE, IGNORE, 1 - mask.clip(max=1)).astype(np.uint8)
    down, right = (round(s * side) for s, side in zip(mistake.shift, mask.shape, strict=True))
    back = np.zeros_like(mask)
    h, w = mask.shape
    source = mask[max(down, 0) : h + min(down, 0), max(right, 0) : w + min(right, 0)]
    back[max(-down, 0) : h - max(down, 0), max(-right, 0) : w - max(right, 0)] = source
    return back


def agreement(field: Field, painted: Field, counted: NDArray[np.bool_]) -> float:
    """Correlation of what was seen with what was painted, in [-1, 1]; 0 where either is all the same."""
    seen, own = field[counted], painted[counted]
    if not len(own) or seen.std() < 1e-6 or own.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(seen, own)[0, 1])


def best_shift(field: Field, painted: Field, counted: NDArray[np.bool_]) -> tuple[tuple[float, float], float]:
    """Where the mask would agree best: how far it lies from there (down, right), and the agreement gained.

    Returns:
        The shift as shares of the sides, and the gain; 0 where none is convincing: too near, at the end of
        the reach, or without agreement there, too.
    """
    correlations = _correlations(field, painted, counted)  # 2r+1 2r+1
    reach = correlations.shape[0] // 2
    down, right = (int(n) - reach for n in np.unravel_index(correlations.argmax(), correlations.shape))
    best, here = float(correlations.max()), float(correlations[reach, reach])
    far = max(abs(down), abs(right))
    gain = best - max(here, -0.2) if _STEP <= far < reach and best > _LEAST else 0.0
    return (-down / GRID, -right / GRID), gain


def _correlations(field: Field, painted: Field, counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Agreement with the mask moved by every (down, right) within reach, ``2r+1 2r+1``."""
    side = len(field)
    size = [2 * side, 2 * side]
    weight = counted.astype(float)
    count = max(weight.sum(), 1)
    level = (field * weight).sum() / count
    centred = np.where(counted, field - level, 0.0)
    spread = max(float(np.sqrt((centred**2).sum() / count)), 1e-6)

    def with_mask(seen: NDArray, mask: NDArray) -> NDArray:
        moved = np.fft.irfft2(np.fft.rfft2(seen, size) * np.fft.rfft2(mask, size).conj(), size)
        return moved / count

    mean, square = with_mask(weight, painted), with_mask(weight, painted**2)
    own = np.sqrt(np.maximum(square - mean**2, 1e-9))
    correlation = with_mask(centred, painted) / (own * spread)
    correlation[mean < 0.6 * (painted * weight).sum() / count] = -1  # most of it would leave the picture
    steps = np.arange(-int(side * _REACH), int(side * _REACH) + 1)
    return correlation[np.ix_(steps % size[0], steps % size[1])]


def on_small_grid(values: NDArray) -> Field:
    """``h w`` values averaged on ``GRID GRID`` float32."""
    from PIL import Image

    image = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(image.resize((GRID, GRID), Image.Resampling.BOX))


def frame_share(mask: Mask) -> float:
    """Share of the picture's border that is painted."""
    frame = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float((frame == 1).mean())
