"""Masks that are inverted, moved or swapped, told by how the examples find each other.

Every example alone is asked about the others' pictures. How well its log odds there correlate with the mask
painted there tells: an inverted mask turns the sign, a moved one fits best a few steps aside, swapped ones fit
crosswise. The most convincing mistake is mended, the mended example is asked again, and only if the
correlations then are clearly better is it called a mistake. So an example that a wrong one made look wrong is
cleared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from asgnet.apply.doctor.checks import border_share
from asgnet.apply.doctor.correlation import LEAST, LogOdds, best_shift, correlation, on_small_grid
from asgnet.types import IGNORE, Mask

PredictOthers = Callable[[int, Mask], dict[int, LogOdds]]
"""``(number of an example, a mask for it)`` -> the log odds that it alone gives in each of the others."""

_GAIN = 0.08
"""Gain in correlation from which a change is worth trying."""
_CROSSED = 0.25
"""The same, of both masks, from which two may be swapped."""
_BETTER = 0.12
"""Gain in score, once tried, from which it is a mistake."""
_BORDER = 0.3
"""Score for a free border; a border that is all painted costs as much."""
_TRIED = 4
"""So many changes are tried at a time."""


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


def find_mistakes(masks: Sequence[Mask], predict_others: PredictOthers) -> dict[int, Mistake]:
    """Per wrong example its mistake.

    Args:
        masks: at least two, each at its picture's own size, {0, 1, 255}.
        predict_others: fits one example and predicts others, see :data:`PredictOthers`.
    """
    state = _State(list(masks), predict_others)
    mistakes: dict[int, Mistake] = {}
    while len(mistakes) < max(1, len(masks) // 2):
        tried = [state.mended(change) for change in state.candidates(mistakes)[:_TRIED]]
        convincing = [(better, change, new) for better, change, new in tried if better > _BETTER]
        if not convincing:
            break
        _, change, state = max(convincing, key=lambda c: c[0])
        mistakes |= change
    return mistakes


class _State:
    """The examples with some masks mended, and how well each predicts the others."""

    def __init__(
        self,
        masks: list[Mask],
        predict_others: PredictOthers,
        log_odds: dict[int, dict[int, LogOdds]] | None = None,
    ) -> None:
        self.masks, self.predict_others = masks, predict_others
        self.log_odds = log_odds or {j: predict_others(j, mask) for j, mask in enumerate(masks)}
        self.painted = [on_small_grid(m == 1) for m in masks]
        self.counted = [on_small_grid(m != IGNORE) > 0.5 for m in masks]
        self.correlations = {
            (j, i): correlation(seen, self.painted[i], self.counted[i])
            for j, others in self.log_odds.items()
            for i, seen in others.items()
        }

    def mean_correlation(self, *examples: int) -> float:
        """Of the pairs with one of these examples, as support or as query."""
        return float(np.mean([c for pair, c in self.correlations.items() if set(pair) & set(examples)]))

    def score(self, i: int) -> float:
        """How well an example fits the others; a free border speaks for it."""
        return self.mean_correlation(i) + _BORDER * (1 - 2 * border_share(self.masks[i]))

    def seen_by_others(self, i: int, without: Sequence[int]) -> LogOdds | None:
        """Mean log odds of the others in a picture."""
        seen = [others[i] for j, others in self.log_odds.items() if i in others and j not in without]
        return np.mean(seen, axis=0) if seen else None

    def candidates(self, known: dict[int, Mistake]) -> list[dict[int, Mistake]]:
        """Changes worth trying, the most promising first."""
        ranked: list[tuple[float, dict[int, Mistake]]] = []
        free = [i for i in range(len(self.masks)) if i not in known]
        for i in free:
            ranked.append((-2 * self.mean_correlation(i), {i: Mistake("inverted")}))
            seen = self.seen_by_others(i, ())
            if seen is not None:
                shift, gain = best_shift(seen, self.painted[i], self.counted[i])
                ranked.append((gain, {i: Mistake("moved", shift)}))
        for i, j in combinations(free, 2):
            if self.masks[i].shape == self.masks[j].shape:
                swap = {i: Mistake("swapped", partner=j), j: Mistake("swapped", partner=i)}
                ranked.append((self._gain_crossed(i, j), swap))
        return [change for gain, change in sorted(ranked, key=lambda r: -r[0]) if gain > _GAIN]

    def _gain_crossed(self, i: int, j: int) -> float:
        """By how much each other's masks fit two examples better, as third ones see it; of only two, ½."""
        gains = []
        for at, other in ((i, j), (j, i)):
            seen = self.seen_by_others(at, (i, j))
            if seen is None:  # nobody else to ask: worth a try where they do not fit at all
                known = self.correlations.get((i, j), 1.0) + self.correlations.get((j, i), 1.0)
                return 0.5 if known < 2 * LEAST else 0.0
            own, crossed = (correlation(seen, self.painted[m], self.counted[at]) for m in (at, other))
            gains.append(crossed - own if crossed > LEAST else 0.0)
        return float(np.mean(gains)) if min(gains) > _CROSSED else 0.0

    def mended(self, change: dict[int, Mistake]) -> tuple[float, dict[int, Mistake], _State]:
        """By how much the changed examples' score is better, the change, and the state with it."""
        masks = list(self.masks)
        for i, mistake in change.items():
            masks[i] = mend(self.masks, i, mistake)
        if not all((masks[i] == 1).any() for i in change):
            return 0.0, change, self
        log_odds = self.log_odds | {i: self.predict_others(i, masks[i]) for i in change}
        state = _State(masks, self.predict_others, log_odds)
        better = float(np.mean([state.score(i) - self.score(i) for i in change]))
        return (better if state.mean_correlation(*change) > LEAST else 0.0), change, state


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
