"""Every command that learns from examples understands the same ones: masks, annotation files, folders."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.concept.file import Concept
from asgnet.apply.concept.scale import LARGER, USUAL, scales_to_arrays
from asgnet.apply.doctor import diagnosis as doctor
from asgnet.apply.doctor import suggest
from asgnet.faces.cli import doctor as doctor_command
from asgnet.faces.cli import segment_options as given
from asgnet.faces.cli.app import main

COMMANDS = {
    "fit": ["fit", "--out", "new.concept"],
    "doctor": ["doctor"],
    "suggest": ["suggest", "cup.jpg"],
    "add": ["concept", "add", "old.concept", "--out", "new.concept"],
}


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What the commands pass on, of ``cup.jpg`` with a mask, and of labelme files of cup.jpg and tray.jpg."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawn").mkdir()
    points = [[0, 0], [3, 0], [3, 2], [0, 2]]
    for name, labels in (("cup", ["cup"]), ("tray", ["cup", "spoon"])):
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(f"drawn/{name}.jpg")
        shapes = [{"label": one, "points": points, "shape_type": "polygon"} for one in labels]
        (tmp_path / f"drawn/{name}.json").write_text(json.dumps({"shapes": shapes, "imagePath": ""}))
    (tmp_path / "cup.jpg").write_bytes((tmp_path / "drawn/cup.jpg").read_bytes())
    Image.fromarray(np.eye(4, 6, dtype=np.uint8) * 255).save("cup.png")
    found = {}

    def learn(images, masks, **options):
        found.update(images=[one.name for one in images], masks=masks)

    def diagnose(segmenter, images, masks, **_):
        learn(images, masks)
        return doctor.Diagnosis((), "", None)

    concept = SimpleNamespace(save=lambda path: None, classes=("cup",), tensors={})
    segmenter = SimpleNamespace(fit=learn, add=learn, concept=concept)
    for module in (given, doctor_command):
        monkeypatch.setattr(module, "load_segmenter", lambda *_: segmenter)
    monkeypatch.setattr(Concept, "load", lambda path: concept)
    monkeypatch.setattr(doctor, "diagnose", diagnose)
    monkeypatch.setattr(suggest, "suggest", lambda *_: SimpleNamespace(best=(), failed=()))
    return found


def painted(masks):
    return {name: [None if m is None else int((m == 1).sum()) for m in each] for name, each in masks.items()}


def test_who_waits_longer_is_told_why(told, capsys, monkeypatch):
    main(["fit", "--out", "new.concept", "--support", "cup.jpg", "drawn/cup.json"])
    assert "is seen" not in capsys.readouterr().err
    fitted = given.load_segmenter(None, "cpu").concept
    fitted.classes, fitted.tensors = ("cup", "crack"), scales_to_arrays([USUAL, LARGER], [0.0, 0.0])
    main(["fit", "--out", "new.concept", "--support", "cup.jpg", "drawn/cup.json", "--overwrite"])
    assert "crack is seen longer side at 768; a picture takes longer" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_an_annotation_file_names_its_classes(told, command):
    main([*COMMANDS[command], "--support", "drawn/tray.jpg", "drawn/tray.json"])
    assert told["images"] == ["tray.jpg"]
    assert painted(told["masks"]).keys() == {"cup", "spoon"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_of_examples_says_what_it_pairs(told, command, capsys):
    main([*COMMANDS[command], "--support-dir", "drawn"])
    assert told["images"] == ["cup.jpg", "tray.jpg"]
    found = painted(told["masks"])
    assert found["cup"] == [found["cup"][0]] * 2
    assert found["spoon"] == [None, found["cup"][0]]
    assert "paired cup.jpg with cup.json" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mask_is_of_the_only_class(told, command):
    main([*COMMANDS[command], "--support", "cup.jpg", "cup.png"])
    masks = told["masks"]
    masks = masks["object"] if command in ("fit", "suggest") else masks
    assert [mask.name for mask in masks] == ["cup.png"]


def test_a_pile_without_a_new_picture_is_said(told, capsys):
    assert main([*COMMANDS["suggest"], "--support", "cup.jpg", "cup.png"]) == 0
    assert "the examples show all of these pictures already" in capsys.readouterr().err


def test_added_examples_can_be_given_another_class(told, capsys):
    add = COMMANDS["add"]
    main([*add, "--class", "mug", "--support", "drawn/cup.jpg", "drawn/cup.json"])
    assert painted(told["masks"]).keys() == {"mug"}
    assert main([*add, "--class", "mug", "--support-dir", "drawn"]) == 2
    assert "leave out --class" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_no_example_is_a_usage_error(told, command, capsys):
    assert main(COMMANDS[command]) == 2
    assert "--support IMG MASK" in capsys.readouterr().err


def test_the_doctor_leaves_out_pictures_without_the_object(told, tmp_path):
    (tmp_path / "drawn/tray.json").write_text(json.dumps({"shapes": [], "imagePath": ""}))
    supports = [
        w for name in ("cup", "tray") for w in ("--support", f"drawn/{name}.jpg", f"drawn/{name}.json")
    ]
    assert main(["doctor", *supports]) in (0, 4)
    assert painted(told["masks"])["cup"][1] is None
