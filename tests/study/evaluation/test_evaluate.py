"""The evaluator: exact on a fake whose answers are known, true to the network, streaming, repeatable."""

import io
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.data.benchmarks.episodes import draw
from asgnet.errors import AsgnetWarning, DataError, UsageError
from asgnet.imaging.iou import Overlap
from asgnet.model.config import Config
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.evaluation.ablate import ablate, paper_variants
from asgnet.study.evaluation.evaluate import Shelf, evaluate, relabelled
from asgnet.study.evaluation.metrics import fb_iou, mean_iou
from asgnet.study.evaluation.pictures import choose, draw_grid, errors
from asgnet.study.evaluation.predictor import NetPredictor
from asgnet.study.evaluation.report import markdown
from asgnet.types import Prediction

H, W = 48, 64
COLOURS = {0: (20, 20, 20), 1: (220, 40, 40), 2: (40, 220, 40), 3: (40, 40, 220)}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three classes of coloured boxes, 5 pictures each, a void rim around each; and one empty picture."""
    root = tmp_path_factory.mktemp("boxes")
    (root / "images").mkdir()
    (root / "masks").mkdir()
    for number in range(16):
        labels = np.zeros((H, W), np.uint8)
        if number < 15:
            top, left = 4 + number, 3 + 2 * number
            labels[top - 2 : top + 22, left - 2 : left + 26] = 255
            labels[top : top + 20, left : left + 24] = number % 3 + 1
        picture = np.zeros((H, W, 3), np.uint8)
        for value, colour in COLOURS.items():
            picture[labels == value] = colour
        Image.fromarray(picture).save(root / f"images/{number:02}.png")
        Image.fromarray(labels).save(root / f"masks/{number:02}.png")
    (root / "classes.txt").write_text("none\nred\ngreen\nblue\n")
    return open_dataset(f"folder:{root}", cache_dir=root / "cache", workers=1)


class NearestColour:
    """A Segmenter of colours: an object pixel is closer to the support object's mean than ``reach``."""

    def __init__(self, reach=60.0, shift=0):
        self.reach, self.shift = reach, shift
        self.fitted = []

    def fit(self, images, masks):
        several = masks if isinstance(masks, dict) else {"object": masks}
        self.fitted.append((len(images), sorted(several)))
        self.means = {
            name: np.concatenate([i[m == 1] for i, m in zip(images, own, strict=True)]).mean(0)
            for name, own in several.items()
        }
        return self

    def predict(self, image):
        near = [np.linalg.norm(image - mean, axis=-1) < self.reach for mean in self.means.values()]
        mask = sum(np.roll(hit, self.shift, 1) * (i + 1) for i, hit in enumerate(near))
        chance = (mask > 0).astype(np.float32)
        mask = mask.astype(bool) if len(near) == 1 else mask
        guide = np.zeros(mask.shape, np.int32)
        return Prediction(mask, chance, float(chance.max()), guide, tuple(self.means))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ASGNet.from_config(Config(levels=(2, 4), channels=16, hidden=8, inner=False)).eval()


def listed(dataset, **options):
    return draw(dataset, (1, 2, 3), **{"shots": 2, "count": 12, "min_pixels": 100} | options)


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


def test_a_picture_and_labels_of_two_sizes_are_named(tmp_path):
    for folder, size in (("images", (8, 6)), ("masks", (6, 8))):
        (tmp_path / folder).mkdir()
        Image.new("L", size, 1).save(tmp_path / folder / "a.png")
    data = open_dataset(f"folder:{tmp_path}", cache_dir=tmp_path / "c", workers=1)
    with pytest.raises(DataError, match="picture 'a' is 8×6 and its labels 6×8"):
        Shelf(data).pair("a")


def test_the_shelf_is_bounded(dataset):
    one = H * W * 4
    shelf = Shelf(dataset, most_bytes=3 * one)
    for name in [*dataset.pictures, *list(dataset.pictures)[:3]]:
        picture, labels = shelf.pair(name)
        assert shelf.held_bytes <= 3 * one
        assert picture.tolist() == dataset.picture(name).tolist()
        assert labels.tolist() == dataset.labels(name).tolist()
    assert shelf.pair("02")[0] is shelf.pair("02")[0]


def test_several_ways(dataset):
    asked = NearestColour()
    report = evaluate(asked, dataset, listed(dataset, ways=2, count=6))
    assert report.summary["miou"]["mean"] == 1
    assert all(len(row["overlaps"]) == 2 for row in report.episodes)
    assert asked.fitted[0][0] == 4
    assert "rule" in report.protocol
    assert "ece" not in report.seeds[0]


