"""Episodes to look at, some at random, some the worst: supports, guide map, prediction, truth, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.episodes import EpisodeList
from asgnet.imaging.colours import colours
from asgnet.imaging.drawing import tint
from asgnet.imaging.sheet import mosaic, panel, rows_of
from asgnet.study.evaluation.episode import PairCache, Result, run_episode
from asgnet.study.evaluation.predictor import Predictor
from asgnet.types import IGNORE, Picture

CELL, GAP = 160, 12
RIGHT, TOO_MUCH, MISSED, VOID = (46, 160, 67), (214, 40, 57), (31, 111, 235), (128, 128, 128)
MOST_SUPPORTS = 5


def choose(rows: Sequence[Mapping[str, Any]], number: int) -> tuple[list[int], list[int]]:
    """Which episodes to draw: ``number`` at random (always the same) and the ``number`` of lowest IoU.

    Args:
        rows: ``Report.episodes``.
        number: of each kind, at most.

    Returns:
        Positions in ``rows``: random ones in order, then the worst, worst first.
    """
    worst = sorted(range(len(rows)), key=lambda i: (rows[i]["iou"], i))[:number]
    shuffled = np.random.Generator(np.random.PCG64(0)).permutation(len(rows))
    return sorted(int(i) for i in shuffled[:number]), worst


def draw_grid(
    predictor: Predictor,
    dataset: Dataset,
    lists: Sequence[EpisodeList],
    rows: Sequence[Mapping[str, Any]],
    number: int,
    *,
    fit_options: Mapping[str, Any] | None = None,
) -> Picture:
    """Run the chosen episodes again and draw a line each.

    Args:
        predictor: what was evaluated (``evaluate.as_predictor`` of it).
        dataset: where the lists were drawn from.
        lists: the lists that were evaluated.
        rows: ``Report.episodes`` of that evaluation.
        number: random episodes and worst episodes, so many each.
        fit_options: those of the evaluation.

    Returns:
        ``h w 3`` uint8.
    """
    pairs = PairCache(dataset, 64 << 20)
    random, worst = choose(rows, number)
    # rows lie list after list, in the order they were run
    places = [(one, episode) for one in lists for episode in one.episodes]
    sheets = []
    for heading, chosen in (("drawn at random", random), ("the worst", worst)):
        strips = []
        for i in chosen:
            one, episode = places[i]
            result = run_episode(predictor, pairs, episode, one.classes, fit_options)
            names = ", ".join(one.classes[target] for target in episode.targets)
            strips.append(_strip(result, f"{names} · {episode.query} · IoU {rows[i]['iou']:.3f}"))
        sheets.append(rows_of(strips, f"{heading}: right green, too much red, missed blue, void grey", GAP))
    width = max(sheet.shape[1] for sheet in sheets)
    return np.vstack(
        [np.pad(s, ((0, 0), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in sheets]
    )


def errors(found: NDArray, truth: NDArray) -> NDArray[np.uint8]:
    """Where a prediction is right (1), too much or of another class (2), missed (3), void (4), else 0.

    Args:
        found: ``h w`` in 0 … N.
        truth: ``h w`` in 0 … N, 255.
    """
    kind = np.zeros(found.shape, np.uint8)
    kind[(found == truth) & (truth > 0)] = 1
    kind[(found != truth) & (found > 0)] = 2
    kind[(found == 0) & (truth > 0)] = 3
    kind[truth == IGNORE] = 4
    return kind


def tinted(
    image: Picture, labels: NDArray, table: Sequence[Sequence[int]], strength: float = 0.55
) -> Picture:
    """The picture with label i's pixels moved towards ``table[i - 1]``; 0 and labels beyond stay."""
    for value, colour in enumerate(table, 1):
        image = tint(image, labels == value, colour, strength)
    return image


def _strip(result: Result, caption: str) -> list[Picture]:
    """One episode: its supports, then guide map, prediction, truth and errors on the query."""
    classes = colours(len(result.prediction.classes)).tolist()
    guide = np.asarray(result.prediction.guide) + 1
    shown = result.supports[:MOST_SUPPORTS]
    more = len(result.supports) - len(shown)
    cells = [(f"support {i}", tinted(image, labels, classes)) for i, (image, labels) in enumerate(shown, 1)]
    if more:
        cells[-1] = (f"{cells[-1][0]} (+{more})", cells[-1][1])
    kinds = errors(result.found, result.truth)
    cells += [
        ("guide map", tinted(result.query, guide, colours(int(guide.max())).tolist(), 0.7)),
        ("prediction", tinted(result.query, result.found, classes)),
        ("truth", tinted(result.query, result.truth, classes)),
        ("errors", tinted(result.query, kinds, (RIGHT, TOO_MUCH, MISSED, VOID))),
    ]
    captions = [caption, *[""] * (len(cells) - 1)]
    return [
        panel(mosaic([cell], CELL, CELL), title, below)
        for (title, cell), below in zip(cells, captions, strict=True)
    ]
