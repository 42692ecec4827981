"""``asgnet segment``: what it is asked for and what it hands on; the model is a stand-in."""

from __future__ import annotations

import csv
import io
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.concept.file import Concept
from asgnet.faces.cli import segment_options as _segment_options
from asgnet.faces.cli.app import main
from asgnet.types import Prediction


class Segmenter:
    """Whatever is bright is the object."""

    supports = ()
    fits: ClassVar = {}
    concept = Concept(("object",), {}, "a stand-in")

    def fit(self, images, masks, **options):
        return self

    def predict(self, image):
        mask = image[..., 0] > 100
        return Prediction(mask, mask.astype(np.float32), float(mask.any()), np.zeros(mask.shape, np.int32))


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_segment_options, "load_segmenter", lambda *_: Segmenter())
    for name in ("a.png", "b/a.png", "b/c.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.zeros((12, 16, 3), np.uint8)
        image[2:6, 2:6] = image[8:10, 8:10] = 200
        Image.fromarray(image).save(path)
    return tmp_path / "photos"


SEGMENT = ["segment", "--support", "photos/a.png", "photos/a.png", "--out", "out"]


def test_several_formats_in_one_run(photos, capsys):
    forms = [w for form in ("png", "coco", "voc", "labelme") for w in ("--format", form)]
    assert main([*SEGMENT, "photos", *forms, "--report", "--instances", "--min-area", "5"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == ["out/a.png", "out/b/a.png", "out/b/c.png"]
    assert out[3:] == ["out/annotations.json", "out/ImageSets/Segmentation/default.txt", "out/report.html"]
    assert all(Path(path).is_file() for path in out)
    assert len(json.loads(Path("out/annotations.json").read_text())["annotations"]) == 3
    assert np.asarray(Image.open("out/SegmentationObject/b/c.png")).max() == 1


def test_objects_are_measured_in_tables(photos, capsys):
    command = [*SEGMENT, "photos", "--measure", "--pixel-size", "0.5um"]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[3:] == ["out/measures.csv", "out/counts.csv"]
    objects = list(csv.DictReader(Path("out/measures.csv").read_text().splitlines()))
    assert [(row["picture"], row["area"], row["unit"]) for row in objects[:2]] == [
        ("photos/a.png", "4.0", "um"), ("photos/a.png", "1.0", "um"),
    ]  # fmt: skip
    assert len(objects) == 6
    counts = list(csv.DictReader(Path("out/counts.csv").read_text().splitlines()))
    assert [(row["count"], row["total_area"]) for row in counts] == [("2", "5.0")] * 3
    before = Path("out/measures.csv").read_bytes()
    assert main([*command, "--json"]) == 0  # nothing is done again
    assert {json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()} == {"skipped"}
    assert Path("out/measures.csv").read_bytes() == before


def test_the_least_area_has_a_unit(photos, capsys):
    options = ["photos", "--measure", "--pixel-size", "0.5um", "--min-area", "2um2"]
    assert main([*SEGMENT, *options]) == 0
    assert [row["area"] for row in csv.DictReader(Path("out/measures.csv").read_text().splitlines())] == [
        "4.0"
    ] * 3


def test_a_unit_without_the_size_of_a_pixel(photos, capsys):
    assert main([*SEGMENT, "photos", "--min-area", "2um2"]) == 3
    assert "An area of 2um2 needs the size of a pixel; give --pixel-size" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not list(Path("out").rglob("*.png"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--min-area", "-1"], "An area is a number of pixels"),
        (["--min-area", "large"], "An area is a number of pixels"),
        (["--pixel-size", "0.5"], "A pixel size is a length"),
        (["--pixel-size", "0.5 inch"], "A pixel size is a length"),
    ],
)
def test_units_that_cannot_be_meant(photos, capsys, options, words):
    assert main([*SEGMENT, "photos", *options]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not Path("out").exists()


def test_pictures_come_from_a_list_on_stdin(photos, capsys, monkeypatch):
    listed = io.TextIOWrapper(io.BytesIO(b"photos/b/c.png\nphotos/a.png\n"))
    monkeypatch.setattr(sys, "stdin", listed)
    assert main([*SEGMENT, "-", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["picture"] for r in records] == ["photos/a.png", "photos/b/c.png"]


def test_an_empty_list_is_a_usage_error(photos, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main([*SEGMENT, "-"]) == 2
    assert "No pictures found" in capsys.readouterr().err


def test_a_pattern_reaches_into_folders(photos, capsys):
    assert main([*SEGMENT, "photos/**/a.png"]) == 0
    assert capsys.readouterr().out.split() == ["out/a.png", "out/b/a.png"]


def test_every_nth_frame_with_its_number(photos, capsys):
    frames = [Image.new("RGB", (8, 8), (60 * i, 0, 0)) for i in range(4)]
    frames[0].save("clip.gif", save_all=True, append_images=frames[1:])
    assert main([*SEGMENT, "clip.gif", "--every", "2", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["frame"], r["mask"]) for r in records] == [
        (0, "out/clip_000000.png"), (2, "out/clip_000002.png"),
    ]  # fmt: skip


def test_the_bar_counts_frames_and_pages_like_pictures(photos, monkeypatch):
    from asgnet.faces.cli import console as _console

    frames = [Image.new("RGB", (8, 8), (60 * i, 0, 0)) for i in range(5)]
    frames[0].save("pages.tif", save_all=True, append_images=frames[1:])
    calls = []

    @contextmanager
    def bar(total, label):
        yield lambda total=None: calls.append(total)

    monkeypatch.setattr(_console, "bar", bar)
    assert main([*SEGMENT, "pages.tif", "photos/a.png", "--every", "2"]) == 0
    assert calls == [4, None, None, None, None]


def test_to_an_object_store(photos, capsys):
    import fsspec

    assert main(["segment", "photos", *SEGMENT[1:4], "--out", "memory://command/masks"]) == 0
    assert "results in memory://command/masks" in capsys.readouterr().err
    assert fsspec.filesystem("memory").exists("/command/masks/b/c.png")


@pytest.mark.parametrize("words", [["--workers", "2"], ["--ray-address", "auto"]])
def test_what_belongs_to_ray_needs_ray(photos, capsys, words):
    assert main([*SEGMENT, "photos", *words]) == 2
    assert "--engine ray" in capsys.readouterr().err


def test_what_a_run_came_to_in_words(photos, capsys):
    def told(*words: str) -> str:
        main([*SEGMENT, *words])
        return capsys.readouterr().err.splitlines()[-1]

    Path("broken.png").write_text("no picture")
    Image.new("RGB", (8, 8)).save("black.png")
    assert told("broken.png") == "nothing segmented, 1 failed"
    assert told("photos/a.png", "broken.png") == "1 segmented, 1 failed; results in out"
    assert (
        told("photos/a.png", "black.png")
        == "1 segmented, 1 finished before, in 1 nothing found; results in out"
    )
    assert told("photos/a.png") == "1 finished before (--overwrite does them again); results in out"


def test_an_empty_folder_is_said_once(photos, capsys):
    Path("empty").mkdir()
    assert main([*SEGMENT, "empty"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "asgnet: No pictures found in 'empty'; name pictures (PNG, JPEG ...) or a folder of them."
    ]


def test_a_file_in_the_place_of_the_folder_for_results(photos, capsys):
    Path("out").write_text("precious")
    assert main([*SEGMENT, "photos"]) == 1
    assert capsys.readouterr().err == "asgnet: 'out' is a file, not a folder; give another --out.\n"
    assert Path("out").read_text() == "precious"


def test_classes_with_slashes_and_other_letters_go_out_and_come_back(photos, capsys, monkeypatch):
    """Two classes become a palette PNG and a list, which are read as examples of the same two classes."""
    from asgnet.apply.examples.pairing import pair_folder
    from asgnet.apply.examples.read_pairs import read_pairs

    names = ("cup/mug", "кот 猫")

    class Two(Segmenter):
        concept = Concept(names, {}, "a stand-in")

        def predict(self, image):
            bright = image[..., 0] > 100
            mask = np.where(bright, np.where(np.arange(16) < 8, 1, 2), 0).astype(np.int32)
            guide = np.zeros_like(mask)
            by_class = {
                name: Prediction(mask == i, np.float32(mask == i), 1.0, guide, (name,))
                for i, name in enumerate(names, 1)
            }
            return Prediction(mask, np.float32(bright), 1.0, guide, names, by_class)

    monkeypatch.setattr(_segment_options, "load_segmenter", lambda *_: Two())
    assert main([*SEGMENT[:-1], "masks", "photos/b", "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert [one["name"] for one in record["classes"]] == list(names)
    image = Image.open("masks/a.png")
    assert image.mode == "P"
    indices = np.asarray(image)
    assert [(indices == i).sum() for i in (1, 2)] == [16, 4]
    assert Path("masks/classes.txt").read_text("utf-8") == "background\ncup/mug\nкот 猫\n"
    Path("photos/a.png").unlink()
    Path("photos/b").rename("images")
    _, found = read_pairs(pair_folder(".").pairs)
    assert list(found) == list(names)
    assert [m.sum() for m in found["кот 猫"]] == [4, 4]
