"""Another decision on the same probabilities: another threshold, an empty mask where the object is absent."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from asgnet.errors import UsageError
from asgnet.types import Prediction

Absent = Literal["mark", "empty"]
PRESENT = 0.5
"""From this presence on an object counts as being in the picture."""


def postprocess(
    prediction: Prediction, threshold: float | None = None, absent: Absent = "mark"
) -> Prediction:
    """The same prediction with its mask decided anew.

    Args:
        prediction: of one class or several.
        threshold: a pixel is object where its probability is greater; None keeps the Segmenter's decision.
            With several classes the most probable one wins among those above the threshold.
        absent: where the presence is below 0.5, ``"empty"`` empties the mask, ``"mark"`` leaves it (the
            presence tells). With several classes each one's own presence decides.

    Raises:
        UsageError: a threshold outside [0, 1], or an unknown ``absent``.
    """
    check_decision(threshold, absent)
    if threshold is None and absent == "mark":
        return prediction
    if prediction.by_class:
        return _each_class(prediction, threshold, absent)
    mask = prediction.mask if threshold is None else prediction.probability > threshold
    if absent == "empty" and prediction.presence < PRESENT:
        mask = np.zeros_like(mask)
    return replace(prediction, mask=mask)


def check_decision(threshold: float | None, absent: str) -> None:
    """UsageError where :func:`postprocess` would raise one."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"The threshold is a probability from 0 to 1, not {threshold}.")
    if absent not in ("mark", "empty"):
        raise UsageError(f"absent is 'mark' or 'empty', not {absent!r}.")


def _each_class(prediction: Prediction, threshold: float | None, absent: Absent) -> Prediction:
    cut = PRESENT if threshold is None else threshold
    ones = {name: postprocess(one, threshold, absent) for name, one in prediction.by_class.items()}
    counted = [one.probability * one.mask.any() for one in ones.values()]  # each h w
    stacked = np.stack(counted)
    mask = np.where(stacked.max(0) > cut, stacked.argmax(0) + 1, 0).astype(prediction.mask.dtype)
    return replace(prediction, mask=mask, by_class=ones)
