"""Frames of animations, pages and videos: every one, in order, upright, with its number."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from asgnet.data.read import FrameReader, frame_count, frames, is_video
from asgnet.errors import AsgnetWarning, PictureError


def shades(count: int, size=(24, 16)) -> list[Image.Image]:
    return [Image.new("RGB", size, (30 * i, 255 - 30 * i, 60)) for i in range(count)]


@pytest.fixture(params=["gif", "webp", "tiff"])
def animation(request, tmp_path):
    path = tmp_path / f"a.{request.param}"
    lossless = {"lossless": True} if request.param == "webp" else {}
    first, *others = shades(5)
    first.save(path, save_all=True, append_images=others, **lossless)
    return path


def video(path, count=7, size=(32, 16)):
    av = pytest.importorskip("av", reason="needs PyAV (the extra asgnet[video])")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for image in shades(count, size):
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


@pytest.mark.filterwarnings("error")
def test_frames_in_order_and_back(animation):
    assert frame_count(animation) == 5
    reader = FrameReader()
    for index in (0, 1, 3, 2, 4):
        frame = reader.read(animation, index)
        assert frame.time is None
        assert abs(frame.picture.astype(int) - (30 * index, 255 - 30 * index, 60)).max() <= 4


def test_a_plain_picture_has_no_frames(tmp_path):
    for ending in ("png", "tif", "gif", "webp", "jpg"):
        shades(1)[0].save(tmp_path / f"a.{ending}")
        assert frame_count(tmp_path / f"a.{ending}") is None
    (tmp_path / "broken.tif").write_text("x")
    assert frame_count(tmp_path / "broken.tif") is None


def test_a_video_s_frames_have_times(tmp_path):
    path = video(tmp_path / "clip.mp4")
    assert is_video(path)
    assert frame_count(path) == 7
    reader = FrameReader()
    for index in (0, 2, 6, 1):
        frame = reader.read(path, index)
        assert frame.time == pytest.approx(index / 10)
        assert frame.picture.shape == (16, 32, 3)
        assert abs(frame.picture.astype(int) - (30 * index, 255 - 30 * index, 60)).max() < 12


def test_two_files_in_turn(tmp_path, animation):
    path = video(tmp_path / "clip.mp4", count=3)
    reader = FrameReader()
    assert reader.read(path, 1).time == pytest.approx(0.1)
    assert reader.read(animation, 4).picture.shape == (16, 24, 3)
    assert reader.read(path, 0).time == 0


def test_a_file_that_ends_before_is_said(animation):
    with pytest.raises(PictureError, match="ends before frame 5"):
        FrameReader().read(animation, 5)


def test_a_broken_video_is_said(tmp_path):
    pytest.importorskip("av", reason="needs PyAV (the extra asgnet[video])")
    (tmp_path / "a.mp4").write_bytes(b"no video at all")
    with pytest.raises(PictureError, match=r"a\.mp4.*damaged|a\.mp4.*cannot be opened"):
        frame_count(tmp_path / "a.mp4")
    with pytest.raises(PictureError, match="does not exist"):
        frame_count(tmp_path / "missing.mp4")


def test_without_pyav_the_remedy_is_said(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(PictureError, match=r"pip install 'asgnet\[video\]'"):
        frame_count(tmp_path / "a.mp4")


def test_too_many_pixels_are_refused_before_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "MOST_PIXELS", 100)
    path = tmp_path / "a.gif"
    first, *others = shades(3)
    first.save(path, save_all=True, append_images=others)
    with pytest.raises(PictureError, match="megapixels"):
        FrameReader().read(path, 1)


def test_frames_in_an_object_store(animation):
    import fsspec

    address = f"memory://frames/{animation.name}"
    with fsspec.open(address, "wb") as stream:
        stream.write(animation.read_bytes())
    assert frame_count(address) == 5
    local = FrameReader().read(animation, 2).picture
    np.testing.assert_array_equal(FrameReader().read(address, 2).picture, local)


@pytest.mark.parametrize("ending", ["gif", "tiff", "mp4"])
def test_a_pipe_is_never_opened(tmp_path, pipes, ending):
    path = pipes(tmp_path / f"a.{ending}")
    if is_video(path):
        pytest.importorskip("av", reason="needs PyAV (the extra asgnet[video])")
        with pytest.raises(PictureError, match="a pipe"):
            frame_count(path)
    else:
        assert frame_count(path) is None


def test_a_video_that_was_cut_off_is_said(tmp_path):
    """Its head, in front, promises more frames than follow."""
    av = pytest.importorskip("av", reason="needs PyAV (the extra asgnet[video])")
    noise = np.random.default_rng(0).integers(0, 256, (10, 64, 96, 3), np.uint8)
    with av.open(str(tmp_path / "whole.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for image in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    whole = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    assert frame_count(tmp_path / "whole.mp4") == 10
    with pytest.warns(AsgnetWarning, match=r"cut\.mp4' is cut off: \d of its 10 frames are there"):
        assert 0 < frame_count(tmp_path / "cut.mp4") < 10
