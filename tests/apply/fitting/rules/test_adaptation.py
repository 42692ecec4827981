"""Adaptation: whoever is right about supports that it has not learnt from is believed."""

import numpy as np
import pytest
import torch

from asgnet.apply.engines.fusion import fused_logits
from asgnet.apply.examples import samples
from asgnet.apply.fitting.rules.adaptation import adapt_to_supports
from asgnet.imaging.resize import nearest, resized
from asgnet.model.default.grids import to_grid
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.model.default.support_statistics import SupportStatistics
from asgnet.model.presets import preset_config
from asgnet.model.steps import Outputs

SIDE, GRID = 64, 16
NUMBERS = preset_config("default").calibration
ALIKE, APART = torch.ones(2, 1), torch.eye(2)
"""ImageNetHead of an object and what surrounds it: the same, and nothing in common."""


class Opinions:
    """A network whose decoder says what the maps hold: the first with appearance, the second without."""

    read, config = (), preset_config("default")

    def learn(self, seen, masks):
        assert len(seen.maps[0]) == len(masks[0])
        return SupportStatistics(*(torch.zeros(1, 1) for _ in SupportStatistics._fields))

    def allocate(self, seen, knowledge):
        return knowledge

    def decode(self, seen, knowledge, appearance):
        assert len(knowledge.means) == len(appearance)
        logits = torch.cat([seen.maps[0] if trust else seen.maps[1] for trust in appearance])
        return Outputs(torch.cat([torch.zeros_like(logits), logits], 1))


