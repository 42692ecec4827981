"""Pictures of any sensor: deep values, many channels, planes, other people's formats, each with its right value."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from asgnet import Concept, Segmenter
from asgnet.data.read import FrameReader, decide, frame_count, read_picture, read_raw
from asgnet.errors import AsgnetWarning, PictureError
from asgnet.types import Rendering

H, W = 48, 64
RAMP = np.linspace(0, 1, H * W, dtype=np.float64).reshape(H, W)
GREY = np.round(RAMP * 255).astype(np.uint8)
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)
BANDS = np.stack([np.roll(GREY, 7 * i, axis=1) for i in range(32)], axis=2)  # h w 32


def between(low, high, dtype, shape=RAMP):
    """The ramp from low to high."""
    return (low + shape * (high - low)).astype(dtype)


def with_pixel(values, value, at=(5, 6)):
    values = values.copy()
    values[at] = value
    return values


def tiff(values, **how) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **how)
    return stream.getvalue()


def npy(values) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def npz(values) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, values)
    return stream.getvalue()


def pillow(values, kind, **how) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, kind, **how)
    return stream.getvalue()


def grey(values):
    return np.repeat(values[..., None], 3, axis=2)


def black_at(values, at=(5, 6)):
    values = values.copy()
    values[at] = 0
    return values


NAN, NODATA = np.float32("nan"), -9999.0
HALF = between(0, 1, np.float32)
WHOLE = (RAMP * 65535).round().astype(np.uint16)
# name -> bytes, expected h w 3 (within two of 255), what is said or None
DEEP = {
    "16 bits, all of them": (tiff(WHOLE), grey(GREY), None),
    "16 bits, values to 2040": (tiff(between(0, 2040, np.uint16)), grey(GREY), "as white"),
    "16-bit RGB, values to 2040": (
        tiff((RGB.astype(np.uint16) * 8), photometric="rgb"), RGB, "as white"),
    "12 bits": (tiff(between(0, 4095, np.uint16)), grey(GREY), "as white"),
    "14 bits": (tiff(between(0, 16383, np.uint16)), grey(GREY), "as white"),
    "10 bits, big-endian": (tiff(between(0, 1023, ">u2"), byteorder=">"), grey(GREY), "as white"),
    "a narrow range with a hot pixel": (
        tiff(with_pixel(between(200, 274, np.uint16), 65535)), None, "as white"),
    "a narrow range, offset by 32768": (tiff(between(33000, 33500, np.uint16)), grey(GREY), "as white"),
    "16-bit values of an 8-bit picture": (tiff(GREY.astype(np.uint16)), grey(GREY), None),
    "16 bits of a constant": (tiff(np.full((H, W), 700, np.uint16)), np.full((H, W, 3), 255), "as white"),
    "16 bits, all black": (tiff(np.zeros((H, W), np.uint16)), np.zeros((H, W, 3)), None),
    "signed 16 bits": (tiff(between(-1000, 3000, np.int16)), grey(GREY), "-"),
    "signed 8 bits": (tiff(between(-128, 127, np.int8)), grey(GREY), "as white"),
    "32 bits": (tiff(between(0, 3e9, np.uint32)), grey(GREY), "as white"),
    "64 bits": (tiff(between(0, 3e9, np.uint64)), grey(GREY), "as white"),
    "float in [0, 1]": (tiff(HALF), grey(GREY), None),
    "half floats in [0, 1]": (tiff(between(0, 1, np.float16)), grey(GREY), None),
    "float64 in [0, 1]": (tiff(between(0, 1, np.float64)), grey(GREY), None),
    "float64 of any range": (tiff(between(-3, 17, np.float64)), grey(GREY), "as white"),
    "reflectance, floats to 0.08": (tiff(between(0, 0.08, np.float32)), grey(GREY), "as white"),
    "float with NaN": (tiff(with_pixel(between(5, 90, np.float32), NAN)), black_at(grey(GREY)), "as white"),
    "float with infinity": (
        tiff(with_pixel(between(5, 90, np.float32), np.inf)), black_at(grey(GREY)), "as white"),
    "float with nodata -9999": (
        tiff(with_pixel(between(5, 90, np.float32), NODATA)), black_at(grey(GREY)), "as white"),
    "float with the least float": (
        tiff(with_pixel(between(5, 90, np.float32), np.finfo(np.float32).min)), black_at(grey(GREY)), "as white"),
    "nodata of GDAL's tag": (
        tiff(with_pixel(between(100, 900, np.uint16), 7), extratags=[(42113, "s", 0, "7", True)]),
        black_at(grey(GREY)), "as white"),
    "signed nodata -32768": (
        tiff(with_pixel(between(100, 900, np.int16), -32768)), black_at(grey(GREY)), "as white"),
    "NaN everywhere": (tiff(np.full((H, W), NAN)), np.zeros((H, W, 3)), None),
    "white is zero": (tiff(WHOLE[::-1, ::-1], photometric="miniswhite"), grey(GREY), None),
    "turned by its tag": (
        tiff(np.rot90(WHOLE), extratags=[(274, "H", 1, 6, True)]), grey(GREY), None),
    "deflated": (tiff(WHOLE, compression="zlib"), grey(GREY), None),
    "LZW": (tiff(WHOLE, compression="lzw", predictor=True), grey(GREY), None),
    "Zstandard": (tiff(between(0, 1, np.float32), compression="zstd"), grey(GREY), None),
    "JPEG 2000 inside": (tiff(WHOLE, compression="jpeg2000"), grey(GREY), None),
    "in tiles": (tiff(np.tile(WHOLE, (2, 2)), tile=(32, 32)), grey(np.tile(GREY, (2, 2))), None),
    "a BigTIFF": (tiff(WHOLE, bigtiff=True), grey(GREY), None),
    "2 channels": (tiff(BANDS[..., :2], photometric="minisblack", planarconfig="contig"),
                   np.dstack([BANDS[..., :2], np.zeros((H, W))]), "2 channels, shown as red and green"),
    "4 channels, none transparent": (
        tiff(BANDS[..., :4], photometric="minisblack", planarconfig="contig", extrasamples=[0, 0, 0]),
        BANDS[..., :3], "4 channels"),
    "5 channels": (tiff(BANDS[..., :5], photometric="minisblack", planarconfig="contig"),
                   BANDS[..., :3], "5 channels; 1, 2 and 3 are shown"),
    "32 channels in planes": (
        tiff(np.moveaxis(BANDS, 2, 0), photometric="minisblack", planarconfig="separate"),
        BANDS[..., :3], "32 channels"),
    "RGB in planes": (tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate"), RGB, None),
    "multispectral, 16 bits": (
        tiff(np.moveaxis(BANDS[..., :8].astype(np.uint16) * 8, 2, 0), photometric="minisblack",
             planarconfig="separate"),
        BANDS[..., :3], "as white"),
    "RGB with alpha, 16 bits": (
        tiff(np.dstack([RGB.astype(np.uint16) * 257, WHOLE]), photometric="rgb", extrasamples=["unassalpha"]),
        RGB, None),
    "OME, three channels": (
        tiff(np.moveaxis(RGB, 2, 0), ome=True, metadata={"axes": "CYX"}), RGB, None),
    "OME, 16 bits, two channels": (
        tiff(np.moveaxis(BANDS[..., :2].astype(np.uint16) * 257, 2, 0), ome=True, metadata={"axes": "CYX"}),
        np.dstack([BANDS[..., :2], np.zeros((H, W))]), "2 channels"),
    "ImageJ, three channels": (
        tiff(np.moveaxis(RGB, 2, 0), imagej=True, metadata={"axes": "CYX"}), RGB, None),
    "a stack of planes": (
        tiff(np.stack([WHOLE, WHOLE[::-1]]), imagej=True, metadata={"axes": "ZYX"}), grey(GREY), "only the first"),
    "planes and channels": (
        tiff(np.stack([np.moveaxis(RGB, 2, 0), np.moveaxis(RGB[::-1], 2, 0)]), ome=True,
             metadata={"axes": "ZCYX"}), RGB, "only the first"),
    "pages of 16 bits": (tiff(np.stack([WHOLE, WHOLE])), grey(GREY), "only the first"),
    "plain TIFF": (tiff(RGB, photometric="rgb"), RGB, None),
    "an array": (npy(GREY), grey(GREY), None),
    "an array of colours": (npy(RGB), RGB, None),
    "an array, channels first": (npy(np.moveaxis(RGB, 2, 0)), RGB, None),
    "an array of floats": (npy(between(-5, 5, np.float64)), grey(GREY), "as white"),
    "an array of 16 bits": (npy(WHOLE), grey(GREY), None),
    "an array in an archive": (npz(WHOLE), grey(GREY), None),
    "an array in Fortran's order": (npy(np.asfortranarray(RGB)), RGB, None),
    "16-bit PNG": (pillow(WHOLE, "PNG"), grey(GREY), None),
    "12-bit PNG": (pillow(between(0, 4095, np.uint16), "PNG"), grey(GREY), "as white"),
    "JPEG 2000": (pillow(RGB, "JPEG2000"), RGB, None),
    "16-bit PGM": (pillow(WHOLE, "PPM"), grey(GREY), None),
}  # fmt: skip


def seen(data, how=None):
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", AsgnetWarning)
        picture = read_picture(io.BytesIO(data), rendering=how)
    return picture, " ".join(str(n.message) for n in notes if issubclass(n.category, AsgnetWarning))


@pytest.mark.parametrize("case", DEEP)
def test_a_sensor_s_picture_is_shown_as_its_8_bits_by_hand(case):
    data, expected, said = DEEP[case]
    picture, notes = seen(data)
    assert picture.dtype == np.uint8
    assert picture.shape == (*(expected if expected is not None else RGB).shape[:2], 3)
    if expected is not None:
        assert np.abs(picture.astype(int) - expected).max() <= 2
    assert (said in notes) if said else not notes


def test_a_hot_pixel_moves_nothing_else():
    clean, hot = (
        seen(tiff(values))[0].astype(int)
        for values in (between(200, 274, np.uint16), with_pixel(between(200, 274, np.uint16), 65535))
    )
    differing = np.abs(clean - hot).max(-1)
    assert (differing > 4).sum() == 1
    assert hot[5, 6].tolist() == [255] * 3


def test_other_people_s_formats(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(RGB)).save(tmp_path / "a.heic", quality=100)
    picture, _ = seen((tmp_path / "a.heic").read_bytes())
    assert np.abs(picture.astype(int) - RGB).mean() < 6


def test_jpeg_xl():
    codecs = pytest.importorskip("imagecodecs")
    np.testing.assert_array_equal(seen(codecs.jpegxl_encode(RGB, lossless=True))[0], RGB)
    picture, _ = seen(codecs.jpegxl_encode(WHOLE, lossless=True))
    assert np.abs(picture.astype(int) - grey(GREY)).max() <= 2


def dicom(values, window=None, slope=1, intercept=0, photometric="MONOCHROME2") -> bytes:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    stream = io.BytesIO()
    data = FileDataset(stream, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 1 if values.ndim == 2 else 3
    if values.ndim == 3:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = photometric
    bits = values.dtype.itemsize * 8
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    if values.ndim == 2:
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
    if window:
        data.WindowCenter, data.WindowWidth = window
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: dicom(between(0, 2000, np.uint16)), grey(GREY)),
        (lambda: dicom(between(-1000, 1000, np.int16), window=(0, 2000)), grey(GREY)),
        (lambda: dicom(between(0, 2000, np.uint16), window=(0, 2000), intercept=-1000), grey(GREY)),
        (lambda: dicom(between(2000, 0, np.uint16), window=(1000, 2000), photometric="MONOCHROME1"), grey(GREY)),
        (lambda: dicom(between(2000, 0, np.uint16), photometric="MONOCHROME1"), grey(GREY)),
        (lambda: dicom(RGB, photometric="RGB"), RGB),
    ],
    ids=["plain", "window", "rescaled", "MONOCHROME1 with a window", "MONOCHROME1", "colour"],
)  # fmt: skip
def test_dicom(made, expected):
    picture, _ = seen(made())
    assert np.abs(picture.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(
    ("module", "data", "extra"),
    [
        ("pydicom", lambda: dicom(WHOLE), "medical"),
        ("imagecodecs", lambda: b"\xff\x0a" + bytes(60), "microscopy"),
        ("pillow_heif", lambda: b"\0\0\0\x18ftypheic" + bytes(60), "phone"),
    ],
)
def test_without_its_package_a_format_is_named_with_the_extra(module, data, extra, monkeypatch):
    from importlib import import_module

    from asgnet.data.read import others

    def missing(name):
        if name == module:
            raise ImportError(name)
        return import_module(name)

    data = data()
    monkeypatch.setattr(others, "import_module", missing)
    if module == "pillow_heif":
        monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(PictureError, match=rf"pip install 'asgnet\[{extra}\]'"):
        read_picture(io.BytesIO(data))


INDEX = between(0, 1, np.float32)
NIR, RED = INDEX + 1, np.ones((H, W), np.float32)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("3,2,1", RGB[..., ::-1]),
        ("2", grey(RGB[..., 1])),
        ("2,2,2", grey(RGB[..., 1])),
        ("1, 3 ,2", RGB[..., [0, 2, 1]]),
    ],
)
def test_channels_by_number(channels, expected):
    np.testing.assert_array_equal(seen(tiff(RGB, photometric="rgb"), Rendering(channels))[0], expected)


def test_channels_by_name():
    data = tiff(
        np.moveaxis(BANDS[..., :3], 2, 0), ome=True,
        metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "Red 647"]}},
    )  # fmt: skip
    np.testing.assert_array_equal(seen(data, Rendering("GFP"))[0], grey(BANDS[..., 1]))
    np.testing.assert_array_equal(seen(data, Rendering("red 647,gfp,dapi"))[0], BANDS[..., [2, 1, 0]])


def test_an_index_of_channels():
    bands = np.stack([RED, RED, RED, NIR], axis=2)
    data = tiff(bands, photometric="minisblack", planarconfig="contig")
    with pytest.warns(AsgnetWarning, match="as white"):
        how = decide([read_raw(io.BytesIO(data))], "(4-3)/(4+3)")
    picture, _ = seen(data, how)
    true = (NIR - RED) / (NIR + RED)
    expected = np.round((true - true.min()) / np.ptp(true) * 255)
    assert np.abs(picture[..., 0] - expected).max() <= 2
    assert (picture == picture[..., :1]).all()


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ("4", "3 channels"), ("0", "3 channels"), ("1,2", "2 terms"), ("nir", "no channel"),
        ("__import__('os').system('x')", "no channel"), ("1+", "no channel"), ("(1", "no channel"),
        ("1**9", "no channel"), ("[1]", "no channel"), ("1 if 2 else 3", "no channel"),
    ],
)  # fmt: skip
def test_channels_that_are_none(channels, said):
    with pytest.raises(PictureError, match=said):
        read_picture(io.BytesIO(tiff(RGB, photometric="rgb")), rendering=Rendering(channels))


def test_a_range_decided_once_holds_for_darker_and_brighter_pictures():
    first, second = tiff(between(200, 1000, np.uint16)), tiff(between(200, 600, np.uint16))
    with pytest.warns(AsgnetWarning, match="as white"):
        how = decide([read_raw(io.BytesIO(first))])
    picture, said = seen(second, how)
    assert not said
    assert np.abs(picture.astype(int) - grey(np.round(RAMP * 127.5))).max() <= 2
    asked = decide([read_raw(io.BytesIO(first))], values=(0, 2000))
    assert np.abs(seen(first, asked)[0].astype(int) - grey(np.round(25.5 + RAMP * 102))).max() <= 2


@pytest.mark.parametrize("make", [tiff, npy, npz])
def test_a_deep_bomb_is_refused_before_it_is_read(make):
    data = bytearray(make(np.zeros((20, 30), np.float32)))
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(io.BytesIO(bytes(data)), most_pixels=100)


@pytest.mark.parametrize("case", [name for name in DEEP if DEEP[name][0][:2] in (b"II", b"MM", b"\x93N")])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_deep_file_cut_short_is_one_sentence(case, part):
    data = DEEP[case][0]
    with pytest.raises(PictureError) as error:
        seen(data[: int(len(data) * part)])
    assert "\n" not in str(error.value)


STACKS = {
    "planes": (tiff(np.stack([WHOLE, WHOLE[::-1]]), imagej=True, metadata={"axes": "ZYX"}), 2),
    "planes of three channels": (
        tiff(np.stack([np.moveaxis(RGB, 2, 0)] * 3), ome=True, metadata={"axes": "ZCYX"}), 3),
    "times and planes": (
        tiff(np.stack([WHOLE] * 6).reshape(2, 3, H, W), ome=True, metadata={"axes": "TZYX"}), 6),
    "channels alone": (tiff(np.moveaxis(RGB, 2, 0), ome=True, metadata={"axes": "CYX"}), None),
    "pages of a fax": (tiff(np.stack([GREY, GREY[::-1], GREY]), photometric="minisblack"), 3),
}  # fmt: skip


@pytest.mark.parametrize("case", STACKS)
def test_planes_and_times_are_frames_and_channels_are_not(tmp_path, case):
    data, frames = STACKS[case]
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    assert frame_count(path) == frames
    if case == "planes":
        reader = FrameReader()
        for index, expected in enumerate((GREY, GREY[::-1])):
            assert np.abs(reader.read(path, index).picture.astype(int) - grey(expected)).max() <= 2


def test_the_planes_of_a_stack_share_one_range(tmp_path):
    path = tmp_path / "a.tif"
    stack = np.stack([between(0, 1000, np.uint16), between(0, 500, np.uint16)])
    path.write_bytes(tiff(stack, imagej=True, metadata={"axes": "ZYX"}))
    reader = FrameReader()
    with pytest.warns(AsgnetWarning, match="as white"):
        bright = reader.read(path, 0).picture.astype(int)
    dark = reader.read(path, 1).picture.astype(int)
    assert np.abs(bright - grey(GREY)).max() <= 2
    assert np.abs(dark - grey(np.round(RAMP * 127.5))).max() <= 2


def block(low, high, dtype=np.uint16, seed=0):
    """A bright block on a dark ground of a sensor whose values go from low to high; and its mask."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((96, 128), np.uint8)
    mask[20:60, 30 + 5 * seed : 80 + 5 * seed] = 1
    shown = np.where(mask == 1, 0.8, 0.3) + rng.normal(0, 0.02, mask.shape)
    return (low + shown.clip(0, 1) * (high - low)).astype(dtype), mask


