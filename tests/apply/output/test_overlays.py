"""The overlay to the pixel, and colours that differ."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from tests.saying import says

from asgnet.apply.output.overlays import class_palette, overlay, overlay_jpeg
from asgnet.errors import UsageError

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
REGION = np.zeros((6, 8), bool)
REGION[1:4, 2:7] = True
REGION[2, 4] = False

regions = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def test_overlay_by_hand():
    region = np.zeros((5, 6), bool)
    region[1:4, 1:4] = True
    out = overlay(np.full((5, 6, 3), 100, np.uint8), region, alpha=0.5)
    colour = class_palette(1)[1]
    np.testing.assert_array_equal(out[~region], 100)
    np.testing.assert_array_equal(out[2, 2], ((100 + colour.astype(int)) / 2 + 0.5).astype(int))
    ring = region.copy()
    ring[2, 2] = False
    np.testing.assert_array_equal(out[ring], np.broadcast_to(colour, (8, 3)))


def test_the_pictures_frame_is_no_outline():
    out = overlay(PICTURE, np.ones((6, 8), bool), alpha=0)
    np.testing.assert_array_equal(out, PICTURE)


def test_overlay_of_several_classes_uses_their_colours():
    mask = REGION.astype(np.int32)
    mask[:, 5:] *= 2
    out = overlay(PICTURE, mask, alpha=1)
    np.testing.assert_array_equal(out, np.where((mask > 0)[..., None], class_palette(3)[mask], PICTURE))


@given(regions, st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_overlay_leaves_the_surroundings_and_its_arguments_alone(region, alpha, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (*region.shape, 3), np.uint8)
    kept, colour = picture.copy(), class_palette(1)[1]
    out = overlay(picture, region, alpha)
    np.testing.assert_array_equal(picture, kept)
    np.testing.assert_array_equal(out[~region], picture[~region])
    filled = (picture * (1 - alpha) + colour * alpha + 0.5).astype(np.uint8)
    around = np.pad(region, 1, mode="edge")
    inner = region & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    np.testing.assert_array_equal(out[inner], filled[inner])
    assert (out[region & ~inner] == colour).all()
    np.testing.assert_array_equal(overlay(picture, region.astype(np.int32), alpha), out)


def test_overlay_of_another_size():
    with pytest.raises(UsageError) as error:
        overlay(PICTURE, REGION[:-1])
    says(error, "(5, 8)", "(6, 8)", "give its own")


def test_every_class_has_its_own_colour():
    palette = class_palette(254)
    assert len({tuple(c) for c in palette}) == 256
    assert tuple(palette[0]) == (0, 0, 0)
    assert tuple(palette[255]) == (255, 255, 255)
    assert (class_palette(2)[3:] == 255).all()


def test_an_overlay_is_a_jpeg_of_the_picture_s_size():
    encoded = overlay_jpeg(np.full((16, 24, 3), 100, np.uint8), np.ones((16, 24), bool))
    with Image.open(io.BytesIO(encoded)) as image:
        assert (image.format, image.size) == ("JPEG", (24, 16))
        filled = 100 * 0.55 + class_palette(1)[1] * 0.45
        assert abs(np.asarray(image)[8, 12] - filled).max() < 6
