import numpy as np
import pytest

from asgnet.imaging.interior import Interior, depth_of, learn, lesson

SHAPE = (60, 90)


def stripes(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey bars with dark lines between them, the mask, which covers all, and the bars' numbers."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.integers(14, 22, 6))
    labels = np.tile(np.searchsorted(edges, np.arange(SHAPE[1])) + 1, (SHAPE[0], 1)).astype(np.int32)
    grey = rng.integers(140, 180, SHAPE).astype(np.uint8)
    grey[:, np.diff(labels[0], append=labels[0, -1]) > 0] = 30
    return grey, np.ones(SHAPE, bool), labels


def test_depths_count_from_the_border_and_not_from_the_frame():
    row = np.array([[0, 0, 1, 1, 1, 1, 1, 2, 2]])
    np.testing.assert_allclose(depth_of(row), [[0, 0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0.5, 1]], rtol=1e-6)
    assert (depth_of(np.ones((3, 4), np.int32)) == 1).all()
    assert not depth_of(np.zeros((3, 4), np.int32)).any()


def test_the_depth_of_an_unseen_picture_is_lowest_between_the_objects():
    lessons = [
        lesson(grey, mask, mask.astype(np.float32), labels, mask)
        for grey, mask, labels in map(stripes, range(3))
    ]
    everyone, *left_out = learn(lessons)
    assert len(left_out) == 3
    grey, mask, labels = stripes(9)
    for interior in (everyone, Interior.of(everyone.numbers), left_out[0]):
        found = interior(grey, mask, mask.astype(np.float32))
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
        assert np.corrcoef(found.ravel(), depth_of(labels).ravel())[0, 1] > 0.8
    assert not everyone(grey, mask & False, mask.astype(np.float32)).any()


@pytest.mark.parametrize("numbers", [(), (1.0,) * 7, (float("nan"),) * 341])
def test_numbers_that_are_no_interior(numbers):
    with pytest.raises(ValueError, match="no weights"):
        Interior.of(numbers)
