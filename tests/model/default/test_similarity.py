"""Support statistics and similarity maps: exact answers on colours, what may not matter, and masks of every kind."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.default import learn as learning
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.config import DefaultConfig
from asgnet.model.default.levels import PER_LEVEL, READOUTS, Levels
from asgnet.model.default.mask_cells import Grids, sides_of
from asgnet.model.default.similarity import guide_map, similarity_maps
from asgnet.model.default.statistics import cell_features, side_statistics
from asgnet.model.default.support import feed
from asgnet.model.default.support import superpixels as numbered

LIMIT, BANK = Calibration().similarity_limit, Calibration().memory_bank
LEVELS = Levels(channels=(3, 4, 5, 4), grid=2, fine=1, fused=(2, 3), read=3, shallow=2)
GRIDS = ((12, 10), (12, 10), (6, 5), (3, 3))
SAME = ((6, 5),) * 4
THREE_COLOURS = LEVELS._replace(channels=(3, 3, 3, 3))
AREA, MOST = 4, 3
STANDARD = PER_LEVEL * 4 + READOUTS
"""Channels of the standardised maps; the nearest pixels' and the episode statistics follow."""


def learn(maps, masks, levels, area, most):
    return learning.learn(maps, masks, levels, DefaultConfig(area=area, most=most))


def superpixels(maps, masks, levels, area, most):
    """``b h w``: each object cell's prototype, -1 elsewhere."""
    config, grid = DefaultConfig(area=area, most=most), tuple(maps[levels.grid].shape[-2:])
    deep = tuple(maps[-1].shape[-2:])
    labels = []
    for i, mask in enumerate(masks):
        side, _ = sides_of(mask.numpy().astype("uint8"), Grids(grid, deep, deep), config)
        cells = cell_features([m[i : i + 1] for m in maps], grid)
        inputs = {k: torch.from_numpy(v) for k, v in feed((side, side)).items()}
        given = (inputs[f"object_{key}"] for key in ("share", "region", "seeds", "sample"))
        found = side_statistics(cells, grid[1], *given, levels, config.calibration.clustering_length)
        labels.append(torch.from_numpy(numbered({"object_labels": found.labels.numpy()}, side, grid)))
    return torch.stack(labels)


def similarity(query, statistics, levels):
    return similarity_maps(query, statistics, levels, LIMIT)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def random_maps(*before, seed=0, grids=GRIDS):
    generator = seeded(seed)
    return [
        torch.randn(*before, c, *grid, generator=generator)
        for c, grid in zip(LEVELS.channels, grids, strict=True)
    ]


