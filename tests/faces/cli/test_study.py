"""The study commands: what they print, write, refuse; on a folder of coloured boxes and an untrained net."""

import json
import shutil

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from asgnet.errors import AsgnetError, DataError, OutputError, UsageError
from asgnet.faces.cli import study as study_commands


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    root = tmp_path_factory.mktemp("boxes")
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(9):
        labels = np.zeros((40, 50), np.uint8)
        labels[number : number + 25, 5 : 25 + number] = number % 2 + 1
        Image.fromarray(np.stack([labels * 90] * 3, -1)).save(root / f"images/{number}.png")
        Image.fromarray(labels).save(root / f"masks/{number}.png")
    return root


@pytest.fixture
def asgnet(boxes, tmp_path, monkeypatch):
    """Run a command in an empty folder; answers with its result, or raises what it raised."""
    app = typer.Typer()
    for command in (study_commands.episodes, study_commands.evaluate, study_commands.ablate):
        app.command()(command)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(command, *arguments):
        words = [command, f"folder:{boxes}", "--min-pixels", "100", "--workers", "1", *arguments]
        result = CliRunner().invoke(app, [str(word) for word in words])
        if isinstance(result.exception, AsgnetError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return run


NET = ("--net", "light", "--size", "64")


def test_episodes_are_drawn_frozen_and_replayed(asgnet, tmp_path):
    drawn = asgnet("episodes", "-k", 2, "-n", 4, "--seed", 3, "--out", "list.jsonl")
    assert json.loads((tmp_path / "list.jsonl").read_text().splitlines()[0])["sha256"] == drawn.stdout.strip()
    assert "4 episodes of 2 classes (1, 2)" in drawn.stderr
    again = asgnet("episodes", "-k", 2, "-n", 4, "--seed", 3, "--out", "again.jsonl")
    assert again.stdout == drawn.stdout
    replayed = asgnet("evaluate", *NET, "--list", "list.jsonl", "--json")
    found = json.loads(replayed.stdout)
    assert found["seeds"][0]["list_hash"] == drawn.stdout.strip()
    assert found["protocol"]["shots"] == 2


def test_evaluate_writes_what_it_prints(asgnet, tmp_path):
    result = asgnet("evaluate", *NET, "-n", 3, "--seeds", 2, "--presence", "--pictures", 1, "--out", "out")
    assert "mIoU" in result.stdout
    assert "presence AUROC" in result.stdout
    assert "untrained" in result.stderr
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        "episodes.jsonl", "list-0.jsonl", "list-1.jsonl", "pictures.png", "results.json",
    ]  # fmt: skip
    found = json.loads((out / "results.json").read_text())
    assert found["environment"]["command"].startswith("asgnet")
    assert [seed["seed"] for seed in found["seeds"]] == [0, 1]
    assert len((out / "episodes.jsonl").read_text().splitlines()) == 6
    with pytest.raises(OutputError, match=r"results.json' exists already"):
        asgnet("evaluate", *NET, "-n", 3, "--out", "out")
    asgnet("evaluate", *NET, "-n", 3, "--out", "out", "--overwrite", "--no-boundary")
    assert "boundary_f" not in json.loads((out / "results.json").read_text())["seeds"][0]


