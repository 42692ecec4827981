from dataclasses import replace

import numpy as np
import pytest
from skimage.draw import disk
from skimage.measure import label
from skimage.segmentation import find_boundaries

from asgnet import Concept
from asgnet.apply.concept.scale import USUAL as USUAL_SCALE
from asgnet.apply.examples.samples import coins
from asgnet.apply.fitting.examples import Example
from asgnet.apply.fitting.separation import NO_SPECKS, PIECES, Shown, choose_separation, learn_separations
from asgnet.imaging.separation import Separation, f1_at_half, match_iou, renumbered
from asgnet.types import Prediction, connected_pieces

SHAPE = (100, 140)
SCALES = {"cat": USUAL_SCALE, "disc": USUAL_SCALE}


def sheet(seed: int, apart: bool = False) -> np.ndarray:
    """Discs in a row, touching or not, numbered."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.int32)
    for number in range(1, 6):
        centre = 30 + rng.uniform(-4, 4), 16 + (26 if apart else 21) * (number - 1)
        labels[disk(centre, 11, shape=SHAPE)] = number
    return labels


def choose(masks, objects) -> Separation:
    """Of examples whose pictures show nothing."""
    return choose_separation(
        [
            Shown(m, m.astype(np.float32), o, np.full(SHAPE, 99, np.uint8), np.ones(SHAPE, bool))
            for m, o in zip(masks, objects, strict=True)
        ]
    )


def plain(chosen: Separation) -> Separation:
    return replace(chosen, ratios=None)


def test_touching_objects_are_told_apart():
    true = [sheet(seed) for seed in range(4)]
    chosen = choose([one > 0 for one in true], true)
    assert chosen.depth
    assert not chosen.interior  # the outline tells all
    assert chosen.ratios == (1, 1)
    assert f1_at_half(chosen(sheet(9) > 0), sheet(9)) == 1


def tiles(seed: int) -> tuple[Shown, np.ndarray]:
    """A picture without background: tiles of several sizes with a dark line between them; their numbers."""
    rng = np.random.default_rng(seed)
    rows, columns = (np.cumsum(rng.integers(18, 34, 8)) for _ in range(2))
    labels = (
        np.searchsorted(rows, np.arange(100))[:, None] * 9 + np.searchsorted(columns, np.arange(140))
    ) + 1
    labels = renumbered(labels.astype(np.int32))
    grey = rng.integers(150, 200, SHAPE).astype(np.uint8)
    grey[find_boundaries(labels)] = 40
    mask = np.ones(SHAPE, bool)
    return Shown(mask, mask.astype(np.float32), labels, grey, mask), labels


def test_a_line_in_the_picture_tells_objects_apart_where_the_outline_does_not():
    chosen = choose_separation([tiles(seed)[0] for seed in range(4)])
    assert chosen.interior
    other, true = tiles(9)
    assert f1_at_half(chosen(other.mask, other.probability, other.grey), true) > 0.9
    assert chosen(other.mask).max() == 1


def test_a_single_example_teaches_no_interior_and_no_ratio():
    chosen = choose_separation([tiles(0)[0]])
    assert not chosen.interior
    assert chosen.ratios is None


def test_the_ratios_of_counts():
    true = [sheet(seed, apart=True) for seed in range(4)]
    masks = [one > 0 for one in true]
    masks[0][true[0] == 5] = False  # one of five is missed
    assert choose(masks, true).ratios == (1, 1.25)
    assert choose(masks[:3], true[:3]).ratios is None


def test_pieces_stay_pieces_where_nothing_touches():
    true = [sheet(seed, apart=True) for seed in range(3)]
    assert plain(choose([one > 0 for one in true], true)) == NO_SPECKS


def test_small_objects_are_no_specks_where_they_are_painted():
    true = [sheet(seed, apart=True) for seed in range(3)]
    for labels in true:
        labels[80, ::4] = np.arange(6, 41)
    assert plain(choose([one > 0 for one in true], true)) == PIECES


def test_what_helps_one_example_alone_is_not_chosen():
    """Dumbbells are one object each: a watershed cuts them, whatever a single sheet of discs shows."""
    dumbbells = [(sheet(seed) > 0).astype(np.int32) for seed in range(3)]
    true = [*dumbbells, sheet(9)]
    assert not choose([one > 0 for one in true], true).depth


def test_specks_are_no_objects():
    true = [sheet(seed, apart=True) for seed in range(3)]
    masks = [one > 0 for one in true]
    for mask in masks:
        mask[70::4, ::4] = True
    chosen = choose(masks, true)
    assert chosen(masks[0]).max() == 5


def test_each_class_has_its_own_and_single_objects_ask_for_nothing():
    asked = []
    both = sheet(1)

    def predict(picture):
        asked.append(picture)
        mask = (both > 0).astype(np.int32)
        return Prediction(mask, mask.astype(np.float32), 1.0, mask, ("disc", "cat"), {})

    example = Example(np.zeros((*SHAPE, 3), np.uint8), {}, SHAPE, {})
    one = (both == 1).astype(np.int32)
    assert learn_separations(predict, [example], {"cat": [one]}, {"cat": [one]}, SCALES) == {}
    assert not asked
    objects = {"disc": [both, None], "cat": [None, one]}
    known = {name: [None if o is None else (o > 0) * 1 for o in own] for name, own in objects.items()}
    found = learn_separations(predict, [example, example], objects, known, SCALES)
    assert found["disc"].depth
    assert [*found] == ["disc"]
    assert len(asked) == 1


@pytest.mark.parametrize("depth", [0.0, 0.2])
def test_a_separation_divides_no_more_than_the_mask(depth):
    mask = sheet(3) > 0
    assert ((Separation(depth)(mask) > 0) == mask).all()


def painted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Red discs in a touching row on grey noise, and their numbers."""
    labels = np.kron(sheet(seed), np.ones((2, 2), np.int32))
    picture = np.random.default_rng(seed).integers(90, 140, (*labels.shape, 3)).astype(np.uint8)
    picture[labels > 0] = (220, 30, 30)
    return picture, labels


