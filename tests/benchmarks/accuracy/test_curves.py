"""Curves are read from what training wrote."""

import json

import numpy as np
from benchmarks.accuracy.curves import read, smoothed


def test_a_running_mean():
    np.testing.assert_allclose(smoothed([4, 2, 0, 2], 2), [4, 3, 1, 1])
    np.testing.assert_allclose(smoothed([4, 2], 9), [4, 3])


def test_steps_and_validations_are_told_apart(tmp_path):
    rows = [
        {"step": 1, "loss": 2.0, "iou": 0.1},
        {"step": 1, "base_iou": 0.3},
        {"step": 2, "loss": 1.0, "iou": 0.2},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read(tmp_path)
    assert found == {"loss": ([1, 2], [2.0, 1.0]), "iou": ([1, 2], [0.1, 0.2]), "base_iou": ([1], [0.3])}
