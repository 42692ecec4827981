"""The evaluator: exact on a fake whose answers are known, streaming, repeatable."""

import io
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.study.evaluation.conftest import NearestColour, listed

from asgnet.errors import AsgnetWarning, DataError, UsageError
from asgnet.imaging.iou import Overlap
from asgnet.study.evaluation.evaluate import evaluate
from asgnet.study.evaluation.metrics import fb_iou, mean_iou


def test_a_perfect_segmenter_scores_one_everywhere(dataset):
    report = evaluate(NearestColour(), dataset, listed(dataset), presence=True)
    (found,) = report.seeds
    assert [found[n] for n in ("miou", "fb_iou", "episode_iou", "boundary_f")] == [1, 1, 1, 1]
    assert found["ece"] == 0
    assert found["presence_auroc"] == 1
    assert found["class_iou"] == {"red": 1, "green": 1, "blue": 1}
    assert report.summary["miou"] == {"mean": 1, "std": 0, "seeds": 1}


def test_a_shifted_segmenter_scores_what_shifting_costs(dataset):
    """Boxes 24 wide moved by 3: I = 21 of 24 columns. The void rim hides 2 of the 3 that are too much."""
    report = evaluate(NearestColour(shift=3), dataset, listed(dataset))
    rows = report.episodes
    assert {(o["intersection"], o["union"]) for row in rows for o in row["overlaps"]} == {(21 * 20, 25 * 20)}
    assert report.summary["miou"]["mean"] == pytest.approx(21 / 25)
    assert report.summary["episode_iou"]["interval"] == [pytest.approx(21 / 25)] * 2
    pairs = [(row["targets"][0], Overlap(**row["overlaps"][0])) for row in rows]
    assert report.seeds[0]["miou"] == mean_iou(pairs)
    assert report.seeds[0]["fb_iou"] == fb_iou(pairs)


def test_the_segmenter_gets_supports_and_masks_of_the_episode(dataset):
    asked = NearestColour()
    episodes = listed(dataset, count=4)
    report = evaluate(asked, dataset, episodes)
    assert asked.fitted == [(2, ["object"])] * 4
    assert [(r["targets"], r["query"], r["supports"]) for r in report.episodes] == [
        ([e.target], e.query, list(e.supports)) for e in episodes.episodes
    ]


def test_options_reach_every_fit_and_the_protocol(dataset):
    class Adapting(NearestColour):
        def fit(self, images, masks, adapt=True):
            assert adapt is False
            return super().fit(images, masks)

    report = evaluate(Adapting(), dataset, listed(dataset, count=3), fit_options={"adapt": False})
    assert report.protocol["adapt"] is False


def test_several_seeds_are_averaged_and_spread(dataset):
    lists = [listed(dataset, seed=seed) for seed in range(3)]
    report = evaluate(NearestColour(reach=1), dataset, lists)
    values = [seed["miou"] for seed in report.seeds]
    assert [seed["list_hash"] for seed in report.seeds] == [one.hash for one in lists]
    assert report.summary["miou"]["mean"] == pytest.approx(np.mean(values))
    assert report.summary["miou"]["std"] == pytest.approx(np.std(values, ddof=1))
    assert len(report.episodes) == 36


def test_two_runs_give_the_same_numbers(dataset, net):
    first, second = (
        evaluate(net, dataset, listed(dataset, count=5), size=64, presence=True) for _ in range(2)
    )
    assert first.seeds == second.seeds


def test_results_name_what_was_done(dataset, tmp_path):
    episodes = listed(dataset, protocol="3-fold fold 0")
    report = evaluate(NearestColour(), dataset, episodes, command="asgnet evaluate boxes")
    found = json.loads(report.save(tmp_path / "out").read_text())
    assert found["protocol"]["fold"] == "3-fold fold 0"
    assert found["protocol"]["dataset_hash"] == dataset.hash
    assert found["seeds"][0]["list_hash"] == episodes.hash
    environment = found["environment"]
    assert environment["command"] == "asgnet evaluate boxes"
    assert environment["torch"] == torch.__version__
    assert {"asgnet", "python", "processor", "threads"} <= environment.keys()
    rows = [json.loads(line) for line in (tmp_path / "out/episodes.jsonl").read_text().splitlines()]
    assert rows == report.episodes
    assert set(found["summary"]["seconds"]) == {"support", "query"}


def test_the_table_shows_metrics_and_classes(dataset):
    from rich.console import Console

    console = Console(width=100, file=io.StringIO())
    console.print(evaluate(NearestColour(shift=3), dataset, listed(dataset), presence=True).table())
    text = console.file.getvalue()
    for words in (
        "mIoU",
        "84.00",
        "FB-IoU",
        "boundary F",
        "presence AUROC",
        "green",
        "2-shot",
        "seconds, support",
    ):
        assert words in text


def test_a_list_of_another_dataset_is_refused(dataset):
    strange = replace(listed(dataset), dataset_hash="0")
    with pytest.raises(DataError, match="other pictures"):
        evaluate(NearestColour(), dataset, strange)


def test_calls_that_cannot_be_meant(dataset):
    with pytest.raises(UsageError, match="same shots"):
        evaluate(NearestColour(), dataset, [listed(dataset), listed(dataset, shots=1)])
    with pytest.raises(UsageError, match="one-way"):
        evaluate(NearestColour(), dataset, listed(dataset, ways=2), presence=True)
    with pytest.raises(UsageError, match="a Segmenter or an ASGNet"):
        evaluate(object(), dataset, listed(dataset))


def test_warnings_about_masks_do_not_repeat_at_every_episode(dataset):
    class Noisy(NearestColour):
        def fit(self, images, masks):
            warnings.warn("255 is ignored", AsgnetWarning, stacklevel=1)
            return super().fit(images, masks)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        evaluate(Noisy(), dataset, listed(dataset))
    assert not said


def test_several_ways(dataset):
    asked = NearestColour()
    report = evaluate(asked, dataset, listed(dataset, ways=2, count=6))
    assert report.summary["miou"]["mean"] == 1
    assert all(len(row["overlaps"]) == 2 for row in report.episodes)
    assert asked.fitted[0][0] == 4
    assert "rule" in report.protocol
    assert "ece" not in report.seeds[0]


def test_a_network_is_evaluated_with_its_decoder_timed_apart(dataset, net):
    report = evaluate(net, dataset, listed(dataset, count=3), size=64, resize="squash")
    assert report.protocol["resize"] == "squash"
    assert report.protocol["size"] == 64
    assert set(report.summary["seconds"]) == {"support", "query", "decode"}
    assert all(v > 0 for v in report.summary["seconds"].values())
    several = evaluate(net, dataset, listed(dataset, count=2, ways=3), size=64)
    assert len(several.episodes[0]["overlaps"]) == 3
