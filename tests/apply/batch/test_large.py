"""Large pictures in a run: never whole, the same files as if they were, and gone on with in their middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from asgnet.apply.batch import reading
from asgnet.apply.batch.large import SIDE_FILE
from asgnet.apply.batch.run import segment_all
from asgnet.apply.concept.file import Concept
from asgnet.data.read import frame_count, read_picture
from asgnet.errors import AsgnetWarning
from asgnet.imaging.separation import Separation
from asgnet.types import Prediction, connected_pieces

pytestmark = pytest.mark.filterwarnings("ignore:Counts have no interval")
H, W, ROWS = 300, 410, 32


class Strips:
    """How red the picture is, strip by strip; stops like an interrupted run after so many."""

    def __init__(self, parts, first, last):
        self.parts, self.first, self.last, self.presence = parts, first, last, {"object": 0.0}

    def __iter__(self):
        height, width = self.parts.size
        for number, top in enumerate(range(self.first, height, ROWS)):
            if number == self.last:
                raise KeyboardInterrupt
            rows = min(ROWS, height - top)
            probability = red(self.parts.read((top, 0, top + rows, width), (rows, width)))
            self.presence = {"object": max(self.presence["object"], float(probability.max()))}
            yield SimpleNamespace(top=top, probability=probability[None])


def red(picture):
    return picture[..., 0].astype(np.float32) / 255


class Segmenter:
    supports, engine, precision, edges, thoroughness = (), "stand-in", "fp32", True, "auto"
    concept = Concept(("object",), {}, "a stand-in")

    def __init__(self, last=999):
        self.last, self.asked = last, []

    def strips(self, parts, first=0):
        self.asked.append(first)
        return Strips(parts, first, self.last)

    def predict(self, image):
        found = red(image)
        zeros = np.zeros(found.shape, np.int32)
        separate = self.concept.separations.get("object", connected_pieces)
        return Prediction(found > 0.5, found, float(found.max()), zeros, separate=separate)


@pytest.fixture
def photo(tmp_path):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (9, 12, 3), np.uint8)
    picture = np.array(Image.fromarray(small).resize((W, H), Image.Resampling.BICUBIC))
    tifffile.imwrite(tmp_path / "slide.tif", picture, photometric="rgb", tile=(64, 64), compression="zlib")
    return tmp_path / "slide.tif"


@pytest.fixture
def in_parts(monkeypatch):
    monkeypatch.setattr(reading, "WHOLE", 1000)


def run(photo, out, segmenter=None, **options):
    return segment_all(segmenter or Segmenter(), [photo], out, **options)


FORMATS = (
    "png",
    "tiff",
    "probability",
    "instances",
    "cutout",
    "coco",
    "yolo",
    "labelme",
    "measures",
    "counts",
)
OPTIONS = {"formats": FORMATS, "instances": True, "min_area": 5, "report": True, "overlay": True}


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_its_files_are_those_of_the_whole(photo, tmp_path, monkeypatch):
    run(photo, tmp_path / "whole", **OPTIONS)
    monkeypatch.setattr(reading, "WHOLE", 1000)
    told = []
    assert run(photo, tmp_path / "parts", on_part=lambda *part: told.append(part), **OPTIONS).done == 1
    assert told[-1] == (str(photo), 1.0)
    assert [part for _, part in told] == sorted(part for _, part in told)
    whole, parts = contents(tmp_path / "whole"), contents(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name in ("slide.png", "slide_instances.png", "slide_cutout.png", "slide_mask.tif"):
        both = tifffile.imread if name.endswith("tif") else Image.open
        np.testing.assert_array_equal(
            *(np.asarray(both(tmp_path / place / name)) for place in ("whole", "parts"))
        )
    assert parts["slide.txt"] == whole["slide.txt"]
    assert parts["counts.csv"] == whole["counts.csv"]


def test_pieces_that_the_examples_say_are_specks_are_no_objects(photo, tmp_path, monkeypatch):
    counts = []
    for least, whole in ((0.0, 1000), (0.2, 1000), (0.2, 10**9)):
        monkeypatch.setattr(reading, "WHOLE", whole)
        segmenter = Segmenter()
        segmenter.concept = Concept(("object",), {}, "x", separations={"object": Separation(least=least)})
        run(
            photo,
            tmp_path / f"{least} {whole}",
            segmenter,
            formats=("png", "counts", "measures", "instances"),
        )
        counts.append(
            {
                name: data
                for name, data in contents(tmp_path / f"{least} {whole}").items()
                if name.endswith("csv")
            }
        )
    assert counts[0] != counts[1]
    assert counts[1]["counts.csv"] == counts[2]["counts.csv"]


def test_a_tiled_tiff_and_a_png_give_the_same_mask(photo, tmp_path, in_parts):
    pytest.importorskip("rasterio")
    Image.fromarray(read_picture(photo)).save(tmp_path / "photo.png")
    run(photo, tmp_path / "a")
    run(tmp_path / "photo.png", tmp_path / "b")
    assert (tmp_path / "a" / "slide.png").read_bytes() == (tmp_path / "b" / "photo.png").read_bytes()


def test_an_interrupted_picture_is_gone_on_with(photo, tmp_path, in_parts):
    run(photo, tmp_path / "unbroken", **OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        run(photo, tmp_path / "out", Segmenter(last=4), **OPTIONS)
    (side,) = [path for path in (tmp_path / "out").iterdir() if SIDE_FILE.fullmatch(path.name)]
    segmenter = Segmenter()
    run(photo, tmp_path / "out", segmenter, **OPTIONS)
    assert segmenter.asked == [4 * ROWS]
    assert not side.exists()
    broken, unbroken = contents(tmp_path / "out"), contents(tmp_path / "unbroken")
    assert broken.keys() == unbroken.keys()
    same = [name for name in broken if name not in ("manifest.jsonl", "report.html")]
    assert {name: broken[name] for name in same} == {name: unbroken[name] for name in same}


def test_another_picture_or_concept_begins_anew(photo, tmp_path, in_parts):
    with pytest.raises(KeyboardInterrupt):
        run(photo, tmp_path / "out", Segmenter(last=4))
    segmenter = Segmenter(last=2)
    segmenter.concept = Concept(("object",), {}, "another")
    with pytest.raises(KeyboardInterrupt):
        run(photo, tmp_path / "out", segmenter)
    tifffile.imwrite(photo, read_picture(photo)[::-1], photometric="rgb", tile=(64, 64))
    run(photo, tmp_path / "out", again := Segmenter())
    assert segmenter.asked == again.asked == [0]


def test_other_formats_after_a_refusal_need_no_second_look(tmp_path, in_parts):
    dots = np.zeros((900, 900, 3), np.uint8)
    dots[::3, ::3] = 255
    tifffile.imwrite(tmp_path / "dots.tif", dots, photometric="rgb", tile=(64, 64), compression="zlib")
    refused = run(tmp_path / "dots.tif", tmp_path / "out", formats=("instances", "png"))
    assert "90000 objects do not fit" in refused.failed[0][1]
    assert not [p for p in (tmp_path / "out").iterdir() if p.suffix == ".png"]
    run(tmp_path / "dots.tif", tmp_path / "out", segmenter := Segmenter(), formats=("tiff",))
    assert segmenter.asked == [900]


def test_what_is_never_written_is_said_before_it_is_read(photo, tmp_path, in_parts):
    segmenter = Segmenter()
    failed = run(photo, tmp_path / "out", segmenter, formats=("labelstudio",)).failed
    assert "too large for Label Studio" in failed[0][1]
    assert not segmenter.asked


def test_touching_objects_are_said_to_be_one(photo, tmp_path, in_parts):
    segmenter = Segmenter()
    segmenter.concept = Concept(("object",), {}, "x", separations={"object": Separation(0.5)})
    with pytest.warns(AsgnetWarning, match="touching ones are one"):
        run(photo, tmp_path / "out", segmenter, formats=("counts",))


def test_a_damaged_file_is_one_failure_and_leaves_nothing(photo, tmp_path, in_parts):
    with tifffile.TiffFile(photo) as file:
        place = file.pages[0].dataoffsets[-1]
    with open(photo, "r+b") as stream:
        stream.seek(place)
        stream.write(b"nonsense")
    ((_, reason),) = run(photo, tmp_path / "out").failed
    assert "is damaged between rows" in reason
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["manifest.jsonl"]


def test_what_a_kill_at_the_very_end_left_is_removed(photo, tmp_path, in_parts):
    with pytest.raises(KeyboardInterrupt):
        run(photo, tmp_path / "out", Segmenter(last=4))
    (side,) = [path for path in (tmp_path / "out").iterdir() if SIDE_FILE.fullmatch(path.name)]
    rows = side.read_bytes()
    run(photo, tmp_path / "out")
    side.write_bytes(rows)
    assert run(photo, tmp_path / "out").skipped == 1
    assert not side.exists()


def test_the_smaller_copies_in_a_pyramid_are_no_frames(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as writer:
        for level in (1, 2, 4):
            picture = np.zeros((256 // level, 256 // level, 3), np.uint8)
            writer.write(picture, photometric="rgb", tile=(64, 64), subfiletype=int(level > 1))
    assert frame_count(tmp_path / "x.tif") is None


def test_into_a_store_the_side_file_lies_in_the_users_cache(photo, tmp_path, in_parts, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(KeyboardInterrupt):
        run(photo, "memory://large", Segmenter(last=4))
    assert len(list((tmp_path / "cache" / "asgnet" / "rows").iterdir())) == 1
    run(photo, "memory://large", segmenter := Segmenter(), formats=("png", "tiff"))
    assert segmenter.asked == [4 * ROWS]
    assert not list((tmp_path / "cache" / "asgnet" / "rows").iterdir())


def test_kill_9_within_a_picture(photo, tmp_path):
    script = textwrap.dedent(f"""
        import os, signal, sys
        from tests.apply.batch import test_large as here
        from asgnet.apply.batch import reading
        reading.WHOLE = 1000
        def told(name, part):
            if part > 0.5: os.kill(os.getpid(), signal.SIGKILL)
        here.segment_all(here.Segmenter(), [{str(photo)!r}], {str(tmp_path / "out")!r}, on_part=told)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    script = script.replace("part > 0.5", "False").replace("here.Segmenter()", "one := here.Segmenter()")
    done = subprocess.run(
        [sys.executable, "-c", script + "print(one.asked)"], env=environment, check=True, capture_output=True
    )
    assert done.stdout.decode().strip() == f"[{5 * ROWS}]"