def iou_of(found, mask):
    return (found & (mask == 1)).sum() / (found | (mask == 1)).sum()


def test_a_concept_keeps_how_its_pictures_are_shown(tmp_path):
    """Fitted on raw 16 bits, a hot pixel among them; a raw picture and its 8 bits by hand are segmented alike."""
    support, painted = block(200, 274)
    query, true = block(200, 274, seed=1)
    hot = with_pixel(query, 65535, (2, 3))
    paths = [tmp_path / f"{name}.tif" for name in ("support", "query", "hot")]
    for path, values in zip(paths, (support, query, hot), strict=True):
        tifffile.imwrite(path, values)
    segmenter = Segmenter.from_pretrained(engine="torch")
    with pytest.warns(AsgnetWarning, match="as white"):
        segmenter.fit(paths[0], painted)
    low, high = segmenter.concept.rendering.values
    assert 200 <= low < 230
    assert 250 < high <= 274
    segmenter.concept.save(tmp_path / "a.concept")
    segmenter.concept = Concept.load(tmp_path / "a.concept")
    assert segmenter.concept.rendering.values == (low, high)
    raw, warm = (segmenter.predict(path).mask for path in paths[1:])
    by_hand = ((query.astype(float) - low) / (high - low) * 255).clip(0, 255).round().astype(np.uint8)
    eight = segmenter.predict(grey(by_hand)).mask
    assert iou_of(raw, true) > 0.9
    assert iou_of(raw, eight.astype(np.uint8)) > 0.99
    assert abs(iou_of(warm, true) - iou_of(raw, true)) < 0.01


