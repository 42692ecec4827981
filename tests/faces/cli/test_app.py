"""The command line as a person meets it, with the real default model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import asgnet
from asgnet.faces.cli.app import main

SIZE = (96, 128)


def scene(seed: int, there: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on green noise, ``h w 3`` uint8, and where it is, ``h w`` uint8 in {0, 255}."""
    random = np.random.default_rng(seed)
    image = random.integers(40, 90, (*SIZE, 3)).astype(np.uint8) + np.array([0, 60, 0], np.uint8)
    rows, columns = np.indices(SIZE)
    row, column = random.integers(35, 60), random.integers(40, 90)
    disc = (rows - row) ** 2 + (columns - column) ** 2 < 26**2
    if there:
        image[disc] = (210, 30, 30)
    return image, (disc & there).astype(np.uint8) * 255


@pytest.fixture
def world(tmp_path, monkeypatch) -> Path:
    """A folder with two examples (a, b), their masks, and three pictures to segment."""
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate("ab"):
        image, mask = scene(i)
        Image.fromarray(image).save(f"{name}.png")
        Image.fromarray(mask).save(f"{name}_mask.png")
    Path("photos").mkdir()
    for i in range(3):
        Image.fromarray(scene(10 + i)[0]).save(f"photos/{i}.jpg", quality=95)
    return tmp_path


EXAMPLE = ["--support", "a.png", "a_mask.png"]
SEGMENT = ["segment", "photos", *EXAMPLE, "--out", "out"]


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_segment_writes_a_mask_for_every_picture_and_names_them_on_stdout(world, capsys):
    assert main(SEGMENT) == 0
    out, err = capsys.readouterr()
    assert [Path(line).name for line in out.splitlines()] == ["0.png", "1.png", "2.png"]
    assert "3 segmented" in err
    for i in range(3):
        mask = np.asarray(Image.open(f"out/{i}.png"))
        truth = scene(10 + i)[1]
        assert mask.shape == SIZE
        assert set(np.unique(mask)) <= {0, 255}
        assert ((mask > 0) & (truth > 0)).sum() / ((mask > 0) | (truth > 0)).sum() > 0.5


def test_json_is_one_object_a_picture_and_nothing_else(world, capsys):
    assert main([*SEGMENT, "--json", "--overlay"]) == 0
    records = lines(capsys.readouterr().out)
    assert [Path(r["picture"]).name for r in records] == ["0.jpg", "1.jpg", "2.jpg"]
    for record in records:
        assert record["status"] == "done"
        assert 0 <= record["presence"] <= 1
        assert all(Path(path).is_file() for path in record["files"].values())
    assert set(records[0]["files"]) == {"png", "overlay"}


def test_the_same_command_again_skips_everything(world, capsys):
    main(SEGMENT)
    before = {p: p.stat().st_mtime_ns for p in Path("out").iterdir() if p.suffix == ".png"}
    capsys.readouterr()
    assert main([*SEGMENT, "--json"]) == 0
    assert {r["status"] for r in lines(capsys.readouterr().out)} == {"skipped"}
    assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_other_formats(world, capsys, form):
    assert main([*SEGMENT, "--format", form]) == 0
    files = capsys.readouterr().out.splitlines()
    assert all(Path(path).is_file() for path in files)
    assert len(files) == (1 if form == "coco" else 3)
    if form == "coco":
        coco = json.loads(Path("out/annotations.json").read_text())
        assert len(coco["images"]) == 3
        assert len(coco["annotations"]) == 3
    else:
        assert len(list(Path("out").glob("*.txt"))) == 3
    assert not list(Path("out").glob("*.png"))


def test_explain_draws_a_page_for_each_picture(world, capsys):
    assert main([*SEGMENT, "--explain"]) == 0
    assert Image.open("out/1_explained.png").size[0] > 1000


def test_fit_once_segment_many_gives_bit_identical_masks(world, capsys):
    both = [*EXAMPLE, "--support", "b.png", "b_mask.png"]
    assert main(["fit", *both, "--out", "disc.concept"]) == 0
    assert capsys.readouterr().out == "disc.concept\n"
    assert main(["segment", "photos", "--concept", "disc.concept", "--out", "one"]) == 0
    assert main(["segment", "photos", *both, "--out", "two"]) == 0
    for i in range(3):
        assert Path(f"one/{i}.png").read_bytes() == Path(f"two/{i}.png").read_bytes()


