import pytest

from asgnet.apply.doctor import quality


@pytest.fixture(autouse=True)
def line(monkeypatch):
    monkeypatch.setattr(quality, "_CALIBRATED", {1: (0.2, 0.5, -0.3, 0.2), 3: (0.0, 1.0, -0.1, 0.1)})


def test_the_line_and_its_range():
    told = quality.expected([0.7, 0.8, 0.9])
    assert (told.iou, told.low, told.high) == pytest.approx((0.8, 0.7, 0.9))
    alone = quality.expected([0.8])
    assert (alone.iou, alone.low, alone.high) == pytest.approx((0.6, 0.3, 0.8))


def test_between_and_beyond_calibrated_numbers_of_examples():
    assert quality.expected([0.6, 0.6]).iou == pytest.approx(0.1 + 0.75 * 0.6)
    assert quality.expected([0.6] * 40) == quality.expected([0.6] * 3)


def test_it_stays_an_iou():
    assert quality.expected([1.0] * 3).high == 1
    assert quality.expected([0.0] * 3).low == 0
    assert "about 0.45 (three times in four between 0.15 and 0.65)" in quality.expected([0.5]).words


def test_with_the_measured_lines_better_examples_promise_more(monkeypatch):
    monkeypatch.undo()
    for count in (1, 2, 3, 5, 9):
        poor, good = quality.expected([0.3] * count), quality.expected([0.9] * count)
        assert 0 <= poor.low < poor.iou < good.iou < good.high <= 1
    ranges = [quality.expected([0.7] * count) for count in (1, 2)]
    alone, two = (r.high - r.low for r in ranges)
    assert alone > 2 * two  # one example foretells little
