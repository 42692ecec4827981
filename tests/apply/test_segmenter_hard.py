"""Examples that are hardly any: the Segmenter answers with finite numbers all the same."""

import numpy as np
import pytest


def _hard(h=60, w=80, **fill):
    picture = np.random.default_rng(3).integers(0, 256, (h, w, 3)).astype(np.uint8)
    mask = np.zeros((h, w), np.uint8)
    mask[h // 3 : h // 2, w // 3 : w // 2] = 1
    for name, value in fill.items():
        {"picture": picture, "mask": mask}[name][:] = value
    return picture, mask


def _dot():
    picture, mask = _hard(1000, 1000, mask=0)
    mask[501, 3] = 1
    return picture, mask


def _all_else_ignored():
    picture, mask = _hard(mask=255)
    mask[7, 7] = 1
    return picture, mask


def _line():
    picture, mask = _hard(500, 600, mask=0)
    mask[100] = 1
    return picture, mask


@pytest.mark.filterwarnings("ignore::asgnet.errors.AsgnetWarning")
@pytest.mark.parametrize(
    "make",
    [
        _dot,
        _line,
        _all_else_ignored,
        lambda: _hard(mask=1),
        lambda: _hard(picture=77),
        lambda: _hard(picture=255),
        lambda: _hard(picture=0),
        lambda: _hard(picture=0, mask=1),
    ],
    ids=["dot", "line", "ignored", "full", "constant", "white", "black", "black and full"],
)
@pytest.mark.parametrize("shots", [1, 2])
def test_hard_examples_give_finite_answers(loaded, make, shots, paint):
    more = paint()
    picture, mask = make()
    loaded.fit([picture, more[0]][:shots], [mask, more[1]][:shots])
    assert all(np.isfinite(t).all() for t in loaded.concept.tensors.values())
    for query in (picture, more[0]):
        found = loaded.predict(query)
        assert found.mask.shape == query.shape[:2]
        assert 0 <= found.probability.min() <= found.probability.max() <= 1
        assert 0 <= found.presence <= 1
    np.testing.assert_array_equal(loaded.superpixels()[0] >= 0, mask == 1)
