"""Adaptation: whoever is right about supports that it has not learnt from is believed."""

from types import SimpleNamespace

import numpy as np
import pytest

from asgnet.apply.concept.adaptation import Adaptation
from asgnet.apply.concept.scale import USUAL
from asgnet.apply.engines.features import Decoded, Features
from asgnet.apply.examples import samples
from asgnet.apply.fitting.examples import Example
from asgnet.apply.fitting.learn import learn_classes
from asgnet.apply.fitting.rules import adaptation
from asgnet.apply.fitting.rules.adaptation import Seen, adapt_to_supports
from asgnet.apply.fitting.rules.prior import asked_of_presence
from asgnet.apply.segmenter import Segmenter
from asgnet.imaging.averages import cell_means
from asgnet.imaging.resize import bilinear
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.pooling import PooledStatistics
from asgnet.model.default.support import SideOfSupport, SupportStatistics

SIDE, GRID = 64, 16
NUMBERS = Calibration()
ALIKE, APART = np.ones((2, 1)), np.eye(2)
"""ImageNet logits of an object and what surrounds it: the same, and nothing in common."""


class Opinions:
    """A backend whose decoder says what the maps hold: the first with appearance, the second without."""

    numbers, network = NUMBERS, SimpleNamespace(levels=None)

    def decode(self, features, inputs):
        logits = [features.maps[0 if trust else 1][0, 0] for trust in inputs["use_appearance"]]
        scores = inputs["head_weights"] @ features.fine[0][0].reshape(1, -1) + inputs["head_bias"][:, None]
        return Decoded(np.stack(logits), np.zeros(2), None, scores.reshape(-1, GRID, GRID), np.stack(logits))


@pytest.fixture(autouse=True)
def nothing_to_pool(monkeypatch, request):
    """The made supports hold no prototypes; the real network's do."""
    if "net" not in request.fixturenames:
        none = np.zeros((1, 1), np.float32)
        monkeypatch.setattr(adaptation, "pooled", lambda *_: PooledStatistics(*[none] * 13))