def test_other_classes_are_background_among_several_ways():
    assert relabelled(np.array([[0, 5, 7, 9, 255]]), (9, 5)).tolist() == [[0, 2, 0, 1, 255]]


# the network


def test_the_network_alone_and_evaluated_agree(dataset, net):
    """Square pictures at the input size need no resizing: predict is forward and argmax."""
    images = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(3)]
    masks = [np.zeros((64, 64), np.uint8) for _ in range(2)]
    for mask in masks:
        mask[10:50, 5:60] = 1
        mask[8:10] = 255
    found = NetPredictor(net, size=64).fit(images[:2], masks).predict(images[2])
    frames = net.backbone.normalise(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))
    with torch.no_grad():
        logits = net(frames[2:], frames[None, :2], torch.from_numpy(np.stack(masks))[None])[0]
    assert np.allclose(found.probability, logits.softmax(0)[1].numpy(), atol=1e-5)
    assert (found.mask == (logits[1] > logits[0]).numpy()).all()
    assert found.guide.shape == (64, 64)
    assert found.presence == found.probability.max()


@pytest.mark.parametrize("resize", ["pad", "squash"])
def test_any_picture_comes_back_at_its_own_size(net, resize):
    image = np.full((50, 90, 3), 128, np.uint8)
    mask = np.zeros((50, 90), np.uint8)
    mask[10:40, 10:80] = 1
    predictor = NetPredictor(net, size=64, resize=resize).fit([image], [mask])
    for shape in ((50, 90), (200, 30), (33, 33)):
        found = predictor.predict(np.full((*shape, 3), 90, np.uint8))
        assert found.mask.shape == found.probability.shape == found.guide.shape == shape
        assert found.mask.dtype == bool
        assert found.probability.dtype == np.float32
    assert predictor.decode_seconds > 0


def test_pad_and_squash_frame_pictures_and_masks(net):
    image = np.full((20, 40, 3), 255, np.uint8)
    mask = np.ones((20, 40), np.uint8)
    black = net.backbone.normalise(torch.zeros(3, 1, 1))
    padded = NetPredictor(net, size=32)
    assert torch.allclose(padded._frame(image)[:, 16:], black.expand(3, 16, 32))
    assert padded._frame_mask(mask)[:16].unique().tolist() == [1]
    assert padded._frame_mask(mask)[16:].unique().tolist() == [255]
    squashed = NetPredictor(net, size=32, resize="squash")
    assert squashed._frame_mask(mask).unique().tolist() == [1]
    white = net.backbone.normalise(torch.full((3, 1, 1), 255.0))
    assert torch.allclose(squashed._frame(image), white.expand(3, 32, 32), atol=1e-5)
    assert torch.allclose(padded._frame(image)[:, :16], white.expand(3, 16, 32), atol=1e-5)


def test_a_network_is_evaluated_with_its_decoder_timed_apart(dataset, net):
    report = evaluate(net, dataset, listed(dataset, count=3), size=64, resize="squash")
    assert report.protocol["resize"] == "squash"
    assert report.protocol["size"] == 64
    assert set(report.summary["seconds"]) == {"support", "query", "decode"}
    assert all(v > 0 for v in report.summary["seconds"].values())
    several = evaluate(net, dataset, listed(dataset, count=2, ways=3), size=64)
    assert len(several.episodes[0]["overlaps"]) == 3


def test_fusing_one_support_changes_nothing_and_several_does(dataset, net):
    pictures = [dataset.picture(name) for name in ("00", "03", "06")]
    masks = [dataset.mask(name, 1) for name in ("00", "03", "06")]
    maps = {}
    for shots in (1, 2):
        for fusion in ("pooled", "masks", "features", "vote"):
            predictor = NetPredictor(net, size=64, fusion=fusion).fit(pictures[:shots], masks[:shots])
            maps[shots, fusion] = predictor.predict(pictures[2]).probability
    assert all(np.array_equal(maps[1, f], maps[1, "pooled"]) for f in ("masks", "features", "vote"))
    alone = [
        NetPredictor(net, size=64).fit([p], [m]).predict(pictures[2])
        for p, m in zip(pictures, masks, strict=True)
    ]
    assert np.allclose(maps[2, "masks"], (alone[0].probability + alone[1].probability) / 2, atol=1e-6)
    assert not np.allclose(maps[2, "features"], maps[2, "pooled"])
    assert set(np.unique(maps[2, "vote"])) <= {0, 0.5, 1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resize": "crop"}, "pad or squash"),
        ({"fusion": "sum"}, "pooled, masks"),
        ({"size": 8}, "32 or more"),
    ],
)
def test_a_wrong_option_is_named(net, options, said):
    with pytest.raises(UsageError, match=said):
        NetPredictor(net, **options)
    with pytest.raises(UsageError, match="Fit supports"):
        NetPredictor(net).predict(np.zeros((9, 9, 3), np.uint8))


