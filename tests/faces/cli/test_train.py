"""``asgnet train``: from a folder of coloured boxes to weights that ``evaluate`` takes."""

import json
import os

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from asgnet.errors import AsgnetError, DataError, OutputError, UsageError
from asgnet.faces.cli import train as train_command
from asgnet.model.checkpoint import load_weights
from asgnet.model.default.network import DefaultNet


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    root = tmp_path_factory.mktemp("boxes")
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(30):
        labels = np.zeros((48, 60), np.uint8)
        labels[8:40, number : number + 24] = number % 2 + 1
        picture = np.stack([labels * 90, 60 + 0 * labels, 180 - labels * 60], -1)
        Image.fromarray(picture).save(root / f"images/{number:02}.png")
        Image.fromarray(labels).save(root / f"masks/{number:02}.png")
    return root


@pytest.fixture
def asgnet(boxes, tmp_path, monkeypatch):
    """Run ``train`` in an empty folder; answers with its result, or raises what it raised."""
    app = typer.Typer()
    app.command()(train_command.train)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = ("side=64", "batch=2", "every=2", "validation=4", "class_pixels=50", "held_out=3", "variants=0")

    def run(*arguments, data=f"folder:{boxes}"):
        changes = [word for setting in small for word in ("--set", setting)]
        words = ["--data", data, "--out", "run", "--steps", "2", *changes, *arguments]
        result = CliRunner().invoke(app, [str(word) for word in words])
        if isinstance(result.exception, AsgnetError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return run


def test_from_data_to_weights(asgnet, tmp_path):
    result = asgnet("-k", 1, "-k", 2, "--seed", 3, "--threads", 1)
    assert result.stdout.strip() == "run"
    assert isinstance(load_weights(tmp_path / "run"), DefaultNet)
    said = json.loads((tmp_path / "run/training.json").read_text())
    assert said["steps"] == 2
    assert said["seed"] == 3
    assert said["recipe"]["shots"] == [1, 2]
    assert said["data"][0]["trained_classes"] == ["1", "2"]
    assert list((tmp_path / "cache/asgnet/features").iterdir())
    with pytest.raises(OutputError, match="--resume"):
        asgnet("-k", 1, "-k", 2, "--seed", 3)
    asgnet("-k", 1, "-k", 2, "--seed", 3, "--resume")


def test_fold_and_its_protocol(asgnet, tmp_path):
    asgnet("-k", 1, "--protocol", "2-fold", "--fold", 1, "--novel-images", "drop")
    (data,) = json.loads((tmp_path / "run/training.json").read_text())["data"]
    assert (data["left_out"], data["trained_classes"], data["novel_images"]) == (["2"], ["1"], "drop")
    with pytest.raises(DataError, match="pascal-5i fits none of the datasets"):
        asgnet("--fold", 1)


def test_split_lists_are_respected(asgnet, boxes, tmp_path):
    listed = tmp_path / "listed"
    listed.mkdir()
    for part in ("images", "masks"):
        os.symlink(boxes / part, listed / part)
    (listed / "train.txt").write_text("\n".join(f"{n:02}" for n in range(24)))
    (listed / "val.txt").write_text("\n".join(f"{n:02}" for n in range(24, 30)))

    def pictures(*arguments):
        asgnet("-k", 1, "--out", f"run-{'-'.join(arguments)}", *arguments, data=f"folder:{listed}")
        said = json.loads((tmp_path / f"run-{'-'.join(arguments)}/training.json").read_text())
        return said["data"][0]["pictures"] + said["data"][0]["held_out_pictures"]

    assert pictures() == 24
    assert pictures("--split", "all") == 30


def test_a_list_of_pictures_and_selection_on_the_tested_fold(asgnet, boxes, tmp_path):
    listed = tmp_path / "listed"
    listed.mkdir()
    for part in ("images", "masks"):
        os.symlink(boxes / part, listed / part)
    (listed / "train.txt").write_text("\n".join(f"{n:02}" for n in range(24)))
    (listed / "val.txt").write_text("\n".join(f"{n:02}" for n in range(24, 30)))
    few = tmp_path / "few.txt"
    few.write_text("\n".join(f"JPEGImages/{n:02}.jpg Labels/{n:02}.png" for n in range(20)))
    fold = "--protocol", "2-fold", "--fold", 1, "--select-on", "test"
    result = asgnet("-k", 1, "--list", few, "--set", "held_out=0", *fold, data=f"folder:{listed}")
    assert "too good" in result.stderr
    said = json.loads((tmp_path / "run/training.json").read_text())
    assert (said["selected_on"], said["data"][0]["pictures"]) == ("test", 20)
    with pytest.raises(UsageError, match="needs --fold"):
        asgnet("-k", 1, "--select-on", "test", "--out", "other", data=f"folder:{listed}")
    few.write_text("00\n77\n")
    with pytest.raises(DataError, match="names 1 of 2 pictures"):
        asgnet("-k", 1, "--list", few, "--out", "other", data=f"folder:{listed}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "btach=3"), "Did you mean 'batch'?"),
        (("--set", "batch"), "key=value"),
        (("--recipe", "papr-pascal"), "Did you mean 'paper-pascal'?"),
        (("--recipe", "paper-pascal"), "--backbone-weights imagenet"),
        (("--backbone", "resnet18"), "needs the backbone 'lite0'"),
        (("--set", "network=defualt"), "default"),
    ],
)
def test_refuses_before_any_work(asgnet, tmp_path, arguments, words):
    with pytest.raises(UsageError) as refused:
        asgnet(*arguments)
    assert words in str(refused.value)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()


def test_says_what_to_install(asgnet, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'asgnet\[train\]'"):
        asgnet()


class Hub:
    """What huggingface_hub would do."""

    def __init__(self):
        self.made, self.uploaded, Hub.last = [], [], self

    def create_repo(self, repository, exist_ok):
        if repository == "not/mine":
            raise ConnectionError("403 Forbidden\nbody")
        self.made.append(repository)

    def upload_folder(self, repo_id, folder_path, allow_patterns):
        self.uploaded += [(repo_id, name) for name in allow_patterns if (folder_path / name).is_file()]


def test_pushes_what_a_reader_needs(asgnet, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    with pytest.raises(OutputError, match=r"'not/mine' cannot be written to \(403 Forbidden\)"):
        asgnet("--push-to-hub", "not/mine")
    assert not (tmp_path / "run").exists()
    asgnet("-k", 1, "--push-to-hub", "me/mugs")
    assert Hub.last.made == ["me/mugs"]
    assert Hub.last.uploaded == [("me/mugs", name) for name in train_command.UPLOADED]