def random_masks(b, k, seed=0, size=(24, 20)):
    """Boxes of object beside boxes to ignore, one over the other anyhow."""
    masks = torch.zeros(b, k, *size, dtype=torch.uint8)
    generator = seeded(seed)
    for mask in masks.flatten(0, 1):
        for value in (1, 255):
            y, x = (int(torch.randint(0, side // 2, (), generator=generator)) for side in size)
            mask[y : y + size[0] // (1 if value == 1 else 4), x : x + size[1] // 2] = value
    return masks


def shown(b=1, k=1, seed=0, grids=GRIDS):
    """Supports' maps, their masks, and their statistics."""
    maps, masks = random_maps(b, k, seed=seed, grids=grids), random_masks(b, k, seed)
    return maps, masks, learn(maps, masks, LEVELS, AREA, MOST)


def colours(picture, levels=LEVELS):
    """``h w`` colour indices -> every level's map ``1 c h w``: one channel a colour."""
    return [F.one_hot(picture, c).movedim(-1, 0)[None].float() for c in levels.channels]


def blocks(mask, side=4):
    """A mask of the grid as a mask of the picture."""
    return mask.repeat_interleave(side, -2).repeat_interleave(side, -1)


def of_one(maps):
    """The maps of one support of one episode."""
    return [m[:, None] for m in maps]


@pytest.fixture
def red_on_blue():
    """An 8 by 8 picture, blue with a red square, and what its mask says."""
    picture = torch.ones(8, 8, dtype=torch.int64)
    picture[2:6, 3:7] = 0
    return picture, blocks(picture == 0)[None, None].to(torch.uint8)


def test_two_colours_learned_exactly(red_on_blue):
    picture, masks = red_on_blue
    known = learn(of_one(colours(picture)), masks, LEVELS, AREA, MOST)
    red, blue = (torch.cat([F.one_hot(torch.tensor(i), c).float() for c in LEVELS.channels]) for i in (0, 1))
    assert known.object_valid.all()  # 16 pixels: three superpixels, all red
    torch.testing.assert_close(known.object[0], red.expand(3, -1))
    torch.testing.assert_close(known.background[0], blue.expand(3, -1))
    torch.testing.assert_close(known.means[0], torch.stack([red, blue]))
    assert known.seen.all()
    fused = torch.stack([red, blue])[:, None, 7:]  # the channels of the last two levels
    assert torch.equal(known.pixels[0], fused.expand(2, BANK, 9))
    # ridge regression of n unit levels to ±1: weight 1 / (n + 0.01) in each channel of a colour
    for r, (first, last) in enumerate([(0, 3), (0, 2), (2, 3)]):
        width = [sum(LEVELS.channels[:i]) for i in (first, last)]
        expected = torch.zeros(16)
        expected[width[0] : width[1]] = ((red - blue) / (last - first + 0.01))[width[0] : width[1]]
        torch.testing.assert_close(known.readouts[0, r], expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(known.biases, torch.zeros(1, 3), atol=1e-5, rtol=0)


def test_two_colours_said_exactly(red_on_blue):
    picture, masks = red_on_blue
    known = learn(of_one(colours(picture)), masks, LEVELS, AREA, MOST)
    query = torch.full((5, 7), 1)
    query[1:3, 4:] = 0
    found, guide = similarity(colours(query), known, LEVELS)
    red = query == 0
    # Red pixels lie one spread of the supports above the centre, blue ones below; halved.
    half = torch.where(red, 0.5, -0.5)
    background = [PER_LEVEL * level + 1 for level in range(4)]
    signs = torch.ones(STANDARD)
    signs[background] = -1
    torch.testing.assert_close(found[0, :STANDARD], signs[:, None, None] * half, atol=1e-4, rtol=0)
    near = torch.stack([torch.where(red, a, b) for a, b in ((3.0, -1.0), (-1.0, 3.0), (3.0, -5.0))])
    torch.testing.assert_close(found[0, STANDARD : STANDARD + 6], torch.cat([near, near]))
    episode = torch.tensor([LIMIT / 3] * 8 + [1.0, 0.5])  # separation without spread; one shot; a quarter red
    torch.testing.assert_close(found[0, STANDARD + 6 :], episode[:, None, None].expand(-1, 5, 7))
    assert guide.shape == (1, 5, 7)
    assert guide.dtype == torch.int64


def test_each_part_of_an_object_has_its_prototype_and_is_guided_to_it():
    picture = torch.full((8, 14), 2)
    picture[2:5, 1:4], picture[3:6, 9:12] = 0, 1
    masks = blocks(picture != 2)[None]
    known = learn(of_one(colours(picture, THREE_COLOURS)), masks[None], THREE_COLOURS, area=9, most=5)
    assert known.object_valid.tolist() == [[True, True]]
    labels = superpixels(colours(picture, THREE_COLOURS), masks, THREE_COLOURS, area=9, most=5)
    assert labels.shape == (1, 8, 14)
    assert torch.equal(labels[0] == -1, picture == 2)
    assert len(labels[0][picture == 0].unique()) == len(labels[0][picture == 1].unique()) == 1
    assert set(labels[labels >= 0].tolist()) == {0, 1}
    query = torch.arange(112).reshape(8, 14) % 2
    guide = guide_map(colours(query, THREE_COLOURS), known, THREE_COLOURS)[0]
    assert torch.equal(guide, torch.where(query == 0, labels[0, 3, 2], labels[0, 4, 10]))
    for colour, label in ((0, labels[0, 3, 2]), (1, labels[0, 4, 10])):
        torch.testing.assert_close(known.object[0, label, :3], F.one_hot(torch.tensor(colour), 3).float())


def test_an_object_too_small_for_superpixels_is_its_average():
    """Weighted by how much of each pixel is object, as is the background's when nearly nothing is left."""
    picture = torch.tensor([[0, 1], [2, 2]])
    mask = torch.zeros(8, 8)
    mask[:4, :4] = 1  # all of a red pixel
    mask[:4, 4:6] = 1  # half of a blue one
    maps = of_one(colours(picture, THREE_COLOURS))
    known = learn(maps, mask[None, None], THREE_COLOURS, AREA, MOST)
    assert known.object_valid.tolist() == known.background_valid.tolist() == [[True]]
    for prototype, mixture in ((known.object, [1, 0.5, 0]), (known.background, [0, 0.5, 2])):
        expected = F.normalize(torch.tensor(mixture), dim=0).repeat(4)
        torch.testing.assert_close(prototype[0, 0], expected)


def test_ignored_pixels_are_neither_side(red_on_blue):
    picture, masks = red_on_blue
    masks[masks == 0] = 255
    known = learn(of_one(colours(picture)), masks, LEVELS, AREA, MOST)
    assert known.object_valid.all()
    assert not known.background_valid.any()
    assert known.seen.tolist() == [[True, False]]
    assert (known.background == 0).all()
    assert (known.means[:, 1] == 0).all()


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_several_classes_are_asked_about_a_query_at_once(n, seed):
    """Two queries, n classes each: as if every query had been given n times."""
    _, _, known = shown(2 * n, 2, seed)
    query = random_maps(2, seed=seed + 1)
    found, guide = similarity(query, known, LEVELS)
    expected, its_guide = similarity([m.repeat_interleave(n, 0) for m in query], known, LEVELS)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert (guide != its_guide).sum() <= 1


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 2), st.integers(0, 10**6))
def test_what_is_ignored_may_look_like_anything(k, seed):
    grid_mask = blocks(random_masks(1, k, seed, size=(6, 5)))
    maps = random_maps(1, k, seed=seed, grids=SAME)
    ignored = (grid_mask[..., ::4, ::4] == 255)[:, :, None]
    other = [torch.where(ignored, 5 - m, m) for m in maps]
    query = random_maps(1, seed=seed + 1, grids=SAME)
    expected, found = (
        similarity(query, learn(m, grid_mask, LEVELS, AREA, MOST), LEVELS) for m in (maps, other)
    )
    torch.testing.assert_close(found[0], expected[0], atol=1e-3, rtol=1e-3)
    assert torch.equal(found[1], expected[1])


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 10**6))
def test_the_order_of_shots_changes_nothing(order, seed):
    maps, masks, known = shown(2, 4, seed)
    shuffled = learn([m[:, order] for m in maps], masks[:, order], LEVELS, AREA, MOST)
    query = random_maps(2, seed=seed + 1)
    (expected, guide), (found, permuted) = (similarity(query, x, LEVELS) for x in (known, shuffled))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    for b in range(2):  # the prototypes of each shot stand where the shot stands
        torch.testing.assert_close(shuffled.object[b][permuted[b]], known.object[b][guide[b]])


def test_nor_where_the_shots_have_more_pixels_than_are_kept():
    maps, masks = random_maps(1, 3, seed=1, grids=((16, 15),) * 4), random_masks(1, 3, 1, size=(32, 30))
    query = random_maps(1, seed=2)
    expected = similarity(query, learn(maps, masks, LEVELS, 16, MOST), LEVELS)[0]
    shuffled = learn([m[:, [2, 0, 1]] for m in maps], masks[:, [2, 0, 1]], LEVELS, 16, MOST)
    torch.testing.assert_close(similarity(query, shuffled, LEVELS)[0], expected, atol=1e-3, rtol=1e-3)


def test_a_support_shown_twice_is_only_counted_twice():
    maps, masks, known = shown(2, 1, 3)
    twice = learn(
        [m.expand(-1, 2, -1, -1, -1) for m in maps], masks.expand(-1, 2, -1, -1), LEVELS, AREA, MOST
    )
    query = random_maps(2, seed=9)
    expected, found = (similarity(query, x, LEVELS)[0] for x in (known, twice))
    shots = LEVELS.similarity_channels - 2
    assert (expected[:, shots] == 1).all()
    assert (found[:, shots] == 0.5).all()
    found[:, shots] = 1
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_an_episode_alone_is_as_in_a_batch(k, seed):
    maps, masks, known = shown(3, k, seed)
    query = random_maps(3, seed=seed + 1)
    found, guide = similarity(query, known, LEVELS)
    labels = superpixels([m[:, 0] for m in maps], masks[:, 0], LEVELS, AREA, MOST)
    for i in range(3):
        s = slice(i, i + 1)
        alone = learn([m[s] for m in maps], masks[s], LEVELS, AREA, MOST)
        for name, one, both in zip(known._fields, alone, known, strict=True):
            ours = (
                both[s] if both.shape[1:] == one.shape[1:] else both[s, : one.shape[1]]
            )  # the rest is padding
            torch.testing.assert_close(one, ours, atol=1e-4, rtol=1e-3, msg=name)
        one, its_guide = similarity([m[s] for m in query], alone, LEVELS)
        torch.testing.assert_close(one, found[s], atol=1e-3, rtol=1e-3)
        assert torch.equal(its_guide, guide[s])
        its_labels = superpixels([m[s, 0] for m in maps], masks[s, 0], LEVELS, AREA, MOST)
        assert (its_labels != labels[s]).sum() <= 1  # a pixel between two superpixels may fall to either


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=4, max_size=4), st.integers(0, 10**6))
def test_the_length_of_a_levels_features_changes_nothing(factors, seed):
    maps, masks, known = shown(1, 2, seed)
    query = random_maps(1, seed=seed + 1)
    scaled = [[f * m for f, m in zip(factors, x, strict=True)] for x in (maps, query)]
    expected = similarity(query, known, LEVELS)
    found = similarity(scaled[1], learn(scaled[0], masks, LEVELS, AREA, MOST), LEVELS)
    torch.testing.assert_close(found[0], expected[0], atol=1e-3, rtol=1e-3)
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize("grids", [SAME, GRIDS])
def test_a_mirrored_query_has_mirrored_similarity(grids):
    known = shown(1, 1, 4, grids)[2]
    query = random_maps(1, seed=5, grids=grids)
    found, guide = similarity([m.flip(3) for m in query], known, LEVELS)
    expected, unflipped = similarity(query, known, LEVELS)
    torch.testing.assert_close(found, expected.flip(3), atol=1e-4, rtol=1e-4)
    assert torch.equal(guide, unflipped.flip(2))


