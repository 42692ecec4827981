"""Leave-one-out: every example is predicted from what the others teach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Model = TypeVar("Model")
Result = TypeVar("Result")


def cross_predict(
    count: int, fit: Callable[[Sequence[int]], Model], predict: Callable[[Model, int], Result], folds: int
) -> list[Result]:
    """Predict each example from a model that has not seen it.

    Args:
        count: number of examples, at least two; they are known by their numbers from 0.
        fit: makes a model of the examples of those numbers.
        predict: asks a model about the example of that number.
        folds: at most so many models are fitted, at least two; with fewer than ``count`` each leaves out
            several examples.

    Returns:
        A prediction for each example, in their order.
    """
    folds = min(count, folds)
    predictions: dict[int, Result] = {}
    for fold in range(folds):
        tested = range(fold, count, folds)
        model = fit([i for i in range(count) if i not in tested])
        predictions |= {i: predict(model, i) for i in tested}
    return [predictions[i] for i in range(count)]
