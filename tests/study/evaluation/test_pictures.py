"""Episodes to look at."""

import numpy as np
import pytest
from tests.study.evaluation.conftest import H, NearestColour, listed

from asgnet.study.evaluation.evaluate import evaluate
from asgnet.study.evaluation.pictures import choose, draw_grid, errors


def test_random_and_worst_episodes_are_chosen():
    rows = [{"iou": iou} for iou in (0.5, 0.1, 0.9, 0.1, 0.7, 0.3)]
    random, worst = choose(rows, 3)
    assert worst == [1, 3, 5]
    assert len(set(random)) == 3
    assert random == sorted(random)
    assert choose(rows, 3)[0] == random
    assert choose(rows, 99) == (list(range(6)), [1, 3, 5, 0, 4, 2])


def test_errors_are_told_apart():
    found = np.array([[1, 1, 0, 0, 2, 1]])
    truth = np.array([[1, 0, 1, 0, 1, 255]])
    assert errors(found, truth).tolist() == [[1, 2, 3, 0, 2, 4]]


@pytest.mark.parametrize("ways", [1, 2])
def test_the_grid_shows_every_chosen_episode(dataset, ways):
    lists = [listed(dataset, ways=ways, seed=seed, count=4) for seed in (0, 1)]
    asked = NearestColour(shift=3)
    report = evaluate(asked, dataset, lists)
    grid = draw_grid(asked, dataset, lists, report.episodes, 2)
    alone = draw_grid(asked, dataset, lists, report.episodes, 1)
    assert grid.dtype == np.uint8
    assert grid.shape[1] == alone.shape[1]
    strip = (grid.shape[0] - alone.shape[0]) // 2
    assert strip > H
    green, red, blue = (46, 160, 67), (214, 40, 57), (31, 111, 235)
    assert all(_near(grid, colour) > 20 for colour in (green, red, blue))


def _near(grid, colour):
    return int((np.abs(grid.astype(int) - colour).max(-1) < 110).sum())