def blocks(count, seed=0):
    """``k H W`` masks that are constant on every pixel of the grid."""
    small = np.random.default_rng(seed).integers(0, 2, (count, GRID, GRID)).astype(np.uint8)
    return small.repeat(SIDE // GRID, 1).repeat(SIDE // GRID, 2)


def opinions(masks, appearance, plain, fine):
    """What the three opinions see: the truth (True), nothing but noise (False)."""
    truth = masks[:, None, :: SIDE // GRID, :: SIDE // GRID] * np.float32(2) - 1  # k 1 h w
    noise = blocks(3 * len(masks), 9)[:, None, :: SIDE // GRID, :: SIDE // GRID] * np.float32(2) - 1
    told = [
        (truth if right else n).copy()
        for right, n in zip((appearance, plain, fine), np.split(noise, 3), strict=True)
    ]
    return Features(tuple(told[:2]), (told[2],))


def adapt(net, seen, masks, kinds, views=(), **options):
    """Of pictures of one size, batched."""
    return measure(net, seen, masks, kinds, views, **options).adaptation


def measure(net, seen, masks, kinds, views=(), pictures=(), **options):
    """By default of pictures that show what is painted, bright on black."""
    pictures = pictures or [np.repeat(255 * (m == 1)[..., None], 3, 2).astype(np.uint8) for m in masks]
    supports = [
        support([view.fine[0][i, 0] for view in (seen, *views)], mask) for i, mask in enumerate(masks)
    ]
    apart = [Features(*(tuple(m[i : i + 1] for m in part) for part in seen)) for i in range(len(masks))]
    statistics = SimpleNamespace(kinds=kinds[None])
    seen = [Seen(*one, (SIDE, SIDE)) for one in zip(apart, pictures, masks, strict=True)]
    return adapt_to_supports(net, [[one] for one in supports], statistics, seen, **options)


def support(views, mask):
    """Statistics that hold nothing but the pixel head's gram matrices, of all views."""
    inside = cell_means((mask == 1).astype(np.float32), (GRID, GRID)).ravel()
    counted = cell_means((mask != 255).astype(np.float32), (GRID, GRID)).ravel() > 0.9
    sides = []
    for chosen in (counted & (inside > 0.5), counted & (inside <= 0.5)):
        grams = [np.stack([v.ravel()[chosen], np.ones(chosen.sum())]) for v in views]
        sides.append(SideOfSupport(*[None] * 6, sum(g @ g.T for g in grams), None))
    return SupportStatistics(*sides)


def adapted(masks, *right, kinds=ALIKE, **options):
    return adapt(Opinions(), opinions(masks, *right), masks, kinds, **options)


def rightness(found, seen, masks):
    """Share of the pixels of these pictures about which the adapted answer is right."""
    decided = seen.maps[0 if found.use_appearance else 1][:, 0]
    scores = seen.fine[0][:, 0] * found.weights[0] + found.bias
    weight = found.fusion_weight
    logits = (1 - weight) * decided + weight * NUMBERS.pixel_gain * scores + found.shift
    return float(((logits > 0) == (masks[:, :: SIDE // GRID, :: SIDE // GRID] == 1)).mean())


@pytest.mark.parametrize("shots", [2, 3, 5, 7])
def test_who_is_right_is_believed(shots):
    masks = blocks(shots)
    for right, trust in (((True, False, False), 1), ((False, True, False), 0)):
        seen = opinions(masks, *right)
        found = adapt(Opinions(), seen, masks, ALIKE)
        assert found.use_appearance == trust
        assert rightness(found, seen, masks) == 1
    seen = opinions(masks, False, False, True)
    found = adapt(Opinions(), seen, masks, APART)
    assert found.fusion_weight >= 0.5  # from there on the readout outweighs the decoder
    assert rightness(found, seen, masks) == 1


def test_a_single_support_is_judged_by_its_kind():
    """Nothing can be left out: whoever is right about the support itself makes no difference."""
    masks = blocks(1)
    for right in ((False, False, True), (True, False, False), (False, True, False)):
        alike, apart = (adapted(masks, *right, kinds=kinds) for kinds in (ALIKE, APART))
        assert 0.9 * NUMBERS.single_fusion_weight < alike.fusion_weight <= NUMBERS.single_fusion_weight
        assert apart.fusion_weight < 0.01
        assert alike.use_appearance == apart.use_appearance == 1


def test_a_little_harm_is_forgiven_where_object_and_surroundings_are_alike():
    """Three in a hundred pixels are bright in one support and dark in the other; the rest say nothing."""
    masks = blocks(2)
    seen = opinions(masks, True, True, True)
    (fine,) = seen.fine
    fine[1] *= -1
    fine[..., GRID // 2 :, :] = fine[..., 1:] = 0
    told = np.stack([masks, bilinear(fine, (SIDE, SIDE))[:, 0] / 2 + 0.5, masks], -1)
    pictures = list((told * 255).astype(np.uint8))  # of either opinion: no edges lead back to what is right
    alike, apart = (adapt(Opinions(), seen, masks, kinds, pictures=pictures) for kinds in (ALIKE, APART))
    assert apart.fusion_weight == 0
    assert alike.fusion_weight == NUMBERS.fusion_weights[-1]


def test_agreement_is_how_well_left_out_supports_are_found():
    masks = blocks(3)
    for right in ((True, False, False), (False, True, False)):
        found = measure(Opinions(), opinions(masks, *right), masks, APART)
        assert found.agreement > 0.75  # corners are lost between the grids
    lost = measure(Opinions(), opinions(masks, False, False, False), masks, APART)
    assert lost.agreement < 0.5
    for masks_, options in ((masks[:1], {}), (masks, {"enabled": False})):
        assert (
            measure(Opinions(), opinions(masks_, True, True, True), masks_, APART, **options).agreement == 0
        )


def test_left_out_supports_are_judged_by_the_masks_that_would_be_drawn():
    """A line of one pixel, of which the decoder knows the cells that it runs through."""
    masks = np.zeros((2, SIDE, SIDE), np.uint8)
    masks[:, 30] = 1
    seen = opinions(blocks(2), False, False, False)
    seen.maps[0][:] = -1
    seen.maps[0][:, :, 30 * GRID // SIDE] = 1
    shown = measure(Opinions(), seen, masks, ALIKE).agreement
    grey = [np.full((SIDE, SIDE, 3), 128, np.uint8)] * 2
    blurred = measure(Opinions(), seen, masks, ALIKE, pictures=grey).agreement
    assert shown > 0.95
    assert blurred < 0.3


def test_what_misleads_about_a_left_out_support_has_no_share():
    """What is bright in one support is dark in the other: learnt of one it is wrong about the other."""
    masks = blocks(2)
    seen = opinions(masks, True, True, True)
    seen.fine[0][1] *= -1
    assert adapt(Opinions(), seen, masks, APART).fusion_weight == 0


@pytest.mark.parametrize("shots", [1, 4])
def test_without_adaptation_the_prior_holds(shots):
    masks = blocks(shots)
    for right in ((True, False, True), (False, True, False)):
        found = adapted(masks, *right, enabled=False)
        assert (found.use_appearance, found.fusion_weight) == (1, 0)


@pytest.mark.parametrize("shots", [2, 5])
def test_the_order_of_the_supports_does_not_matter(shots):
    masks = blocks(shots)
    seen = opinions(masks, True, False, True)
    seen.fine[0][:] += np.random.default_rng(1).normal(0, 1, seen.fine[0].shape)
    straight = adapt(Opinions(), seen, masks, ALIKE)
    flipped = Features(*(tuple(m[::-1] for m in part) for part in seen))
    turned = adapt(Opinions(), flipped, masks[::-1], ALIKE)
    for name in ("use_appearance", "fusion_weight", "weights", "bias"):
        np.testing.assert_allclose(getattr(turned, name), getattr(straight, name), atol=1e-5)


def _dot():
    masks = np.zeros((1, SIDE, SIDE), np.uint8)
    masks[:, 20, 20] = 1
    return masks


@pytest.mark.parametrize(
    "masks",
    [_dot(), np.ones_like(_dot()), np.full_like(_dot(), 255), np.where(_dot() == 1, 1, 255).astype(np.uint8)],
    ids=["dot", "full", "ignored", "dot and ignored"],
)
@pytest.mark.parametrize("others", [0, 2])
def test_supports_that_hardly_teach_anything(masks, others):
    masks = np.concatenate([masks, blocks(others)])
    found = adapted(masks, True, True, True)
    assert np.isfinite([found.use_appearance, found.fusion_weight, found.bias, *found.weights]).all()
    assert 0 <= found.use_appearance <= 1
    assert 0 <= found.fusion_weight <= 1


def test_pixels_to_ignore_are_not_asked_about():
    """With appearance all is wrong there, and right elsewhere; without, there is nothing there."""
    masks = blocks(3)
    seen = opinions(masks, True, True, False)
    ignored = np.zeros(GRID, bool)
    ignored[:10] = True
    seen.maps[0][:, :, ignored] *= -1
    seen.maps[1][:, :, ignored] = -1
    seen.maps[1][:, :, ~ignored, ::4] *= -1
    masks[:, ignored.repeat(SIDE // GRID)] = 255
    assert adapt(Opinions(), seen, masks, ALIKE).use_appearance > 0.9


def test_and_more_is_asked_before_presence_is_believed(net, page):
    for shots in (1, 2):
        found = real(net, page[0][:shots], page[1][:shots])
        assert found.presence_bias == pytest.approx(asked_of_presence(shots, NUMBERS))


def _ink(picture):
    from skimage.filters import threshold_local

    grey = picture[..., 0]
    return (grey < threshold_local(grey, 35, offset=15)).astype(np.uint8)


@pytest.fixture(scope="module")
def page():
    """Columns of a printed page and the ink on them."""
    picture = samples.photograph("page.png")
    ink = _ink(picture)
    width = picture.shape[1] // 7
    columns = [slice(i * width, (i + 1) * width) for i in range(7)]
    return [picture[:, c] for c in columns], [ink[:, c] for c in columns]


def real(net, pictures, masks):
    """Adaptation of the real network on a quarter of the usual area."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asgnet.apply.segmenter.SIDE", 256)
        backend = Segmenter(net).backend
    examples = [
        Example(picture, {"a": mask}, mask.shape, {}) for picture, mask in zip(pictures, masks, strict=True)
    ]
    arrays = learn_classes(backend, examples, ["a"], True, 0, USUAL, "quick")
    return Adaptation.from_arrays(arrays)[0]


@pytest.mark.parametrize("shots", [1, 2, 7])
def test_letters_need_the_fine_readout(net, page, shots):
    share = real(net, page[0][:shots], page[1][:shots]).fusion_weight
    assert share > 0.9 * NUMBERS.single_fusion_weight if shots == 1 else share >= 0.5


def test_a_motorcycle_needs_the_decoder(net, motorcycle):
    found = real(net, [motorcycle.support.image], [motorcycle.support.mask])
    assert found.fusion_weight < 0.1


def test_the_readout_is_fitted_on_a_support_under_other_light_too():
    """What holds only as long as the light stays is not learnt."""
    masks = blocks(1)
    seen = opinions(masks, True, True, True)
    turned = seen._replace(fine=(-seen.fine[0],))
    plain, both = (adapt(Opinions(), seen, masks, ALIKE, views=v) for v in ([], [turned]))
    assert abs(plain.weights).max() > 0.5
    assert abs(both.weights).max() < 0.01
