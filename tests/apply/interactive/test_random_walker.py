import numpy as np

from asgnet.apply.interactive.random_walker import SIDE, follow_edges


def test_a_rough_prediction_finds_the_edge_in_the_picture():
    picture = np.full((SIDE, SIDE, 3), 40, np.uint8)
    picture[:, 50:] = 220  # the object begins at column 50
    rough = np.full((SIDE, SIDE), -6, np.float32)
    rough[:, 40:60] = 0  # what lies around the edge is not known
    rough[:, 60:] = 6
    found = follow_edges(picture, rough) > 0
    assert not found[:, :50].any()
    assert found[:, 50:].all()


def test_without_edges_a_sure_prediction_stays():
    logits = np.linspace(-6, 6, 32, dtype=np.float32)[None].repeat(32, 0)
    found = follow_edges(np.full((30, 50, 3), 99, np.uint8), logits)
    assert found.shape == (SIDE, SIDE)
    assert np.isfinite(found).all()
    assert (found[:, :40] < 0).all()
    assert (found[:, -40:] > 0).all()


def test_where_nothing_is_sure_nothing_changes():
    picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    for sure in (np.zeros((SIDE, SIDE), np.float32), np.full((SIDE, SIDE), 9, np.float32)):
        np.testing.assert_array_equal(follow_edges(picture, sure), sure)