def test_several_shots_ask_the_same_queries_with_supports_that_grow(asgnet, tmp_path):
    result = asgnet("evaluate", *NET, "-k", 3, "-k", 1, "-k", 2, "-n", 4, "--out", "out", "--no-boundary")
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == ["1-shot", "2-shot", "3-shot", "shots.json"]
    rows = {
        k: [json.loads(line) for line in (out / f"{k}-shot/episodes.jsonl").read_text().splitlines()]
        for k in (1, 2, 3)
    }
    for k in (1, 2, 3):
        assert [r["query"] for r in rows[k]] == [r["query"] for r in rows[3]]
        assert [r["supports"] for r in rows[k]] == [r["supports"][:k] for r in rows[3]]
        one = json.loads((out / f"{k}-shot/results.json").read_text())
        assert one["protocol"]["shots"] == k
        assert json.loads((out / "shots.json").read_text())[str(k)] == one["summary"]
        assert f"| {k}-shot | {100 * one['summary']['miou']['mean']:.2f} |" in result.stdout
    with pytest.raises(OutputError, match=r"exists already"):
        asgnet("evaluate", *NET, "-n", 3, "--out", "out")
    lists = [word for k in (1, 2) for word in ("--list", f"out/{k}-shot/list-0.jsonl")]
    again = json.loads(asgnet("evaluate", *NET, *lists, "--no-boundary", "--out", "again", "--json").stdout)
    for k in "12":
        assert again[k]["seeds"] == json.loads((out / f"{k}-shot/results.json").read_text())["seeds"]


def test_a_folds_thin_classes_are_named(asgnet):
    said = asgnet("evaluate", *NET, "-n", 2, "--min-pictures", 5).stderr
    assert "left out for too few pictures: 2" in said


def test_ablate_prints_the_papers_tables(asgnet):
    text = asgnet("ablate", "--net", "light", "--size", 64, "-k", 1, "-k", 2, "-n", 2).stdout
    for words in (
        "**prototypes and allocation**",
        "| SGC, GPA |",
        "| N_max 9 |",
        "| HSNet's vote |",
        "2-shot mIoU",
    ):
        assert words in text
    assert text.count("| variant |") == 3


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("episodes", "--out", "x", "--min-pictures", 9), DataError, "none has 9 pictures"),
        (("episodes", "--out", "x", "--protocol", "2-fold", "--fold", 2), UsageError, "folds 0 to 1"),
        (("episodes", "--out", "x", "--split", "val"), DataError, "no split 'val'"),
        (("evaluate", *NET, "--seeds", 0), UsageError, "--seeds is at least 1"),
        (("evaluate", *NET, "--weights", "w"), UsageError, "leave them out beside --net"),
        (("evaluate", *NET, "--device", "nowhere"), UsageError, "device 'nowhere' cannot be used"),
        (("evaluate", "--device", "cuda"), UsageError, "--device is for --net"),
        (("evaluate", "--net", "papr-r50"), UsageError, "no preset 'papr-r50'"),
        (("evaluate", *NET, "--list", "nowhere"), DataError, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_written(asgnet, tmp_path, arguments, error, said):
    with pytest.raises(error, match=said):
        asgnet(*arguments)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert not list(tmp_path.iterdir())


def test_keeping_what_a_bare_network_saw_changes_no_result(asgnet, monkeypatch):
    from asgnet.model.paper.asgnet import ASGNet

    looked, project = [], ASGNet.project
    monkeypatch.setattr(ASGNet, "project", lambda self, x: looked.append(len(x[0])) or project(self, x))
    counts, seeds = {}, {}
    for keep in (0, 100):
        looked.clear()
        options = "-n", 12, "--keep", keep, "--json", "--out", f"k{keep}"
        found = json.loads(asgnet("evaluate", *NET, *options).stdout)
        counts[keep], seeds[keep] = sum(looked), found["seeds"]
    assert counts[0] == 24
    assert counts[100] <= 9
    assert seeds[100] == seeds[0]


def test_the_published_protocol_sets_its_switches_and_records_them(asgnet):
    one, other = (
        json.loads(asgnet("evaluate", *NET, "-n", 2, "--no-boundary", "--json", *more).stdout)["protocol"]
        for more in (("--out", "a"), ("--out", "b", "--protocol-of", "asgnet-code"))
    )
    names = ("drawn_from", "query_pixels", "geometry")
    assert [one[name] for name in names] == ["classes", 100, "rounded"]
    assert [other[name] for name in names] == ["pictures", 1, "floored"]
    with pytest.raises(UsageError, match="bare network"):
        asgnet("evaluate", "--protocol-of", "asgnet-code")
