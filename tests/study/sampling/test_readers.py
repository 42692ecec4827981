"""The published way: pictures read and augmented at every step, by other processes."""

import json

import numpy as np
import pytest
import torch

from asgnet.errors import PictureError, UsageError
from asgnet.model.checkpoint import load_weights
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.recipe import load_recipe
from asgnet.study.sampling.augment import framed, published, seed_of
from asgnet.study.sampling.material import cut_folds, prepare
from asgnet.study.sampling.readers import PictureReader
from asgnet.study.sampling.sampler import Sampler
from asgnet.study.sampling.source import held_out, make_source
from asgnet.study.training import trainee
from asgnet.study.training.train import total_steps, train


@pytest.fixture(scope="module")
def recipe():
    """The paper's, on a small backbone."""
    return load_recipe(
        "paper-pascal",
        {
            "network": "light",
            "side": 65, "batch": 2, "steps": 4, "epochs": 0.0, "every": 2, "validation": 4,
            "save_every": 2, "log_every": 1, "class_pixels": 50, "held_out": 3,
        },
    )  # fmt: skip


@pytest.fixture
def source(boxes, recipe):
    allowed = ~held_out(tuple(boxes.pictures), 3)
    return make_source(boxes, [], allowed, (1, 2, 3), recipe)


def test_views_are_the_published_augmentation(source, recipe, boxes):
    sampler, read = Sampler([source], recipe, 5), PictureReader([source], recipe, fill=(1, 2, 3))
    drawn = [sampler.draw(0, number, 2) for number in range(2)]
    batch = read(drawn)
    assert batch.query[0].shape == (2, 3, 65, 65)
    assert batch.supports[0].shape == (2, 2, 3, 65, 65)
    assert batch.query[0].dtype == torch.uint8
    for e, episode in enumerate(drawn):
        for v, view in enumerate(episode.pictures):
            name = list(boxes.pictures)[view.row]
            mask = boxes.mask(name, episode.classes[0])
            seed = seed_of(episode.seed, v)
            image, target = published(boxes.picture(name), mask, 65, seed, fill=(1, 2, 3))
            got = (batch.query[0][e], batch.target[e]) if v == 0 else (
                batch.supports[0][e, v - 1], batch.masks[e, v - 1]
            )  # fmt: skip
            assert torch.equal(got[0], image)
            assert torch.equal(got[1], target)
    assert not torch.equal(read(sampler.episodes(1, 0, 2)).query[0], batch.query[0])


def test_plain_views_are_whole_pictures(source, recipe, boxes):
    drawn = Sampler([source], recipe).draw(3, 0, 1)
    name = list(boxes.pictures)[drawn.pictures[0].row]
    image, target = framed(boxes.picture(name), boxes.mask(name, drawn.classes[0]), 65, (9, 9, 9))
    batch = PictureReader([source], recipe, fill=(9, 9, 9), plain=True)([drawn])
    assert torch.equal(batch.query[0][0], image)
    assert torch.equal(batch.target[0], target)


def test_queries_are_uniform_over_pictures(source, recipe):
    """Published: a class with three times the pictures is asked three times as often."""
    sampler = Sampler([source], recipe)
    rows = [sampler.draw(0, number, 1).pictures[0].row for number in range(1500)]
    counts = np.bincount(rows, minlength=40)[source.showing[0]]
    assert counts.min() > 0.5 * counts.mean()
    assert counts.max() < 1.6 * counts.mean()


def test_trains_resumes_and_loads(boxes, recipe, tmp_path):
    def run(name, **options):
        torch.manual_seed(0)
        net = ASGNet.from_preset("light")
        folds = cut_folds([boxes], "2-fold", 0)
        return train([boxes], folds, recipe, tmp_path / name, net=net, workers=1, **options)

    whole = run("whole")
    rows = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
    assert load_weights(whole).config.decoder == "fem"
    (tmp_path / "part" / "last").mkdir(parents=True)
    state = torch.load(whole / "last" / "state.pt", weights_only=True)
    assert state["step"] == 4
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.025 * 0.25**0.9)
    again = run("again")
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_epochs_are_passes_over_the_pictures(boxes, recipe, tmp_path):
    folds = cut_folds([boxes], "2-fold", 0)
    net = ASGNet.from_preset("light")
    material = prepare([boxes], folds, recipe, net.backbone)
    shown = len(material.train[0].showing[0])
    assert shown < len(material.train[0].pictures)
    assert total_steps(recipe, material, 1) == 4
    assert total_steps(recipe.model_copy(update={"epochs": 10.0}), material, 1) == round(10 * shown / 2)
    assert total_steps(recipe.model_copy(update={"epochs": 10.0, "accumulate": 2}), material, 2) == round(
        10 * shown / 8
    )


def test_the_paper_network_takes_a_step(source, recipe):
    recipe = recipe.model_copy(update={"network": "paper-r50", "batch": 1})
    torch.manual_seed(0)
    net = ASGNet.from_preset("paper-r50")
    learner = trainee.Trainee(net, recipe).train()
    loss, overlap = learner(
        trainee.make_reader([source], recipe, net)(Sampler([source], recipe).episodes(0, 0, 1))
    )
    loss.backward()
    assert 1 < loss.item() < 3  # cross-entropy of two classes, and the mean of the inner ones
    assert overlap.shape == (2,)
    trained = {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None}
    assert trained == {"projection", "decoder"}


def test_half_precision_of_the_forward(boxes, recipe, tmp_path, monkeypatch):
    folds = cut_folds([boxes], "2-fold", 0)
    half = recipe.model_copy(update={"precision": "bf16", "steps": 2, "every": 1})
    seen = set()
    real = trainee.count_overlap

    def spy(logits, target):
        seen.add(logits.dtype)
        return real(logits, target)

    monkeypatch.setattr(trainee, "count_overlap", spy)

    def run(**options):
        torch.manual_seed(0)
        return train([boxes], folds, half, tmp_path, net=ASGNet.from_preset("light"), workers=0, **options)

    out = run()
    assert torch.bfloat16 in seen
    assert all(t.dtype == torch.float32 for t in load_weights(out).parameters())
    before = (out / "metrics.jsonl").read_text()
    assert (run(resume=True) / "metrics.jsonl").read_text() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU can do fp16")
def test_fp16_wants_a_gpu(boxes, recipe, tmp_path):
    folds = cut_folds([boxes], "2-fold", 0)
    half = recipe.model_copy(update={"precision": "fp16"})
    with pytest.raises(UsageError, match="'fp16' needs a GPU"):
        train([boxes], folds, half, tmp_path, net=ASGNet.from_preset("light"))


def test_a_broken_picture_is_one_sentence(tmp_path, recipe):
    from asgnet.data.benchmarks.dataset import open_dataset

    from ..conftest import make_boxes

    root = make_boxes(tmp_path / "boxes")
    dataset = open_dataset(f"folder:{root}", cache_dir=tmp_path, workers=1)
    for item in dataset.pictures.values():
        item.picture.write_bytes(item.picture.read_bytes()[:200])
    with pytest.raises(PictureError) as raised:
        train(
            [dataset], cut_folds([dataset], "2-fold", None), recipe, tmp_path / "run",
            net=ASGNet.from_preset("light"), workers=1,
        )  # fmt: skip
    assert "\n" not in str(raised.value)
