"""Where pictures and results lie: in each other's folders, on a disk that is full, in the place of a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.batch.run import segment_all
from asgnet.apply.concept.file import Concept
from asgnet.data.listing import list_sources
from asgnet.data.results import MANIFEST
from asgnet.errors import AsgnetWarning, OutputError, UsageError
from asgnet.types import Prediction


class Segmenter:
    """A stand-in whose object is whatever is bright."""

    supports = ()
    concept = Concept(("object",), {}, "a stand-in")

    def predict(self, image):
        mask = image[..., 0] > 100
        return Prediction(mask, mask.astype(np.float32), float(mask.any()), np.zeros(mask.shape, np.int32))


@pytest.fixture
def photos(tmp_path) -> Path:
    """Three pictures; ``1.jpg`` and ``2.png`` in the folder, ``more/1.jpg`` below it."""
    for i, name in enumerate(("1.jpg", "2.png", "more/1.jpg")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.zeros((12, 16, 3), np.uint8)
        image[3:9, 4 : 8 + i] = 200
        Image.fromarray(image).save(path)
    return tmp_path / "photos"


def masks(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def test_results_among_the_pictures_are_never_taken_for_pictures(photos):
    options = {"formats": ("png", "cutout"), "overlay": True}
    out = photos / "masks"
    assert segment_all(Segmenter(), list_sources([photos]), out, **options).done == 3
    before = masks(out)
    assert sorted(before) == [
        "1.png",
        "1_cutout.png",
        "2.png",
        "2_cutout.png",
        "more/1.png",
        "more/1_cutout.png",
    ]
    Image.fromarray(np.full((4, 4, 3), 200, np.uint8)).save(photos / "new.jpg")
    with pytest.warns(
        AsgnetWarning, match=r"Results in .*masks. are not taken for pictures \(9 of 13 files\)"
    ):
        again = segment_all(Segmenter(), list_sources([photos]), out, **options)
    assert (again.done, again.skipped, again.failed) == (1, 3, [])
    assert masks(out) == before | {name: (out / name).read_bytes() for name in ("new.png", "new_cutout.png")}


def test_results_of_another_run_are_not_taken_for_pictures_either(photos):
    segment_all(Segmenter(), list_sources([photos]), photos / "first", formats=("png", "cutout"))
    with pytest.warns(AsgnetWarning, match=r"first' are not taken for pictures \(6 of 9 files\)"):
        assert segment_all(Segmenter(), list_sources([photos]), photos / "second").done == 3
    with pytest.warns(AsgnetWarning, match=r"and 1 more are not taken for pictures \(9 of 12 files\)"):
        assert segment_all(Segmenter(), list_sources([photos]), photos / "second").skipped == 3


def test_listed_by_hand_results_are_not_taken_for_pictures_either(photos):
    by_hand = lambda: sorted(p for p in photos.rglob("*") if p.suffix in (".jpg", ".png"))  # noqa: E731
    segment_all(Segmenter(), by_hand(), photos / "masks")
    with pytest.warns(
        AsgnetWarning, match=r"Results in .*masks. are not taken for pictures \(3 of 6 files\)"
    ):
        assert segment_all(Segmenter(), by_hand(), photos / "masks").skipped == 3


def test_results_beside_the_pictures_and_again(photos):
    (photos / "2.png").unlink()
    assert segment_all(Segmenter(), list_sources([photos]), photos).done == 2
    with pytest.warns(AsgnetWarning, match=r"2 of 4 files"):
        again = segment_all(Segmenter(), list_sources([photos]), photos)
    assert (again.done, again.skipped) == (0, 2)
    with pytest.raises(UsageError, match=r"All of these are results in .*photos"):
        segment_all(Segmenter(), [photos / "1.png"], photos)


def test_results_in_a_store_beside_the_pictures(photos):
    import uuid

    import fsspec

    root = f"memory://{uuid.uuid4().hex}"
    with fsspec.open(f"{root}/1.jpg", "wb") as stream:
        stream.write((photos / "1.jpg").read_bytes())
    assert segment_all(Segmenter(), list_sources([root]), f"{root}/masks").done == 1
    with pytest.warns(AsgnetWarning, match=r"1 of 2 files"):
        assert segment_all(Segmenter(), list_sources([root]), f"{root}/masks").skipped == 1


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_file_in_the_place_of_the_folder(photos, tmp_path, out):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputError, match=r"file' is a file, not a folder; give another --out\.$"):
        segment_all(Segmenter(), list_sources([photos]), tmp_path / out)
    assert (tmp_path / "file").read_text() == "precious"


@pytest.fixture
def small(tmp_path):
    """A disk of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.name == "nt" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_ends_the_run_and_with_space_the_rest_is_done(photos, small):
    pictures = []
    for i in range(40):
        pictures.append(photos / f"many{i:02}.jpg")
        shutil.copy(photos / "1.jpg", pictures[-1])
    options = {"formats": ("png", "coco"), "report": True}
    (small / "ballast").write_bytes(bytes(24_000))
    done = []
    with pytest.raises(OutputError, match="the disk is full; free some space"):
        segment_all(Segmenter(), pictures, small, on_result=done.append, **options)
    assert 0 < len(done) < 40
    assert not list(small.glob(".asgnet-*"))
    for path in small.glob("*.png"):
        assert np.asarray(Image.open(path)).shape == (12, 16)
    with pytest.raises(OutputError, match="the disk is full"):  # still
        segment_all(Segmenter(), pictures, small, **options)
    (small / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
    summary = segment_all(Segmenter(), pictures, small, **options)
    assert (summary.done + summary.skipped, summary.failed) == (40, [])
    assert summary.skipped >= len(done)
    assert len(list(small.glob("*.png"))) == 40
    assert (small / MANIFEST).read_bytes().endswith(b"\n")
