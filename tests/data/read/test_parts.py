import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from asgnet.data.read import ArrayParts, large_size, open_parts, read_picture
from asgnet.errors import AsgnetWarning, PictureError
from asgnet.imaging.resize import resized
from asgnet.types import Rendering

PICTURE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
H, W = 150, 210
rng = np.random.default_rng(0)
SMOOTH = np.array(Image.fromarray(rng.integers(0, 255, (9, 12, 3), np.uint8)).resize((W, H), 2))
TILES = {"tile": (32, 48)}
DEFLATE = {"compression": "zlib"}


def test_a_part_at_its_own_size_is_its_pixels():
    parts = ArrayParts(PICTURE)
    assert parts.size == (6, 8)
    np.testing.assert_array_equal(parts.read((1, 2, 4, 7), (3, 5)), PICTURE[1:4, 2:7])


def test_a_part_at_another_size_is_resized_from_its_pixels_alone():
    found = ArrayParts(PICTURE).read((0, 4, 6, 8), (3, 2))
    np.testing.assert_array_equal(found, resized(PICTURE[:, 4:], (3, 2)))


def same_as_whole(path, rendering=None):
    """Parts are those of the picture read at once, at their own size and at others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AsgnetWarning)
        whole = read_picture(path, rendering=rendering)
        with open_parts(path, rendering, whole=100) as parts:
            assert not isinstance(parts, ArrayParts)
            assert parts.size == whole.shape[:2]
            h, w = parts.size
            for box in ((0, 0, h, w), (31, 47, 33, 49), (h - 1, w - 1, h, w), (10, 3, 140, 147)):
                own = box[2] - box[0], box[3] - box[1]
                here = whole[box[0] : box[2], box[1] : box[3]]
                np.testing.assert_array_equal(parts.read(box, own), here)
                small = max(own[0] // 3, 1), max(own[1] // 4, 1)
                found = parts.read(box, small).astype(int)
                assert abs(found - resized(here, small)).max() == 0


TIFFS = {
    "tiles": dict(TILES, **DEFLATE),
    "tiles as they are": TILES,
    "tiles in a BigTIFF": dict(TILES, bigtiff=True),
    "tiles of JPEG": dict(TILES, tile=(64, 64), compression="jpeg"),
    "tiles, one colour after the other": dict(TILES, planarconfig="separate", **DEFLATE),
    "strips": dict(DEFLATE, rowsperstrip=7, predictor=True),
    "one strip as it is": {},
    "one strip, big endian": {"byteorder": ">"},
    "one strip, one colour after the other": {"planarconfig": "separate"},
}


@pytest.mark.parametrize("how", TIFFS)
def test_a_tiff_in_parts_is_the_tiff(tmp_path, how):
    options = dict(TIFFS[how])
    opens = {key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
    picture = np.moveaxis(SMOOTH, 2, 0) if "planarconfig" in options else SMOOTH
    tifffile.imwrite(tmp_path / "x.tif", picture, photometric="rgb", **opens, **options)
    same_as_whole(tmp_path / "x.tif")


def test_grey_bits_palettes_and_transparency_are_shown_as_ever(tmp_path):
    grey = SMOOTH[..., 0]
    tifffile.imwrite(tmp_path / "grey.tif", grey, **TILES)
    tifffile.imwrite(tmp_path / "white.tif", grey, photometric="miniswhite", **TILES)
    tifffile.imwrite(tmp_path / "bits.tif", grey > 99, **TILES)
    colours = rng.integers(0, 256, (3, 256), np.uint16) * 257
    tifffile.imwrite(tmp_path / "palette.tif", grey, photometric="palette", colormap=colours, **TILES)
    clear = np.dstack([SMOOTH, grey])
    tifffile.imwrite(tmp_path / "clear.tif", clear, photometric="rgb", extrasamples=["unassalpha"], **TILES)
    for path in tmp_path.iterdir():
        same_as_whole(path)


def test_deep_values_and_channels_are_shown_as_was_decided(tmp_path):
    deep = (SMOOTH.astype(np.uint16) * 11)[..., :2]
    stack = np.moveaxis(np.dstack([deep, deep[..., :1] // 2, deep[..., 1:]]), 2, 0)  # c h w
    tifffile.imwrite(tmp_path / "deep.tif", deep[..., 0], **TILES)
    tifffile.imwrite(
        tmp_path / "ome.tif", stack, ome=True, metadata={"axes": "CYX"}, photometric="minisblack", **TILES
    )
    tifffile.imwrite(tmp_path / "float.tif", deep[..., 0].astype(np.float32), **TILES)
    for name, channels in (("deep.tif", ""), ("ome.tif", "4,1,2"), ("float.tif", "")):
        same_as_whole(tmp_path / name, Rendering(channels, (100.0, 2000.0)))


def test_the_range_of_values_is_decided_once_for_all_parts(tmp_path):
    ramp = np.linspace(1000, 3000, H * W).reshape(H, W).astype(np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", ramp, **TILES)
    with (
        pytest.warns(AsgnetWarning, match="shown as black"),
        open_parts(tmp_path / "deep.tif", whole=100) as parts,
    ):
        top, bottom = parts.read((0, 0, 1, W), (1, W)), parts.read((H - 1, 0, H, W), (1, W))
    assert top.max() < 10
    assert bottom.min() > 245


@pytest.mark.parametrize("turn", range(2, 9))
def test_parts_are_turned_upright(tmp_path, turn):
    tag = [(274, "H", 1, turn, True)]
    deep = np.arange(H * W, dtype=np.uint16).reshape(H, W)
    tifffile.imwrite(tmp_path / "x.tif", deep, extratags=tag, **TILES)
    how = Rendering("", (0.0, 65535.0))
    whole = read_picture(tmp_path / "x.tif", rendering=how)
    with open_parts(tmp_path / "x.tif", how, whole=100) as parts:
        assert parts.size == whole.shape[:2]
        np.testing.assert_array_equal(parts.read((5, 9, 95, 100), (90, 91)), whole[5:95, 9:100])
        small = parts.read((0, 0, *parts.size), (30, 40)).astype(int)
        assert abs(small - resized(whole, (30, 40))).max() <= 1


def pyramid(path, damage=()):
    """A picture whose smaller copies are of other colours."""
    with tifffile.TiffWriter(path) as writer:
        options = {"photometric": "rgb", "tile": (32, 32), "compression": "zlib"}
        writer.write(SMOOTH, subifds=2, **options)
        for level, colour in ((2, 100), (4, 200)):
            writer.write(np.full((H // level, W // level, 3), colour, np.uint8), subfiletype=1, **options)
    with tifffile.TiffFile(path) as file:
        places = [file.series[0].levels[level].pages[0].dataoffsets[0] for level in damage]
    with open(path, "r+b") as stream:
        for place in places:
            stream.seek(place)
            stream.write(b"nonsense")


def test_small_ones_come_from_the_smaller_copies(tmp_path):
    pyramid(tmp_path / "x.tif")
    whole = (0, 0, H, W)
    with open_parts(tmp_path / "x.tif", whole=100) as parts:
        assert (parts.read(whole, (H // 2, W // 2)) == 100).all()
        assert (parts.read(whole, (20, 20)) == 200).all()
        assert (parts.read((0, 0, 40, 40), (10, 9)) == 200).all()
        assert not (parts.read(whole, (H // 2 + 9, W // 2)) == 100).all()


def test_a_slide_is_its_baseline_and_that_ones_copies(tmp_path):
    says = "Aperio Image Library v11\r\n{}x{} |AppMag = 20|MPP = 0.5"
    options = {"photometric": "rgb", "metadata": None}
    tiles = dict(options, tile=(64, 64), compression="zlib")
    with tifffile.TiffWriter(tmp_path / "x.svs", bigtiff=True) as writer:
        writer.write(SMOOTH, description=says.format(W, H), **tiles)
        writer.write(SMOOTH[::5, ::5], description=says.format(W // 5, H // 5), **options)
        half = np.full((H // 2, W // 2, 3), 90, np.uint8)
        writer.write(half, description=says.format(W // 2, H // 2), **tiles)
        label = np.full((40, 40, 3), 7, np.uint8)
        writer.write(label, description="Aperio label\r\nlabel 40x40", subfiletype=1, **options)
    with open_parts(tmp_path / "x.svs", whole=100) as parts:
        assert parts.size == (H, W)
        assert (parts.read((0, 0, H, W), (H // 2, W // 2)) == 90).all()
        np.testing.assert_array_equal(parts.read((0, 0, H, W), (H, W)), SMOOTH)


def test_a_damaged_copy_is_said_and_the_next_one_used(tmp_path):
    pyramid(tmp_path / "x.tif", damage=(2,))
    with open_parts(tmp_path / "x.tif", whole=100) as parts:
        with pytest.warns(AsgnetWarning, match="smaller copy of 52×37 is damaged; the next larger one"):
            assert (parts.read((0, 0, H, W), (20, 20)) == 100).all()
        assert (parts.read((0, 0, H, W), (20, 20)) == 100).all()


def test_a_damaged_tile_is_one_sentence(tmp_path):
    pyramid(tmp_path / "x.tif", damage=(0,))
    with open_parts(tmp_path / "x.tif", whole=100) as parts:
        parts.read((64, 64, 96, 96), (32, 32))
        with pytest.raises(PictureError, match="is damaged between rows 0 and 32"):
            parts.read((0, 0, 32, 32), (32, 32))


@pytest.mark.parametrize("ending", ["png", "jpg", "jp2"])
def test_png_jpeg_and_jpeg_2000_are_read_through_rasterio(tmp_path, ending):
    pytest.importorskip("rasterio")
    Image.fromarray(SMOOTH).save(tmp_path / f"x.{ending}")
    whole = read_picture(tmp_path / f"x.{ending}").astype(int)
    with open_parts(tmp_path / f"x.{ending}", whole=100) as parts:
        assert parts.size == (H, W)
        here = abs(parts.read((20, 30, 120, 200), (100, 170)) - whole[20:120, 30:200])
        assert here.max() <= (20 if ending == "jpg" else 1)  # colours are enlarged in two ways
        assert here.mean() < 1
        assert (
            abs(
                parts.read((0, 0, H, W), (H // 8, W // 8))
                - resized(whole.astype(np.uint8), (H // 8, W // 8)).astype(int)
            ).mean()
            < 4
        )


def test_palettes_and_transparency_of_png(tmp_path):
    pytest.importorskip("rasterio")
    Image.fromarray(SMOOTH).quantize(9).save(tmp_path / "palette.png")
    Image.fromarray(np.dstack([SMOOTH, SMOOTH[..., 0]])).save(tmp_path / "clear.png")
    for name in ("palette.png", "clear.png"):
        whole = read_picture(tmp_path / name).astype(int)
        with open_parts(tmp_path / name, whole=100) as parts:
            assert abs(parts.read((0, 0, H, W), (H, W)) - whole).max() <= 1


def test_small_pictures_and_arrays_are_whole(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "x.png")
    for source in (tmp_path / "x.png", SMOOTH):
        with open_parts(source) as parts:
            np.testing.assert_array_equal(parts.read((0, 0, H, W), (H, W)), SMOOTH)
    assert large_size(tmp_path / "x.png") is None
    assert large_size(tmp_path / "x.png", 100) == (H, W)


def head_of(path, size, **options):
    """A TIFF that says of itself that it is of another size than it is."""
    tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8), photometric="rgb", **options)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageLength"].overwrite(size[0])
        file.pages[0].tags["ImageWidth"].overwrite(size[1])


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("options", [{"tile": (64, 64)}, {}, {"compression": "zlib"}])
def test_a_size_that_the_file_cannot_hold_is_refused(tmp_path, size, options):
    head_of(tmp_path / "x.tif", size, **options)
    with pytest.raises(PictureError, match=r"x\.tif.*megapixels.*(cannot hold|more than the)"):
        open_parts(tmp_path / "x.tif").__enter__()


def test_one_huge_strip_names_the_remedy(tmp_path):
    tifffile.imwrite(
        tmp_path / "x.tif", np.zeros((9000, 12000), np.uint8), compression="zlib", rowsperstrip=9000
    )
    with pytest.raises(PictureError, match=r"pieces of 108.*gdal_translate -co TILED=YES"):
        open_parts(tmp_path / "x.tif").__enter__()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_part_at_any_size_is_that_of_the_whole(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("parts") / "x.tif"
    h, w = data.draw(st.integers(11, 90)), data.draw(st.integers(11, 90))
    picture = SMOOTH[:h, :w]
    tifffile.imwrite(path, picture, photometric="rgb", tile=(16, 32), compression="zlib")
    top, left = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    box = top, left, data.draw(st.integers(top + 1, h)), data.draw(st.integers(left + 1, w))
    size = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    with open_parts(path, whole=100) as parts:
        np.testing.assert_array_equal(parts.read(box, size), ArrayParts(picture).read(box, size))