def test_explain_works_with_a_concept_alone(world, capsys):
    main(["fit", *EXAMPLE, "--out", "disc.concept"])
    assert main(["segment", "photos/0.jpg", "--concept", "disc.concept", "--out", "one", "--explain"]) == 0
    assert Path("one/0_explained.png").is_file()


def test_a_broken_picture_is_3_and_listed_and_the_others_are_done(world, capsys):
    Path("photos/1.jpg").write_text("no picture")
    assert main([*SEGMENT, "--json"]) == 3
    out, err = capsys.readouterr()
    assert [r["status"] for r in lines(out)] == ["done", "failed", "done"]
    assert "1.jpg" in err
    assert "Traceback" not in err
    assert sorted(p.name for p in Path("out").glob("*.png")) == ["0.png", "2.png"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["segment", "photos", "--out", "out"], 2, "--support"),
        (["segment", "photos", *EXAMPLE, "--concept", "x", "--out", "out"], 2, "one of the two"),
        (["segment", "photos", *EXAMPLE], 2, "--out"),
        (["segment", "nowhere/*.jpg", *EXAMPLE, "--out", "out"], 2, "nowhere"),
        (["segment", "photos", "--support", "a.png", "--out", "out"], 2, "two values"),
        (["segment", "photos", *EXAMPLE, "--out", "out", "--format", "bmp"], 2, "bmp"),
        (["segment", "photos", *EXAMPLE, "--out", "out", "--threshold", "7"], 2, "--threshold"),
        (["segmen", "photos"], 2, "segmen"),
        (["fit", "--out", "x.concept"], 2, "--support"),
        (["segment", "photos", "--support", "gone.png", "a_mask.png", "--out", "out"], 4, "gone.png"),
        (["segment", "photos", "--support", "a.png", "gone.png", "--out", "out"], 4, "gone.png"),
        (["segment", "photos", "--support", "a.png", "empty.png", "--out", "out"], 4, "empty.png"),
        (["segment", "photos", "--support", "a.png", "small.png", "--out", "out"], 4, "small.png"),
        (["segment", "photos", "--support", "text.jpg", "a_mask.png", "--out", "out"], 4, "text.jpg"),
        (["segment", "photos", "--concept", "gone.concept", "--out", "out"], 4, "gone.concept"),
        (["segment", "photos", "--concept", "text.jpg", "--out", "out"], 4, "text.jpg"),
        (["segment", "photos", *EXAMPLE, "--weights", "text.jpg", "--out", "out"], 4, "text.jpg"),
        (["fit", *EXAMPLE, "--out", "text.jpg"], 1, "--overwrite"),
        (["segment", "photos", *EXAMPLE, "--out", "text.jpg"], 1, "text.jpg"),
    ],
)
def test_mistakes_are_one_sentence_and_their_code_and_nothing_is_written(world, capsys, words, code, told):
    Image.fromarray(np.zeros(SIZE, np.uint8)).save("empty.png")
    Image.fromarray(np.full((5, 7), 255, np.uint8)).save("small.png")
    Path("text.jpg").write_text("Lorem ipsum")
    before = sorted(world.rglob("*"))
    assert main(words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Traceback" not in err
    assert err.count("\n") <= 4
    assert [p for p in sorted(world.rglob("*")) if p not in before] == []


def test_foreign_results_are_refused_and_replaced_on_demand(world, capsys):
    Path("out").mkdir()
    Path("out/1.png").write_text("mine")
    assert main(SEGMENT) == 1
    assert Path("out/1.png").read_text() == "mine"
    assert main([*SEGMENT, "--overwrite"]) == 0
    assert Image.open("out/1.png").size == SIZE[::-1]


@pytest.mark.parametrize("name", ["a b.jpg", "😀.jpg", "new\nline.jpg", "'quoted\".jpg"])
def test_any_file_name_works(world, capsys, name):
    os.rename("photos/0.jpg", f"photos/{name}")
    assert main([*SEGMENT, "--json"]) == 0
    assert f"photos/{name}" in [r["picture"] for r in lines(capsys.readouterr().out)]
    assert Path("out", name).with_suffix(".png").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know only UTF-8 names")
def test_a_file_name_that_is_no_text_works(world, capfdbinary):
    name = os.fsdecode(b"caf\xe9.jpg")
    os.rename("photos/0.jpg", f"photos/{name}")
    assert main(SEGMENT) == 0
    assert b"out/caf\xe9.png" in capfdbinary.readouterr().out.splitlines()


def test_a_name_like_an_option_works_behind_a_double_dash(world, capsys):
    os.rename("photos/0.jpg", "--dash.jpg")
    assert main(["segment", *EXAMPLE, "--out", "out", "--", "--dash.jpg"]) == 0
    assert Path("out/--dash.png").is_file()


def test_info_knows_the_version_and_prints_json(capsys):
    assert main(["info", "--json"]) == 0
    (facts,) = lines(capsys.readouterr().out)
    assert facts["asgnet"]
    assert facts["torch"]
    assert facts["licence"] == "Apache-2.0"
    assert facts["calibration"]["logit_shift"] == 0.3
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert "torch" in said
    assert "logit_shift" not in said


def test_info_prints_the_numbers_of_named_weights(capsys):
    bundled = Path(asgnet.__file__).with_name("model") / "bundled"
    assert main(["info", "--weights", str(bundled)]) == 0
    assert "logit_shift = 0.3  logits: added to the decoder's" in capsys.readouterr().out


def test_info_says_what_is_read_written_and_contacted(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["info", "--privacy", "--json"]) == 0
    (said,) = lines(capsys.readouterr().out)
    assert list(said) == ["reads", "writes", "contacts"]
    assert said["contacts"][0] == "nothing"
    assert main(["info", "--privacy"]) == 0
    out = capsys.readouterr().out
    assert "contacts  nothing\n" in out
    assert str(tmp_path / "asgnet") in out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("asgnet ")


def test_doctor_speaks_of_every_example(world, capsys):
    assert main(["doctor", *EXAMPLE, "--support", "b.png", "b_mask.png"]) == 0
    out = capsys.readouterr().out
    assert "a.png" in out
    assert "b.png" in out
    assert main(["doctor", *EXAMPLE, "--support", "b.png", "gone.png", "--json"]) == 4
    assert [r["verdict"] == "unusable" for r in lines(capsys.readouterr().out)] == [False, True]


def test_debug_shows_the_traceback(world, capsys):
    assert main(["segment", "photos", "--support", "gone.png", "a_mask.png", "--out", "o", "--debug"]) == 4
    assert "Traceback" in capsys.readouterr().err


def _start(*words: str) -> subprocess.Popen:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from asgnet.faces.cli.app import main; sys.exit(main())"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *words], **pipes)


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
def test_interrupted_killed_and_run_again_nothing_is_lost_or_half_written(world, capsys):
    for i in range(3, 40):
        Image.fromarray(scene(10 + i)[0]).save(f"photos/{i:02}.jpg")
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        run = _start(*SEGMENT, "--json")
        while json.loads(run.stdout.readline())["status"] == "skipped":
            pass
        run.send_signal(number)
        _, err = run.communicate(timeout=30)
        assert run.returncode == code
        assert "Traceback" not in err
        assert ("the same command goes on from there" in err) == (number == signal.SIGINT)
        for path in Path("out").glob("*.png"):
            Image.open(path).load()
        if number != signal.SIGKILL:
            assert not list(Path("out").glob(".asgnet-*"))
    assert main([*SEGMENT, "--json"]) == 0
    states = [r["status"] for r in lines(capsys.readouterr().out)]
    assert len(states) == 40
    assert 2 <= states.count("skipped") < 40
    assert len(list(Path("out").glob("*.png"))) == 40


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["segment", "photos"], "goes on from there"),
        (["--debug", "segment", "photos"], "goes on from there"),
        (["train", "--out", "segment"], "with --resume"),
        (["evaluate", "--out", "segment"], "starts again"),
        ([], "starts again"),
    ],
)
def test_a_signal_promises_only_what_the_command_does(monkeypatch, capsys, words, said):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("asgnet.faces.cli.app.app", stop)
    assert main(words) == 130
    assert said in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="pipes are different there")
def test_a_reader_that_goes_away_ends_the_run_quietly(world):
    run = _start(*SEGMENT, "--json")
    time.sleep(0.1)
    run.stdout.close()
    assert run.wait(timeout=60) == 141
    assert "Traceback" not in run.stderr.read()
    run.stderr.close()