def test_statistics_are_those_of_the_supports():
    """The supports as queries: with either side weighing the same, every map has centre 0 and spread 1/2."""
    maps, _, _ = shown(1, 2, 6, SAME)
    masks = blocks(random_masks(1, 2, 6, size=(6, 5)))
    known = learn(maps, masks, LEVELS, AREA, MOST)
    query = [m[0] for m in maps]
    own = type(known)(*(t.expand(2, *t.shape[1:]) for t in known))
    found = similarity(query, own, LEVELS)[0][:, :STANDARD].transpose(0, 1).flatten(1)  # e kp
    labels = masks[0, :, ::4, ::4].flatten()
    weight = sum((labels == side) / (labels == side).sum() / 2 for side in (0, 1))
    torch.testing.assert_close(found @ weight, torch.zeros(STANDARD), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.square() @ weight, torch.full((STANDARD,), 0.25), atol=1e-3, rtol=0)


def masks_of_every_kind():
    row, column = torch.meshgrid(torch.arange(24), torch.arange(20), indexing="ij")
    kinds = {
        "empty": row < 0,
        "full": row >= 0,
        "pixel": (row == 23) & (column == 0),
        "line": column == 7,
        "all but a pixel": (row > 0) | (column > 0),
    }
    masks = {name: inside.to(torch.uint8) for name, inside in kinds.items()}
    masks["ignored"] = torch.full((24, 20), 255, dtype=torch.uint8)
    masks["full, rest ignored"] = torch.where(row < 8, 1, 255).to(torch.uint8)
    return masks


