import numpy as np
import pytest
from PIL import Image

from asgnet.apply.doctor.suggest import Suggestion, expected_iou, spread, suggest
from asgnet.errors import UsageError


def unit(*rows):
    rows = np.array(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


PILE = unit((1, 0.0), (1, 0.1), (1, -0.1), (0.0, 1), (0.1, 1))


def test_the_first_stands_for_the_larger_group_and_the_second_for_the_other():
    chosen, covered, nearest = spread(PILE, np.ones(5), 2, np.ones(5, bool))
    assert chosen[0] in (0, 1, 2)
    assert chosen[1] in (3, 4)
    assert nearest.tolist() == [0, 0, 0, 1, 1]
    assert covered[0] < covered[1] <= 1


def test_pictures_without_the_object_are_not_worth_painting():
    chosen, _, _ = spread(PILE, np.array([0.02, 0.02, 0.02, 0.9, 0.9]), 1, np.ones(5, bool))
    assert chosen[0] in (3, 4)


def test_only_allowed_ones_are_chosen_and_never_twice():
    allowed = np.array([False, True, False, True, False])
    assert sorted(spread(PILE, np.ones(5), 9, allowed)[0]) == [1, 3]
    assert spread(PILE, np.ones(5), 3, np.zeros(5, bool))[0] == []


def test_a_pile_of_one_and_of_equals():
    assert spread(PILE[:1], np.ones(1), 3, np.ones(1, bool))[0] == [0]
    assert sorted(spread(PILE[[0, 0, 0]], np.zeros(3), 3, np.ones(3, bool))[0]) == [0, 1, 2]


def test_the_iou_to_expect():
    assert expected_iou(np.array([1.0, 1.0, 0.0])) == 1
    assert expected_iou(np.array([0.8, 0.8, 0.4])) == pytest.approx(1.6 / 2.4)
    assert expected_iou(np.array([0.4, 0.1])) == 1


def test_words_tell_the_reasons():
    words = Suggestion("a.jpg", 1, 0.5, 4, 0.93, 0.8).words
    assert words.startswith("1. a.jpg: stands for 4 pictures")
    assert "93%" in words
    assert "a little unsure" in words
    assert Suggestion("a.jpg", 1, 0.5, 4, 0.93, 0.75).record["expected_iou"] == 0.75


@pytest.fixture
def pile(tmp_path, coins):
    """Six crops of the coins and one file that is no picture."""
    paths = []
    for i, at in enumerate((0, 20, 40, 60, 80, 100)):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(coins.query[at : at + 120, :150]).save(paths[-1])
    paths.append(tmp_path / "broken.png")
    paths[-1].write_bytes(b"no picture")
    return paths


def test_the_trained_network_suggests_readable_pictures_that_are_new(net, coins, pile):
    from asgnet.apply.segmenter import Segmenter

    segmenter = Segmenter(net)
    with pytest.raises(UsageError):
        suggest(segmenter, pile)
    shown = np.asarray(Image.open(pile[2]))
    segmenter.fit([coins.support.image, shown], [coins.support.mask, shown[..., 0] > 120])
    told = []
    found = suggest(segmenter, pile, count=3, on_picture=lambda: told.append(1))
    assert len(told) == len(pile)
    assert [s.rank for s in found.best] == [1, 2, 3]
    assert str(pile[2]) not in [s.picture for s in found.best]
    assert len(found.failed) == 1
    assert "broken.png" in found.failed[0]
    assert sum(s.stands_for for s in found.best) == 6
    assert found.best[0].record["picture"] == found.best[0].picture


def test_a_concept_knows_its_own_examples_again(net, coins, pile):
    from asgnet.apply.segmenter import Segmenter

    shown = np.asarray(Image.open(pile[2]))
    concept = Segmenter(net).fit(shown, shown[..., 0] > 120, adapt=False).concept
    segmenter = Segmenter(net)
    segmenter.concept = concept
    assert str(pile[2]) not in [s.picture for s in suggest(segmenter, pile, count=6).best]
    assert suggest(segmenter, pile[2:3]).best == ()