def test_numbered_masks_teach_a_segmenter_to_count(loaded, tmp_path):
    examples = [painted(seed) for seed in range(2)]
    loaded.fit([picture for picture, _ in examples], [labels for _, labels in examples])
    assert loaded.concept.separations["object"].depth
    query, true = painted(5)
    found = loaded.predict(query)
    assert len(found.instances) == true.max() > connected_pieces(found.mask, found.probability).max()
    loaded.concept.save(tmp_path / "discs.concept")
    loaded.concept = Concept.load(tmp_path / "discs.concept")
    assert len(loaded.predict(query).instances) == true.max()


def test_the_coins_of_the_other_half_are_counted_exactly(loaded):
    scene = coins()
    loaded.fit(scene.support.image, label(scene.support.mask == 1, connectivity=1))
    assert len(loaded.predict(scene.query).instances) == label(scene.truth, connectivity=1).max() == 13


def test_two_hundred_touching_discs_are_told_apart(loaded):
    def discs(seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        labels = np.zeros((220, 420), np.int32)
        for number in range(200):
            row, column = divmod(number, 20)
            centre = 20 + 19 * row + rng.uniform(-1, 1), 20 + 19 * column + rng.uniform(-1, 1)
            labels[disk(centre, 10.5, shape=labels.shape)] = number + 1
        labels = np.kron(labels, np.ones((2, 2), np.int32))
        picture = rng.integers(90, 140, (*labels.shape, 3)).astype(np.uint8)
        picture[labels > 0] = (220, 30, 30)
        return picture, labels

    examples = [discs(seed) for seed in range(2)]
    loaded.fit([picture for picture, _ in examples], [labels for _, labels in examples])
    picture, true = discs(7)
    assert (match_iou(renumbered(loaded.predict(picture).labels), renumbered(true)) > 0.5).sum() >= 190
