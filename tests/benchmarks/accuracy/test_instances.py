import json

import numpy as np
from benchmarks.accuracy.instances import EPISODES, counted, report


def test_counting_and_its_table():
    true = np.array([[5, 5, 0, 9, 9]])
    assert counted(np.array([[1, 1, 0, 0, 4]]), true) == (1, 2, 2)
    assert counted(true * 0, true) == (0, 0, 2)
    told = report({"a way": [(1, 2, 2), (2, 3, 2)]})
    assert "| a way | 0.500 | 0.667 | 25% |" in told


def test_the_episodes_are_frozen_and_share_no_picture():
    episodes = json.loads(EPISODES.read_text())
    assert len(episodes) == 16
    for one in episodes:
        assert len({*one["supports"], *one["queries"]}) == 9
