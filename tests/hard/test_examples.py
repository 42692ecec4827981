"""Masks, supports, weights, concepts, recipes that teach nothing, at the command line."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.concept.file import Concept
from asgnet.apply.segmenter import Segmenter
from asgnet.data.read import read_mask, read_support
from asgnet.errors import AsgnetWarning, SupportError, UsageError, WeightsError

SAFE = "model.safetensors"
BUNDLED = Path(__import__("asgnet.model", fromlist=["weights"]).__file__).with_name("bundled")


def mask(name="m.png", fill=0, size=(48, 64)):
    Image.fromarray(np.full(size, fill, np.uint8)).save(name)
    return ["--support", "a.png", name]


def text(content, name):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


MASKS = {
    "nothing painted": (lambda: mask(), "m.png", "paint the object"),
    "another size": (lambda: mask(fill=255, size=(7, 30)), "m.png", "paint the mask on the picture"),
    "half the size": (lambda: mask(fill=255, size=(24, 32)), "m.png", "resize the mask to 64×48"),
    "turned by 90°": (lambda: mask(fill=255, size=(64, 48)), "m.png", "save both upright"),
    "missing": (lambda: ["--support", "a.png", "gone.png"], "gone.png", "check the path"),
    "a folder": (lambda: ["--support", "a.png", "photos"], "photos", "name a picture inside"),
    "text": (lambda: ["--support", "a.png", text("no mask", "m.png")], "m.png", "save it as PNG"),
    "zero bytes": (lambda: ["--support", "a.png", text("", "m.png")], "m.png", "copy it again"),
    "picture missing": (lambda: ["--support", "gone.jpg", "a_mask.png"], "gone.jpg", "check the path"),
    "picture is text": (lambda: ["--support", text("x", "t.jpg"), "a_mask.png"], "t.jpg", "save it"),
    "second is broken": (lambda: ["--support", "a.png", "a_mask.png", *mask()], "m.png", "paint the object"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", MASKS)
def test_an_example_that_teaches_nothing_is_4_by_name(world, run, refused, case):
    make, culprit, remedy = MASKS[case]
    support = make()
    refused(run("fit", *support, "--out", "x.concept"), 4, culprit, remedy)
    refused(run("segment", "photos", *support, "--out", "out"), 4, culprit, remedy)


def evil(name):
    class Evil:
        def __reduce__(self):
            return Path.touch, (Path("touched"),)

    Path(name).write_bytes(pickle.dumps({"state_dict": Evil()}))
    return name


def weights(change):
    shutil.copytree(BUNDLED, "w", dirs_exist_ok=True)
    change(Path("w"))
    return ["--weights", "w"]


def config(**changes):
    def change(folder):
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return weights(change)


def strange(folder):
    from safetensors.numpy import save_file

    save_file({"layer.weight": np.ones((2, 3), np.float32)}, folder / SAFE)


def cut(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


WEIGHTS = {
    "missing": (lambda: ["--weights", "gone"], "gone", "asgnet train"),
    "an empty folder": (lambda: ["--weights", "photos"], "photos", "asgnet train"),
    "pickled": (lambda: ["--weights", evil("w.pth")], "w.pth", "asgnet train"),
    "cut short": (lambda: weights(cut), SAFE, "copy the folder"),
    "tensors missing": (lambda: weights(lambda w: (w / SAFE).unlink()), SAFE, "copy the folder"),
    "pickle as safetensors": (lambda: weights(lambda w: evil(w / SAFE)), SAFE, "copy the folder"),
    "no JSON": (lambda: weights(lambda w: (w / "config.json").write_text("{")),
        "config.json", "copy the folder"),
    "unknown key": (lambda: config(frobnicate=1), "config.json", "update asgnet"),
    "wrong type": (lambda: config(hidden="many"), "hidden", "copy the folder"),
    "another width": (lambda: config(channels=3), SAFE, "one folder"),
    "tensors of another model": (lambda: weights(strange), SAFE, "one folder"),
    "offline hub": (lambda: ["--weights", "some-one/some-model"], "some-one/some-model", "folder"),
}  # fmt: skip


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_cannot_be_used_are_4_and_no_code_runs(world, run, refused, monkeypatch, case):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    make, culprit, remedy = WEIGHTS[case]
    refused(run("fit", "--support", "a.png", "a_mask.png", *make(), "--out", "x.concept"), 4, culprit, remedy)
    assert not Path("touched").exists()


def concept(change):
    """A concept of the world's example, its bytes changed."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    segmenter = Segmenter.from_pretrained(engine="torch", precision="fp32").fit(
        "a.png", "a_mask.png", adapt=False
    )
    segmenter.concept.save("c.concept")
    with safe_open("c.concept", "numpy") as file:
        facts, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    change(facts, tensors)
    facts.pop("checksum", None)  # or all that would be said is that it does not fit
    save_file(tensors, "c.concept", facts)
    return "c.concept"