@pytest.mark.parametrize("features", ["random", "zero", "alike", "huge"])
@pytest.mark.parametrize("kind", masks_of_every_kind())
def test_always_finite_and_bounded(kind, features):
    mask = masks_of_every_kind()[kind].expand(1, 2, -1, -1)
    change = {"random": lambda m: m, "zero": torch.zeros_like, "alike": torch.ones_like}
    change["huge"] = lambda m: 1e6 * m
    maps, query = ([change[features](m) for m in random_maps(*n, seed=1)] for n in ((1, 2), (1,)))
    known = learn(maps, mask, LEVELS, AREA, MOST)
    assert all(torch.isfinite(t).all() for t in known)
    found, guide = similarity(query, known, LEVELS)
    assert torch.isfinite(found).all()
    assert found[:, :STANDARD].abs().max() <= LIMIT / 2
    assert found[:, STANDARD : STANDARD + 6].abs().max() <= 9 + 1e-4  # cosines' difference * 4 - 1
    assert bool(known.object_valid.any()) == bool((mask == 1).any())
    assert ((guide >= 0) & (guide < 2 * MOST)).all()


def ragged(seed):
    """A mask whose every pixel is object or not by chance: shares of all sizes."""
    return (torch.rand(24, 20, generator=seeded(seed)) > 0.5).to(torch.uint8)