# ablation and pictures


def test_ablation_rows_are_evaluations_of_the_same_lists(dataset):
    lists = {"1-shot": listed(dataset, shots=1), "2-shot": [listed(dataset, seed=s) for s in (0, 1)]}
    rows = ablate({"right": NearestColour, "shifted": lambda: NearestColour(shift=3)}, dataset, lists)
    assert [row["name"] for row in rows] == ["right", "shifted"]
    assert rows[1]["results"]["2-shot"] == evaluate(
        NearestColour(shift=3), dataset, lists["2-shot"]
    ).summary | {"seconds": rows[1]["results"]["2-shot"]["seconds"]}
    lines = markdown(rows).splitlines()
    assert lines[0] == "| variant | 1-shot mIoU | 1-shot FB-IoU | 2-shot mIoU | 2-shot FB-IoU |"
    assert lines[3].startswith("| shifted | 84.00 |")
    assert "84.00 ± 0.00" in lines[3]


def test_the_papers_variants_differ_where_they_should(dataset, net):
    tables = paper_variants(net, size=64)
    assert [len(rows) for rows in tables.values()] == [4, 6, 4]
    supports = [dataset.picture("00")], [dataset.mask("00", 1)]
    slots = {
        name: int(make().fit(*supports)._learnt["object"][0][1].sum())
        for rows in tables.values()
        for name, make in rows.items()
    }
    assert slots["masked average, GPA"] == slots["SGC, expand"] == slots["N_max 1"] == 1
    assert slots["always five"] == 5
    assert net.config.most == 5


def test_variants_look_at_a_picture_once_and_answer_as_a_network_alone_does(dataset, net, monkeypatch):
    tables = paper_variants(net, size=64)
    looked = []
    see = net.backbone.forward
    monkeypatch.setattr(net.backbone, "forward", lambda images: looked.append(len(images)) or see(images))
    supports = [dataset.picture(n) for n in ("00", "01")], [dataset.mask(n, 1) for n in ("00", "01")]
    for rows in tables.values():
        for make in rows.values():
            asked = make()
            asked.fit(*supports)
            found = asked.predict(dataset.picture("02"))
    assert looked == [1, 1, 1]
    alone = NetPredictor(net, size=64, fusion="vote")
    alone.fit(*supports)
    expected = alone.predict(dataset.picture("02")).probability
    np.testing.assert_allclose(found.probability, expected, atol=1e-5)


def test_random_and_worst_episodes_are_chosen():
    rows = [{"iou": iou} for iou in (0.5, 0.1, 0.9, 0.1, 0.7, 0.3)]
    random, worst = choose(rows, 3)
    assert worst == [1, 3, 5]
    assert len(set(random)) == 3
    assert random == sorted(random)
    assert choose(rows, 3)[0] == random
    assert choose(rows, 99) == (list(range(6)), [1, 3, 5, 0, 4, 2])


def test_errors_are_told_apart():
    found = np.array([[1, 1, 0, 0, 2, 1]])
    truth = np.array([[1, 0, 1, 0, 1, 255]])
    assert errors(found, truth).tolist() == [[1, 2, 3, 0, 2, 4]]


@pytest.mark.parametrize("ways", [1, 2])
def test_the_grid_shows_every_chosen_episode(dataset, ways):
    lists = [listed(dataset, ways=ways, seed=seed, count=4) for seed in (0, 1)]
    asked = NearestColour(shift=3)
    report = evaluate(asked, dataset, lists)
    grid = draw_grid(asked, dataset, lists, report.episodes, 2)
    alone = draw_grid(asked, dataset, lists, report.episodes, 1)
    assert grid.dtype == np.uint8
    assert grid.shape[1] == alone.shape[1]
    strip = (grid.shape[0] - alone.shape[0]) // 2
    assert strip > H
    green, red, blue = (46, 160, 67), (214, 40, 57), (31, 111, 235)
    assert all(_near(grid, colour) > 20 for colour in (green, red, blue))


def _near(grid, colour):
    return int((np.abs(grid.astype(int) - colour).max(-1) < 110).sum())


def test_the_default_network_is_left_to_the_segmenter():
    with pytest.raises(UsageError, match="through the Segmenter"):
        NetPredictor(ASGNet.from_preset("default"))