def test_an_8_bit_concept_keeps_nothing_of_it(tmp_path):
    picture, mask = block(0, 255, np.uint8)
    segmenter = Segmenter.from_pretrained(engine="torch").fit(grey(picture), mask)
    assert segmenter.concept.rendering is None


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--range", "200,274"], 0, ""),
        (["--channels", "1,1,1"], 0, ""),
        (["--range", "274,200"], 2, "lower one first"),
        (["--range", "many"], 2, "lower one first"),
        (["--channels", "9"], 4, "1 channel"),
    ],
)
def test_range_and_channels_on_the_command_line(world, run, options, code, said):
    for i in (0, 1):
        values, mask = block(200, 274, seed=i)
        tifffile.imwrite(f"{i}.tif", values)
        Image.fromarray(mask).save(f"{i}_mask.png")
    ended = run(
        "segment", "1.tif", "--support", "0.tif", "0_mask.png", "--out", "out", "--runtime", "torch", *options
    )
    assert ended.code == code, ended.err
    assert said in ended.err
    if code == 0:
        assert iou_of(np.asarray(Image.open("out/1.png")) > 0, block(200, 274, seed=1)[1]) > 0.9


def test_channels_are_the_concept_s(world, run):
    values, mask = block(200, 274)
    tifffile.imwrite("0.tif", values)
    Image.fromarray(mask).save("0_mask.png")
    assert (
        run("fit", "--support", "0.tif", "0_mask.png", "--out", "a.concept", "--range", "200,274").code == 0
    )
    ended = run("segment", "0.tif", "--concept", "a.concept", "--out", "out", "--runtime", "torch")
    assert ended.code == 0, ended.err
    assert "as white" not in ended.err
    again = run("segment", "0.tif", "--concept", "a.concept", "--out", "more", "--range", "0,9")
    assert again.code == 2
    assert "leave --channels" in again.err