@pytest.mark.parametrize("kind", [*masks_of_every_kind(), "ragged"])
def test_superpixels_cover_the_object_and_nothing_else(kind):
    mask = (masks_of_every_kind() | {"ragged": ragged(1)})[kind]
    labels = superpixels(random_maps(1, seed=2), mask[None], LEVELS, AREA, MOST)[0]
    share = F.adaptive_avg_pool2d((mask == 1).float()[None], GRIDS[LEVELS.grid])[0]
    inside = share > 0.5
    if not inside.any():  # thinner than the grid: where it is thickest
        inside = (share > 0) & (share >= 0.999 * share.max())
    assert torch.equal(labels >= 0, inside)
    assert labels.min() >= -1
    assert labels.max() < MOST


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_superpixels_are_numbered_by_the_prototypes(seed):
    """A superpixel's label is a slot in use of its support."""
    maps, masks, known = shown(1, 1, seed)
    labels = superpixels([m[:, 0] for m in maps], masks[:, 0], LEVELS, AREA, MOST)
    assert known.object_valid[0][labels[labels >= 0]].all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_the_guide_map_is_the_prototype_that_fits(seed):
    """One pixel and one prototype at a time (paper eqs. 6-7); padding is never chosen."""
    known = shown(1, 1, seed)[2]
    generator = seeded(seed)
    valid = torch.rand(1, 5, generator=generator) > 0.4
    valid[0, seed % 5] = True
    prototypes = torch.randn(1, 5, sum(LEVELS.channels), generator=generator)
    prototypes = torch.cat([F.normalize(p, dim=-1) for p in prototypes.split(LEVELS.channels, -1)], -1)
    query = random_maps(1, seed=seed, grids=SAME)
    known = known._replace(object=prototypes, object_valid=valid)
    guide = guide_map(query, known, LEVELS)[0]
    parts = prototypes[0].split(LEVELS.channels, -1)
    for y, x in product(range(6), range(5)):
        fits = sum(F.cosine_similarity(parts[i], query[i][0, :, y, x][None]) for i in LEVELS.fused)
        assert int(guide[y, x]) == max((i for i in range(5) if valid[0, i]), key=lambda i: float(fits[i]))


def test_padding_is_not_chosen_where_everything_else_fits_worse():
    known = shown(1, 1, 0)[2]
    query = random_maps(1, seed=0, grids=SAME)
    pixel = torch.cat([F.normalize(m[0, :, 2, 2], dim=0) for m in query])
    known = known._replace(
        object=torch.stack([pixel, -pixel])[None], object_valid=torch.tensor([[False, True]])
    )
    assert (guide_map(query, known, LEVELS) == 1).all()
    best = similarity(query, known._replace(centre=known.centre * 0, spread=known.spread * 0 + 1), LEVELS)[0]
    torch.testing.assert_close(best[0, 0, 2, 2], torch.tensor(-0.5))  # halved cosine with -pixel


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_prototypes_have_unit_length_in_every_level_and_padding_none(seed):
    known = shown(2, 2, seed)[2]
    for prototypes, valid in (
        (known.object, known.object_valid),
        (known.background, known.background_valid),
    ):
        assert prototypes.shape == (2, int(valid.sum(1).max()), sum(LEVELS.channels))
        for part in prototypes.split(LEVELS.channels, -1):
            torch.testing.assert_close(part.norm(dim=-1), valid.float())


@pytest.mark.parametrize(
    "levels",
    [LEVELS, Levels((2, 3), grid=1, fine=0, fused=(0, 1), read=1, shallow=1)],
)
def test_the_maps_have_the_channels_it_counts(levels):
    grids = GRIDS[: len(levels.channels)]
    maps = [torch.randn(1, 1, c, *g) for c, g in zip(levels.channels, grids, strict=True)]
    known = learn(maps, random_masks(1, 1), levels, AREA, MOST)
    found, guide = similarity([m[:, 0] for m in maps], known, levels)
    assert found.shape == (1, levels.similarity_channels, *grids[levels.fine])
    assert guide.shape == (1, *grids[levels.grid])


def test_half_precision_and_autocast_lose_nothing():
    maps, masks, known = shown(1, 2, 8)
    query = random_maps(1, seed=9)
    with torch.autocast("cpu", torch.bfloat16):
        casted = learn(maps, masks, LEVELS, AREA, MOST)
        found, guide = similarity(query, casted, LEVELS)
    assert all(torch.equal(a, b) for a, b in zip(casted, known, strict=True))
    expected, its_guide = similarity(query, known, LEVELS)
    assert torch.equal(found, expected)
    assert torch.equal(guide, its_guide)
    half, single = ([m.half().to(kind) for m in maps] for kind in (torch.float16, torch.float32))
    pairs = zip(*(learn(m, masks, LEVELS, AREA, MOST) for m in (half, single)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_no_gradient():
    maps, query = ([m.requires_grad_() for m in random_maps(*n)] for n in ((1, 1), (1,)))
    known = learn(maps, random_masks(1, 1), LEVELS, AREA, MOST)
    assert not any(t.requires_grad for t in (*known, *similarity(query, known, LEVELS)))
