"""Episodes to look at, some at random, some the worst: supports, guide map, prediction, truth, errors."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.episodes import EpisodeList, WayEpisode
from asgnet.study.evaluation.evaluate import Answer, Shelf, ask
from asgnet.study.evaluation.predictor import Predictor
from asgnet.types import IGNORE, Picture

CELL = 160
GAP = 6
LINE = 18
PAPER, INK = (255, 255, 255), (40, 40, 40)
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
    """Ask the chosen episodes again and draw a line each.

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
    shelf = Shelf(dataset, 64 << 20)
    random, worst = choose(rows, number)
    strips = []
    # rows lie list after list, in the order they were asked
    places = [(one, episode) for one in lists for episode in one.episodes]
    for heading, chosen in (("drawn at random", random), ("the worst", worst)):
        strips.append(_heading(f"{heading}: right green, too much red, missed blue, void grey"))
        for i in chosen:
            one, episode = places[i]
            answer = ask(predictor, shelf, episode, one.classes, fit_options)
            targets = episode.targets if isinstance(episode, WayEpisode) else (episode.target,)
            names = ", ".join(one.classes[target] for target in targets)
            strips.append(_strip(answer, f"{names} · {episode.query} · IoU {rows[i]['iou']:.3f}"))
    width = max(strip.shape[1] for strip in strips)
    return np.vstack(
        [np.pad(s, ((0, 0), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips]
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
    image: Picture, labels: NDArray, colours: Sequence[Sequence[int]], strength: float = 0.55
) -> Picture:
    """The picture with label i's pixels moved towards ``colours[i - 1]``; 0 and labels beyond stay."""
    out = image.astype(np.float32)
    for value, colour in enumerate(colours, 1):
        there = labels == value
        out[there] = (1 - strength) * out[there] + strength * np.asarray(colour, np.float32)
    return out.astype(np.uint8)


def palette(number: int) -> list[tuple[int, int, int]]:
    """Colours that differ, golden-angle steps around the wheel."""
    hues = ((0.33 + i * 0.381966) % 1 for i in range(number))
    return [tuple(round(255 * v) for v in colorsys.hsv_to_rgb(hue, 0.75, 0.95)) for hue in hues]


def _strip(answer: Answer, caption: str) -> Picture:
    """One episode: its supports, then guide map, prediction, truth and errors on the query."""
    classes = palette(
        max(1, int(answer.found.max()), int(answer.truth[answer.truth != IGNORE].max(initial=1)))
    )
    guide = np.asarray(answer.prediction.guide) + 1
    shown = answer.supports[:MOST_SUPPORTS]
    more = len(answer.supports) - len(shown)
    cells = [(f"support {i}", tinted(image, labels, classes)) for i, (image, labels) in enumerate(shown, 1)]
    if more:
        cells[-1] = (f"{cells[-1][0]} (+{more})", cells[-1][1])
    cells += [
        ("guide map", tinted(answer.query, guide, palette(int(guide.max())), 0.7)),
        ("prediction", tinted(answer.query, answer.found, classes)),
        ("truth", tinted(answer.query, answer.truth, classes)),
        ("errors", tinted(answer.query, errors(answer.found, answer.truth), (RIGHT, TOO_MUCH, MISSED, VOID))),
    ]
    page = Image.new("RGB", ((CELL + GAP) * len(cells) + GAP, CELL + 2 * LINE + 2 * GAP), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    pen.text((GAP, GAP), caption, fill=INK, font=font)
    for i, (title, cell) in enumerate(cells):
        x, y = GAP + i * (CELL + GAP), GAP + LINE
        pen.text((x, y), title, fill=INK, font=font)
        small = Image.fromarray(cell)
        small.thumbnail((CELL, CELL))
        page.paste(small, (x, y + LINE))
    return np.asarray(page)


def _heading(text: str) -> Picture:
    font = ImageFont.load_default(16)
    page = Image.new("RGB", (round(font.getlength(text)) + 2 * GAP, 2 * LINE), PAPER)
    ImageDraw.Draw(page).text((GAP, GAP), text, fill=INK, font=font)
    return np.asarray(page)