def blocks(count, seed=0):
    """``k H W`` masks that are constant on every pixel of the grid."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 2, (count, GRID, GRID)).astype(np.uint8)
    return torch.from_numpy(small.repeat(SIDE // GRID, 1).repeat(SIDE // GRID, 2))


def opinions(masks, appearance, plain, fine):
    """What the three opinions see: the truth (True), nothing but noise (False)."""
    truth = masks[:, None, :: SIDE // GRID, :: SIDE // GRID] * 2.0 - 1  # k 1 h w
    noise = blocks(3 * len(masks), 9)[:, None, :: SIDE // GRID, :: SIDE // GRID] * 2.0 - 1
    told = [
        (truth if right else n).clone()
        for right, n in zip((appearance, plain, fine), noise.chunk(3), strict=True)
    ]
    return FeatureMaps(tuple(told[:2]), (told[2],))


def adapt(net, seen, masks, kinds, views=(), **options):
    """Of pictures of one size, batched."""
    return measure(net, seen, masks, kinds, views, **options).adaptation


def measure(net, seen, masks, kinds, views=(), pictures=(), **options):
    """By default of pictures that show what is painted, bright on black."""
    painted = [mask.numpy().astype(np.uint8) for mask in masks]
    pictures = pictures or [
        np.repeat(255 * (mask == 1)[..., None], 3, 2).astype(np.uint8) for mask in painted
    ]
    views, examples = [apart(view) for view in views], list(zip(pictures, painted, strict=True))
    return adapt_to_supports(net, apart(seen), list(masks), kinds, examples, views=views, **options)


def apart(seen):
    """Each picture by itself."""
    return [
        FeatureMaps(*(tuple(m[i : i + 1] for m in part) for part in seen)) for i in range(len(seen.fine[0]))
    ]


def adapted(masks, *right, kinds=ALIKE, **options):
    return adapt(Opinions(), opinions(masks, *right), masks, kinds, **options)


def rightness(found, seen, masks):
    """Share of the pixels of these pictures about which the adapted answer is right."""
    decided = seen.maps[0 if found.use_appearance else 1][:, 0]
    scores = (seen.fine[0] * torch.from_numpy(found.weights)[:, None, None]).sum(1) + found.bias
    logits = (
        fused_logits(decided, scores, torch.full((len(masks),), found.fusion_weight), NUMBERS.pixel_gain)
        + found.shift
    )
    return float(((logits > 0) == (masks[:, :: SIDE // GRID, :: SIDE // GRID] == 1)).float().mean())


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
    told = torch.stack([masks.float(), to_grid(fine, (SIDE, SIDE))[:, 0] / 2 + 0.5, masks.float()], -1)
    pictures = list((told * 255).byte().numpy())  # of either opinion: no edges lead back to what is right
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
    masks = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
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
    seen.fine[0].add_(torch.randn(seen.fine[0].shape, generator=torch.Generator().manual_seed(1)))
    straight = adapt(Opinions(), seen, masks, ALIKE)
    flipped = FeatureMaps(*(tuple(m.flip(0) for m in part) for part in seen))
    turned = adapt(Opinions(), flipped, masks.flip(0), ALIKE)
    for name in ("use_appearance", "fusion_weight", "weights", "bias"):
        np.testing.assert_allclose(getattr(turned, name), getattr(straight, name), atol=1e-5)


def _dot():
    masks = torch.zeros(1, SIDE, SIDE)
    masks[:, 20, 20] = 1
    return masks


@pytest.mark.parametrize(
    "masks",
    [_dot(), torch.ones(1, SIDE, SIDE), torch.full((1, SIDE, SIDE), 255.0), _dot().where(_dot() == 1, 255.0)],
    ids=["dot", "full", "ignored", "dot and ignored"],
)
@pytest.mark.parametrize("others", [0, 2])
def test_supports_that_hardly_teach_anything(masks, others):
    masks = torch.cat([masks, blocks(others)])
    found = adapted(masks, True, True, True)
    assert np.isfinite([found.use_appearance, found.fusion_weight, found.bias, *found.weights]).all()
    assert 0 <= found.use_appearance <= 1
    assert 0 <= found.fusion_weight <= 1


def test_pixels_to_ignore_are_not_asked_about():
    """With appearance all is wrong there, and right elsewhere; without, there is nothing there."""
    masks = blocks(3)
    seen = opinions(masks, True, True, False)
    ignored = seen.maps[0].new_zeros(GRID, dtype=torch.bool)
    ignored[:10] = True
    seen.maps[0][:, :, ignored] *= -1
    seen.maps[1][:, :, ignored] = -1
    seen.maps[1][:, :, ~ignored, ::4] *= -1
    masks[:, ignored.repeat_interleave(SIDE // GRID)] = 255
    assert adapt(Opinions(), seen, masks, ALIKE).use_appearance > 0.9


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


def real(net, pictures, masks, side=256):
    """Adaptation of the real network on a quarter of the usual area."""
    small_pictures = torch.stack(
        [torch.from_numpy(resized(p, (side, side))).permute(2, 0, 1) for p in pictures]
    )
    with torch.inference_mode():
        seen = net.encode(net.backbone.normalise(small_pictures))
        small = torch.stack([torch.from_numpy(nearest(m, (side, side))) for m in masks])
        kinds = net.learn(seen, small[None]).kinds[0]
        return adapt(net, seen, small, kinds)


@pytest.mark.parametrize("shots", [1, 2, 7])
def test_letters_need_the_fine_readout(net, page, shots):
    share = real(net, page[0][:shots], page[1][:shots]).fusion_weight
    assert share > 0.9 * NUMBERS.single_fusion_weight if shots == 1 else share >= 0.5


def test_a_motorcycle_needs_the_decoder(net, motorcycle):
    found = real(net, [motorcycle.support.image], [motorcycle.support.mask])
    assert found.fusion_weight < 0.01


def test_the_readout_is_fitted_on_a_support_under_other_light_too():
    """What holds only as long as the light stays is not learnt."""
    masks = blocks(1)
    seen = opinions(masks, True, True, True)
    turned = seen._replace(fine=(-seen.fine[0],))
    plain, both = (adapt(Opinions(), seen, masks, ALIKE, views=v) for v in ([], [turned]))
    assert abs(plain.weights).max() > 0.5
    assert abs(both.weights).max() < 0.01
