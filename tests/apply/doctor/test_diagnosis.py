import numpy as np
import pytest

from asgnet.apply.doctor.diagnosis import diagnose
from asgnet.errors import UsageError
from asgnet.types import Prediction

SIZE = (80, 100)


class ByColour:
    """A stand-in Segmenter: a pixel is object if its colour is nearer to the object's mean colour."""

    def fit(self, images, masks, **_):
        self.partly_painted = [False] * len(images)
        images = images if isinstance(images, list) else [images]
        masks = masks if isinstance(masks, list) else [masks]
        pixels = np.concatenate([i.reshape(-1, 3) for i in images]).astype(float)
        inside = np.concatenate([m.ravel() for m in masks]) == 1
        self.means = pixels[inside].mean(0), pixels[~inside].mean(0)

    def with_feature_cache(self):
        return self

    def predict(self, image):
        near = [np.linalg.norm(image - mean, axis=-1) for mean in self.means]
        mask = near[0] < near[1]
        return Prediction(mask, mask.astype(np.float32), 1.0, np.zeros(mask.shape, np.int32))


def example(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A red rectangle somewhere on dark noise, and its mask."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 60, (*SIZE, 3)).astype(np.uint8)
    row, column = random.integers(5, 40), random.integers(5, 60)
    mask = np.zeros(SIZE, np.uint8)
    mask[row : row + 30, column : column + 34] = 1
    image[mask == 1] = (220, 30, 30)
    return image, mask


def examined(images, masks):
    return diagnose(ByColour(), images, masks)


@pytest.fixture
def four():
    pairs = [example(seed) for seed in range(4)]
    return [image for image, _ in pairs], [mask for _, mask in pairs]


def test_good_examples_are_called_good(four):
    diagnosis = examined(*four)
    assert [f.verdict for f in diagnosis.findings] == ["good"] * 4
    assert all(f.iou == 1 for f in diagnosis.findings)
    assert all(f.remarks == () for f in diagnosis.findings)
    assert diagnosis.usable
    assert diagnosis.advice == "All examples agree."


def test_an_example_alone_is_tried_on_an_altered_view_of_itself():
    image, mask = example(0)
    (finding,) = examined([image], [mask]).findings
    assert finding.verdict == "good"


@pytest.mark.parametrize("bad", range(4))
def test_an_inverted_mask_is_recognised_and_the_others_are_left_in_peace(four, bad):
    images, masks = four
    masks[bad] = 1 - masks[bad]
    findings = examined(images, masks).findings
    assert "inverted" in findings[bad].remarks[0]
    assert [f.verdict == "wrong" for f in findings] == [i == bad for i in range(4)]


def test_a_moved_mask_is_recognised_with_its_distance(four):
    images, masks = four
    masks[2] = np.roll(masks[2], (9, -22), axis=(0, 1))
    remark = examined(images, masks).findings[2].remarks[0]
    assert "moved by about 22% to the left and 11% down" in remark


def test_swapped_masks_are_recognised_on_both(four):
    images, masks = four
    images[1][:], masks[1][:] = 20, 0
    images[1][2:20, 2:50], masks[1][2:20, 2:50] = (220, 30, 30), 1
    images[2][:], masks[2][:] = 20, 0
    images[2][30:75, 80:95], masks[2][30:75, 80:95] = (220, 30, 30), 1
    masks[1], masks[2] = masks[2], masks[1]
    findings = examined(images, masks).findings
    assert "swapped" in findings[1].remarks[0]
    assert "swapped" in findings[2].remarks[0]
    assert findings[0].remarks == findings[3].remarks == ()


def test_another_object_is_recognised(four):
    images, masks = four
    images[3][masks[3] == 1] = (20, 40, 30)
    images[3][:20, :20] = (220, 30, 30)
    finding = examined(images, masks).findings[3]
    assert finding.verdict == "hard"
    assert "same object" in finding.remarks[0]


def test_of_two_with_one_inverted_the_one_that_hugs_the_frame_is_named(four):
    images, masks = four
    findings = examined(images[:2], [masks[0], 1 - masks[1]]).findings
    assert [f.verdict == "wrong" for f in findings] == [False, True]


def test_the_same_picture_twice_is_noticed(four):
    images, masks = four
    images[3], masks[3] = (images[0] * 0.9).astype(np.uint8), masks[0]
    findings = examined(images, masks).findings
    assert "same picture" in findings[3].remarks[0]
    assert findings[0].remarks == ()


def test_a_tiny_object_is_noticed():
    image, mask = example(0)
    mask[:] = 0
    mask[3:6, 3:6] = 1
    (finding,) = examined([image], [mask]).findings
    assert any("closer" in remark for remark in finding.remarks)


def test_unusable_examples_are_findings_and_the_others_are_still_examined(four):
    images, masks = four
    masks[1] = np.zeros(SIZE, np.uint8)
    masks[2] = masks[2][:10]
    images[3] = "nowhere.jpg"
    diagnosis = examined(images, masks)
    assert [f.usable for f in diagnosis.findings] == [True, False, False, False]
    assert diagnosis.findings[0].iou is not None
    assert "nowhere.jpg" in diagnosis.findings[3].remarks[0]
    assert not diagnosis.usable


def test_words_and_record_say_the_same(four):
    finding = examined(*four).findings[0]
    assert finding.verdict in finding.words
    assert f"{finding.record['iou']:.2f}" in finding.words


def test_several_classes_are_examined_one_after_the_other(four):
    images, masks = four
    second = [None, 1 - masks[1], 1 - masks[2], np.zeros_like(masks[3])]
    diagnosis = diagnose(ByColour(), images, {"red": masks, "rest": second})
    assert [f.label for f in diagnosis.findings] == ["red"] * 4 + ["rest"] * 2
    assert [one.finding for one in diagnosis.examined] == list(range(6))
    assert "(rest)" in diagnosis.findings[4].words


def test_what_is_missed_and_spilled_is_measured(four):
    images, masks = four
    images[1][masks[1] == 1] = 20
    images[1][:10, :10] = (220, 30, 30)
    finding = examined(images, masks).findings[1]
    assert finding.missed == 1
    assert finding.spilled == pytest.approx(100 / masks[1].sum())
    assert any("taken for background" in remark for remark in finding.remarks)


def test_the_trained_network_on_coins_notices_the_inverted_mask_and_keeps_its_fit(net, coins):
    from asgnet.apply.segmenter import Segmenter

    image, mask = coins.support.image, coins.support.mask
    bands = [slice(0, 100), slice(100, 190), slice(190, None)]
    masks = [mask[b] for b in bands]
    masks[1] = 1 - masks[1]
    segmenter = Segmenter(net).fit([image[b] for b in bands], masks)
    concept = segmenter.concept
    diagnosis = diagnose(segmenter)
    assert [f.wrong for f in diagnosis.findings] == [False, True, False]
    assert "inverted" in diagnosis.findings[1].remarks[0]
    assert segmenter.concept is concept
    assert len(segmenter.supports) == 3


def test_examples_come_as_for_fit(four):
    images, masks = four
    one = examined(images[0], masks[0])
    assert [f.name for f in one.findings] == ["example 1"]
    several = examined(iter(images), (mask for mask in masks))
    assert [f.iou for f in several.findings] == [f.iou for f in examined(images, masks).findings]
    with pytest.raises(UsageError, match=f"{len(images)} pictures but 1 masks"):
        examined(images, masks[0])
    with pytest.raises(UsageError, match="masks of object cannot be a NoneType"):
        examined(images, None)
    with pytest.raises(UsageError, match="no examples to examine"):
        examined([], [])