def cut_concept():
    data = Path(concept(lambda facts, tensors: None)).read_bytes()
    return text(data[: len(data) // 2], "c.concept")


def npz(name):
    np.savez("n", evil=np.array([{"a": 1}], object))
    return str(Path("n.npz").rename(name))


CONCEPTS = {
    "missing": (lambda: "gone.concept", "gone.concept", "asgnet fit"),
    "text": (lambda: text("x", "t.concept"), "t.concept", "fit it again"),
    "pickled": (lambda: evil("p.concept"), "p.concept", "fit it again"),
    "npz with objects": (lambda: npz("n.concept"), "n.concept", "fit it again"),
    "huge header": (lambda: text(b"\xff" * 8 + b"{}", "h.concept"), "h.concept", "fit it again"),
    "cut short": (cut_concept, "c.concept", "fit it again"),
    "a name that is half a character": (
        lambda: concept(lambda f, t: f.update(classes=r'["\ud800"]')), "c.concept", "fit it again"),
    "another model's": (lambda: concept(lambda f, t: f.update(network="0" * 64)),
        "other weights", "fit it again"),
    "a future version": (lambda: concept(lambda f, t: f.update(format="asgnet-concept-9")),
        "c.", "update asgnet"),
    "a tensor missing": (lambda: concept(lambda f, t: t.pop(sorted(t)[0])), "lacks", "fit it again"),
    "not finite": (lambda: concept(lambda f, t: [a.fill(np.nan) for a in t.values() if a.dtype.kind == "f"]),
                   "not finite", "fit it again"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONCEPTS)
def test_concepts_that_cannot_be_used_are_4_and_no_code_runs(world, run, refused, case):
    make, culprit, remedy = CONCEPTS[case]
    refused(run("segment", "photos", "--concept", make(), "--out", "out"), 4, culprit, remedy)
    assert not Path("touched").exists()


RECIPES = {
    "unknown key": (["--set", "stps=3"], "stps", "Did you mean 'steps'?"),
    "unknown recipe": (["--recipe", "papr-coco"], "papr-coco", "Did you mean 'paper-coco'?"),
    "wrong type": (["--set", "steps=many"], "steps", "integer"),
    "out of range": (["--set", "steps=0"], "steps", "greater than or equal to 1"),
    "no equals": (["--set", "steps"], "steps", "rate=0.001"),
    "no TOML": (["--recipe", "r.toml"], "r.toml", "no TOML"),
    "missing file": (["--recipe", "gone.toml"], "gone.toml", "cannot be read"),
}


@pytest.mark.parametrize("case", RECIPES)
def test_recipes_that_cannot_be_meant_are_2(world, run, refused, case):
    words, culprit, remedy = RECIPES[case]
    Path("r.toml").write_text("steps = = 3")
    refused(run("train", "--data", "photos", "--out", "run", *words), 2, culprit, remedy)


def test_soft_ignored_and_coloured_masks_are_understood(scene):
    picture, painted = scene()
    size = picture.shape[:2]
    soft = np.minimum(painted, 255).astype(np.float32)
    soft = (soft + np.roll(soft, 1, 0) + np.roll(soft, 1, 1)) / 3
    with pytest.warns(AsgnetWarning, match="soft edges"):
        assert set(np.unique(read_mask(soft.astype(np.uint8), size))) == {0, 1}
    ignored = (painted > 0).astype(np.uint8)
    ignored[:3] = 255
    np.testing.assert_array_equal(read_mask(ignored, size), ignored)
    np.testing.assert_array_equal(
        read_mask(np.dstack([painted, 0 * painted, 0 * painted]), size), painted > 0
    )
    with pytest.warns(AsgnetWarning, match="whole picture"):
        read_mask(np.ones(size, np.uint8), size)


@pytest.mark.parametrize(
    ("images", "masks", "kind", "says"),
    [
        ([], [], SupportError, "at least one picture"),
        (1, 2, UsageError, "give one each"),
        (1, {}, UsageError, "give {name: masks}"),
        (1, {"mug": [None]}, SupportError, "paint it in at least one picture"),
    ],
    ids=["none", "numbers differ", "no class", "absent everywhere"],
)
def test_supports_that_are_none(segmenter, scene, images, masks, kind, says):
    picture, painted = scene()
    images = images if images == [] else [picture] * images
    masks = [painted] * masks if isinstance(masks, int) else masks
    with pytest.raises(kind, match=says):
        segmenter.fit(images, masks)


@pytest.mark.parametrize("kind", ["200 supports", "duplicates", "contradicting"])
def test_supports_in_strange_numbers_still_answer(segmenter, scene, kind, monkeypatch):
    picture, painted = scene()
    if kind == "200 supports":
        monkeypatch.setattr("asgnet.apply.segmenter.SIDE", 64)
        images, masks = [picture] * 200, [painted] * 200
    elif kind == "duplicates":
        images, masks = [picture] * 3, [painted] * 3
    else:
        images, masks = [picture, picture], [painted, 255 - painted]
    found = segmenter.fit(images, masks, adapt=kind != "200 supports").predict(picture)
    assert np.isfinite(found.probability).all()
    assert found.mask.shape == picture.shape[:2]
    if kind == "duplicates":
        assert (found.mask & (painted > 0)).sum() / (found.mask | (painted > 0)).sum() > 0.5


def test_a_concept_of_another_class_is_no_concept(segmenter):
    with pytest.raises(UsageError, match=r"Concept\.load"):
        segmenter.concept = "mug.concept"
    with pytest.raises(WeightsError, match="asgnet fit"):
        Concept.load("nowhere.concept")


@pytest.mark.parametrize("kind", ["full", "one pixel", "classes 1 to 3", "palette", "255 beside 1", "soft"])
def test_masks_that_are_unusual_teach_one_object_all_the_same(world, run, kind):
    painted = np.array(Image.open("a_mask.png")) > 0
    values = {
        "full": np.full(painted.shape, 255),
        "one pixel": np.arange(painted.size).reshape(painted.shape) == 700,
        "classes 1 to 3": painted * (1 + np.arange(painted.shape[1]) % 3),
        "palette": painted * 5,
        "255 beside 1": np.where(np.roll(painted, 3, 0) & ~painted, 255, painted),
        "soft": (painted * 2.0 + np.roll(painted, 1, 0)) / 3 * 255,
    }[kind].astype(np.uint8)
    image = Image.fromarray(values)
    if kind == "palette":
        image.putpalette([9, 9, 9] * 256)  # of one colour: the index counts
    image.save("m.png")
    words = ["--support", "a.png", "m.png", "--no-adapt"]
    assert run("fit", *words, "--out", "x.concept").left == ["x.concept"]
    assert Concept.load("x.concept").classes == ("object",)


DRAWN = np.zeros((48, 64), np.uint8)
DRAWN[10:40, 5:55] = 1  # 1,500 pixels


def coloured(ground, colour, region=DRAWN):
    return np.where(region[..., None] == 1, np.array(colour, np.uint8), np.array(ground, np.uint8))


def saved(image, path, **how):
    Image.fromarray(np.asarray(image, np.uint8)).save(path, **how)
    return path


DRAWINGS = {
    "red on black through JPEG": (lambda: saved(coloured((0, 0, 0), (255, 0, 0)), "m.jpg", quality=75), "red"),
    "red on black, poor JPEG": (lambda: saved(coloured((0, 0, 0), (255, 0, 0)), "m.jpg", quality=25), "red"),
    "green on black through JPEG": (lambda: saved(coloured((0, 0, 0), (0, 255, 0)), "m.jpg"), "green"),
    "blue on black through JPEG": (lambda: saved(coloured((0, 0, 0), (0, 0, 255)), "m.jpg"), "blue"),
    "red on white": (lambda: saved(coloured((255, 255, 255), (255, 0, 0)), "m.png"), "red"),
    "red on white through JPEG": (lambda: saved(coloured((255, 255, 255), (255, 0, 0)), "m.jpg"), "red"),
    "blue on white": (lambda: saved(coloured((255, 255, 255), (0, 0, 255)), "m.png"), "blue"),
    "yellow on blue": (lambda: saved(coloured((0, 0, 160), (255, 255, 0)), "m.png"), "yellow"),
    "red on black": (lambda: saved(coloured((0, 0, 0), (255, 0, 0)), "m.png"), ""),
    "two colours on white": (
        lambda: saved(np.where(np.arange(64)[None, :, None] < 30, coloured((255, 255, 255), (255, 0, 0)),
                               coloured((255, 255, 255), (0, 160, 0))), "m.png"), "red"),
    "RGBA with one transparent pixel": (
        lambda: saved(np.dstack([coloured((0, 0, 0), (255, 255, 255)), np.where(
            np.arange(48 * 64).reshape(48, 64) == 70, 0, 255)]), "m.png"), ""),
    "RGBA, a true cut-out": (
        lambda: saved(np.dstack([np.full((48, 64, 3), 90), DRAWN * 255]), "m.png"), ""),
    "white on black through JPEG": (lambda: saved(coloured((0, 0, 0), (255, 255, 255)), "m.jpg"), "soft edges"),
}  # fmt: skip


@pytest.mark.parametrize("case", DRAWINGS)
def test_a_drawing_s_colours_say_what_the_object_is(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    make, said = DRAWINGS[case]
    path = make()
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", AsgnetWarning)
        mask = read_mask(path)
    wrong = np.count_nonzero(mask != DRAWN)
    assert wrong <= (0 if path.endswith("png") else 60), f"{wrong} of 1500 pixels"
    words = " ".join(str(n.message) for n in notes)
    assert (said in words) if said else not words


def test_white_around_everything_is_the_object_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved((1 - DRAWN) * 255, "m.png")
    with pytest.warns(AsgnetWarning, match="white is taken for the object, and it surrounds all"):
        np.testing.assert_array_equal(read_mask(path), 1 - DRAWN)


def turned_photo(path, orientation, size=(60, 60)):
    """A bright block on noise, stored turned; and its mask as the pixels are stored."""
    stored = np.random.default_rng(0).integers(40, 70, (*size, 3)).astype(np.uint8)
    painted = np.zeros(size, np.uint8)
    painted[6:26, 30:52] = 1
    stored[painted == 1] = (210, 60, 40)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(path, exif=exif)
    return painted


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("size", [(60, 60), (48, 64)])
def test_a_mask_of_the_stored_pixels_is_turned_with_its_picture(tmp_path, orientation, size):
    stored = turned_photo(tmp_path / "a.png", orientation, size)
    with pytest.warns(AsgnetWarning, match="painted before its picture was turned upright"):
        support = read_support(tmp_path / "a.png", stored)
    red = (support.image[..., 0] > 150).astype(np.uint8)
    np.testing.assert_array_equal(support.mask, red)
    plain = read_support(tmp_path / "a.png", red)  # painted on the upright picture: as it is, nothing said
    np.testing.assert_array_equal(plain.mask, red)
