"""``asgnet concept``: files in, a file out, nothing replaced unasked."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.concept.file import Concept
from asgnet.apply.concept.scale import USUAL, scales_of
from asgnet.faces.cli.app import main


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three examples of a disc, red or blue."""
    folder = tmp_path_factory.mktemp("concepts")
    random = np.random.default_rng(0)
    for name, colour in (("a", (210, 30, 30)), ("b", (200, 40, 30)), ("c", (30, 40, 210))):
        picture = random.integers(90, 140, (80, 100, 3)).astype(np.uint8)
        rows, columns = np.indices((80, 100))
        disc = (rows - 40) ** 2 + (columns - random.integers(30, 60)) ** 2 < 22**2
        picture[disc] = colour
        Image.fromarray(picture).save(folder / f"{name}.png")
        Image.fromarray(disc).save(folder / f"{name}_mask.png")
    return folder


@pytest.fixture(scope="module")
def cup(files):
    assert fit(files, "cup", "a", "b") == 0
    return files / "cup.concept"


def fit(files, name, *stems, more=()):
    supports = [w for s in stems for w in ("--support", f"{files / s}.png", f"{files / s}_mask.png")]
    return main(["fit", *supports, "--name", name, "--out", f"{files / name}.concept", *more])


def same(one, other):
    one, other = Concept.load(one), Concept.load(other)
    assert (one.classes, one.supports, one.counts) == (other.classes, other.supports, other.counts)
    for name, array in other.tensors.items():
        np.testing.assert_array_equal(one.tensors[name], array)


def test_add_remove_merge_and_look(files, cup, capsys):
    assert fit(files, "cap", "a") == 0
    example = ["--support", str(files / "b.png"), str(files / "b_mask.png")]
    cap, cat, both = (str(files / f"{n}.concept") for n in ("cap", "cat", "both"))
    assert main(["concept", "add", cap, *example, "--overwrite"]) == 0
    capsys.readouterr()
    assert main(["concept", "info", cap, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["shots"]) for one in facts["classes"]] == [("cap", 2)]
    np.testing.assert_array_equal(Concept.load(cap).tensors["object"], Concept.load(cup).tensors["object"])
    assert fit(files, "cat", "c") == 0
    assert main(["concept", "merge", str(cup), cat, "--out", both]) == 0
    assert main(["concept", "remove", both, "--class", "cat", "--out", str(files / "left.concept")]) == 0
    same(files / "left.concept", cup)
    assert main(["concept", "remove", both, "--shot", "2", "--out", str(files / "less.concept")]) == 0
    assert Concept.load(files / "less.concept").counts == (1, 1)
    capsys.readouterr()
    assert main(["concept", "info", both]) == 0
    told = capsys.readouterr().out
    scales = scales_of(Concept.load(both).tensors, 2)
    cup_, cat_ = (f", {scale}" * (scale != USUAL) for scale in scales)
    assert f"cup: 2 examples{cup_}\ncat: 1 example{cat_}\n" in told
    assert "100×80  cat" in told


def test_forgotten_pictures(files, cup, capsys):
    assert fit(files, "bare", "a", "b", more=["--forget-pictures"]) == 0
    assert main(["concept", "remove", str(cup), "--pictures", "--out", str(files / "shared.concept")]) == 0
    for name in ("bare", "shared"):
        path = files / f"{name}.concept"
        assert Concept.load(path).shots == ()
        assert path.stat().st_size < cup.stat().st_size
        capsys.readouterr()
        example = ["--support", str(files / "c.png"), str(files / "c_mask.png")]
        assert main(["concept", "add", str(path), *example, "--overwrite"]) == 2
        assert "keeps no pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["info", "nowhere.concept"], 4, "There is no concept"),
        (["info", "{files}/a.png"], 4, "not a concept"),
        (["merge", "{cup}", "--out", "x"], 2, "at least two"),
        (["merge", "{cup}", "{cup}", "--out", "x"], 2, "called 'cup'"),
        (["merge", "{cup}", "{cup}", "--out", "{cup}"], 1, "exists already"),
        (["add", "{cup}"], 2, "--support IMG MASK"),
        (["add", "{cup}", "--support", "x", "y"], 1, "--overwrite"),
        (["remove", "{cup}"], 2, "Say what to remove"),
        (["remove", "{cup}", "--class", "cup", "--shot", "1"], 2, "one of the three"),
        (["remove", "{cup}", "--class", "cat", "--out", "x"], 2, "no class 'cat'"),
        (["remove", "{cup}", "--shot", "7", "--out", "x"], 2, "no example 7"),
        (["remove", "{cup}", "--class", "cup"], 1, "--overwrite"),
    ],
)  # fmt: skip
def test_mistakes_are_said_and_change_nothing(files, cup, words, code, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = cup.read_bytes()
    assert main(["concept", *(w.format(files=files, cup=cup) for w in words)]) == code
    told = capsys.readouterr()
    assert says in told.err
    assert "Traceback" not in told.err
    assert not told.out
    assert cup.read_bytes() == before
    assert list(Path(tmp_path).iterdir()) == []


def test_what_is_unpainted_is_kept(files, capsys):
    ground = np.zeros((80, 100), bool)
    ground[:5] = True
    Image.fromarray(ground).save(files / "ground.png")
    more = ["--unpainted", "unknown", "--background", str(files / "a.png"), str(files / "ground.png")]
    assert fit(files, "some", "a", more=more) == 0
    some = str(files / "some.concept")
    example = ["--support", str(files / "b.png"), str(files / "b_mask.png")]
    assert main(["concept", "add", some, *example, "--overwrite"]) == 0
    assert Concept.load(some).unpainted == ("unknown", "auto")
    assert main(["concept", "remove", some, "--shot", "1", "--overwrite"]) == 0
    assert Concept.load(some).unpainted == ("auto",)
    capsys.readouterr()
    assert (
        main(["segment", str(files / "c.png"), "--concept", some, "--unpainted", "unknown", "--out", "x"])
        == 2
    )
    assert "belong to examples" in capsys.readouterr().err
