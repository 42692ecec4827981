import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from tests.data.pictures import BLACK, RED, RGB

from asgnet.data.png import png_parts, save_png
from asgnet.data.read import read_labels, read_picture


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, bool]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    )
)
def test_png_keeps_every_value(tmp_path_factory, array):
    path = tmp_path_factory.getbasetemp() / "round.png"
    save_png(path, array)
    expected = array.astype(np.uint8) * 255 if array.dtype == bool else array
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), expected)
    if array.dtype == np.uint8:
        save_png(path, array, palette=np.arange(768).reshape(256, 3) % 256)
        np.testing.assert_array_equal(read_labels(path), array)


def test_png_of_colours_of_pil_and_of_a_palette(tmp_path):
    path = tmp_path / "p.png"
    for image in (RGB, RGB[:, ::-1], Image.fromarray(RGB)):
        save_png(path, image)
        np.testing.assert_array_equal(read_picture(path), np.asarray(image))
    save_png(path, np.array([[0, 1]], np.uint8), palette=[BLACK, RED])
    np.testing.assert_array_equal(read_picture(path), [[BLACK, RED]])
    with Image.open(path) as image:
        assert image.mode == "P"


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 4)])
def test_a_png_by_rows_holds_the_same_values(kind, shape):
    if shape[2:] and kind != np.uint8:
        return
    picture = np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)
    data = b"".join(png_parts(np.split(picture, [1, 5]), (7, 5)))
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(data))), picture)


def test_a_palette_png_by_rows():
    palette = np.arange(256 * 3).reshape(256, 3).astype(np.uint8)
    data = b"".join(png_parts([np.array([[0, 1], [2, 255]], np.uint8)], (2, 2), palette))
    image = Image.open(io.BytesIO(data))
    assert np.array(image).tolist() == [[0, 1], [2, 255]]
    np.testing.assert_array_equal(np.array(image.convert("RGB"))[1, 0], palette[2])
