import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label, regionprops

from asgnet.imaging.pieces import Pieces, StripLabels


def table_of(classes, values, cuts, least=0):
    pieces = Pieces()
    for first, last in zip([0, *cuts], [*cuts, len(classes)], strict=True):
        pieces.add(classes[first:last], values[first:last])
    return pieces.table(least)


def test_a_ring_that_closes_below_is_one_piece():
    ring = np.array([[0, 1, 1, 1, 0], [0, 1, 0, 1, 2], [0, 1, 1, 1, 2], [3, 0, 0, 0, 0]], np.uint8)
    values = np.arange(20).reshape(4, 5)
    found = table_of(ring, values, [1, 2, 3])
    assert found.classes.tolist() == [1, 2, 3]
    assert found.areas.tolist() == [8, 2, 1]
    assert found.boxes.tolist() == [[0, 1, 3, 4], [1, 4, 3, 5], [3, 0, 4, 1]]
    assert found.centres.tolist() == [[1, 2], [1.5, 4], [3, 0]]
    assert found.scores.tolist() == [7, 11.5, 15]


def test_small_ones_are_left_out_and_the_others_count_on():
    row = np.array([[1, 0, 1, 1, 0, 1, 1, 1]], np.uint8)
    found = table_of(row, np.ones(row.shape), [], least=2)
    assert found.areas.tolist() == [3, 2]
    assert found.numbers[StripLabels().label(row)].tolist() == [[0, 0, 2, 2, 0, 1, 1, 1]]


def test_nothing_is_no_piece():
    found = table_of(np.zeros((5, 4), np.uint8), np.ones((5, 4)), [2])
    assert len(found.areas) == 0
    assert found.numbers.tolist() == [0]


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 25), st.integers(1, 25)), elements=st.integers(0, 2)),
    st.lists(st.integers(1, 24), unique=True).map(sorted),
)
def test_strips_give_what_skimage_finds_in_the_whole(classes, cuts):
    cuts = [cut for cut in cuts if cut < len(classes)]
    values = np.arange(classes.size, dtype=np.uint16).reshape(classes.shape)
    found = table_of(classes, values, cuts)
    labels = label(classes, background=0, connectivity=1)
    true = regionprops(labels, values)
    place = {tuple(one.coords[0]): one for one in true}
    order = sorted(true, key=lambda one: (classes[tuple(one.coords[0])], -one.area, *one.coords[0]))
    assert len(place) == len(found.areas)
    assert found.areas.tolist() == [one.area for one in order]
    assert found.boxes.tolist() == [list(one.bbox) for one in order]
    np.testing.assert_allclose(
        found.centres.reshape(-1, 2), np.reshape([one.centroid for one in order], (-1, 2))
    )
    np.testing.assert_allclose(found.scores, [one.intensity_mean for one in order])
    passing, numbered = StripLabels(), []
    for first, last in zip([0, *cuts], [*cuts, len(classes)], strict=True):
        numbered.append(found.numbers[passing.label(classes[first:last])])
    numbers = np.concatenate(numbered)
    for number, one in enumerate(order, 1):
        assert (numbers[labels == one.label] == number).all()
    assert not numbers[labels == 0].any()
