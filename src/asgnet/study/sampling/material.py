"""What a run trains and validates on: datasets, folds, and which pictures may show what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.folds import Fold, novel_images, open_fold
from asgnet.errors import DataError
from asgnet.model.backbones.backbone import Backbone
from asgnet.study.recipe import Recipe
from asgnet.study.sampling.feature_store import FeatureStore, open_features
from asgnet.study.sampling.sampler import Drawn, DrawnPicture
from asgnet.study.sampling.source import Source, held_out, make_source, usable

Novel = Literal["keep", "drop"]


@dataclass(frozen=True)
class Material:
    """Sources to train on, the sources of held-out pictures, the frozen episodes asked of those, per k."""

    train: list[Source]
    validation: list[Source]
    episodes: dict[int, list[Drawn]]
    datasets_used: list[dict[str, Any]]


def cut_folds(
    datasets: Sequence[Dataset], protocol: str, number: int | None, convention: str | None = None
) -> list[Fold]:
    """One fold per dataset; its ``test`` classes are never trained on, its ``base`` classes are.

    The fold is of the first dataset that the protocol fits. In the others, classes of the same name as a
    tested one are left out too.

    Args:
        datasets: the datasets.
        protocol: see :func:`asgnet.data.benchmarks.folds.open_fold`.
        number: the fold; None trains on every class.
        convention: of coco-20i.

    Raises:
        DataError: the protocol fits none of the datasets.
        UsageError: an unknown protocol, convention, or fold number.
    """
    if number is None:
        return [Fold("all classes", (), tuple(sorted(d.classes))) for d in datasets]
    found: dict[int, Fold] = {}
    for place, dataset in enumerate(datasets):
        try:
            found[place] = open_fold(dataset, protocol, number, convention=convention)
            break
        except DataError as problem:
            reason = problem
    if not found:
        raise DataError(f"{protocol} fits none of the datasets: {reason}")
    ((owner, fold),) = found.items()
    tested = {datasets[owner].classes[c].casefold() for c in fold.test}
    return [
        fold if place == owner else _without(dataset, tested, fold.name)
        for place, dataset in enumerate(datasets)
    ]


def prepare(
    datasets: Sequence[Dataset],
    folds: Sequence[Fold],
    recipe: Recipe,
    backbone: Backbone,
    *,
    novel: Novel = "keep",
    cache_dir: str | Path | None = None,
    device: torch.device | str = "cpu",
    selection: Sequence[Dataset] = (),
) -> Material:
    """Cache what is to be cached, and say which rows of which dataset may be drawn.

    Args:
        datasets: the datasets.
        folds: one each, see :func:`cut_folds`.
        recipe: the recipe.
        backbone: of the network to be trained.
        novel: what becomes of training pictures that show a tested class.
        cache_dir: of the features.
        device: where the backbone runs.
        selection: if not empty, validation asks all pictures of these datasets, one for each of ``datasets``, about
            the fold's *tested* classes: the published way, whose figures are too good.

    Raises:
        DataError: too few pictures to train on, or to validate with.
        PictureError, OutputError: as :func:`open_features`.
    """
    train, validation, datasets_used = [], [], []

    def features(dataset: Dataset, variants: int) -> list[FeatureStore]:
        return [
            open_features(backbone, dataset, recipe.side, variant, cache_dir=cache_dir, device=device)
            for variant in range(variants + 1 if recipe.cached else 0)
        ]

    for place, (dataset, fold) in enumerate(zip(datasets, folds, strict=True)):
        stores = features(dataset, recipe.variants)
        aside = held_out(tuple(dataset.pictures), recipe.held_out or 1)
        kept = set(novel_images(dataset, fold.test, novel))
        allowed = np.array([name in kept for name in dataset.pictures])
        if recipe.held_out:
            allowed &= ~aside
        train.append(make_source(dataset, stores, allowed, fold.base, recipe, recipe.weight(place)))
        if selection:
            other = selection[place]
            every = np.ones(len(other.pictures), bool)
            validation.append(make_source(other, features(other, 0), every, fold.test, recipe, fewest=2))
        else:
            validation.append(make_source(dataset, stores[:1], aside, fold.base, recipe, fewest=2))
        number = int(aside.sum()) if recipe.held_out else 0
        datasets_used.append(_used(dataset, fold, novel, train[-1], number))
    train = usable(train)
    shots = sorted({1, max(recipe.shots)})
    episodes = {k: _validation(validation, k, recipe, len(shots)) for k in shots}
    if not any(episodes.values()):
        raise DataError(
            f"Every {recipe.held_out or 1}th picture validates, and no class has two of those; give more data, or "
            "set held_out lower."
        )
    return Material(train, validation, {k: listed for k, listed in episodes.items() if listed}, datasets_used)


def _validation(sources: Sequence[Source], shots: int, recipe: Recipe, lists: int) -> list[Drawn]:
    """The k-shot share of the frozen episodes, the same number from every dataset that has any."""
    able = [i for i, source in enumerate(sources) if any(len(r) > shots for r in source.shown[0].values())]
    count = -(-recipe.validation // (lists * len(able))) if able else 0
    return [episode for i in able for episode in validation_episodes(sources[i], i, shots, count)]


def validation_episodes(source: Source, place: int, shots: int, count: int) -> list[Drawn]:
    """A frozen list from the plain variant of one source's held-out pictures, its classes in turn.

    Classes with fewer than two pictures are left out; with few, there are fewer supports.
    """
    names = [c for c, rows in source.shown[0].items() if len(rows) > shots]
    drawn = []
    for number in range(count if names else 0):
        rng = np.random.default_rng([3, place, shots, number])
        target = names[number % len(names)]
        rows = rng.choice(source.shown[0][target], shots + 1, replace=False)
        drawn.append(Drawn(place, tuple(DrawnPicture(int(r), 0, False) for r in rows), (target,)))
    return drawn


def _without(dataset: Dataset, tested: set[str], name: str) -> Fold:
    gone = tuple(c for c in sorted(dataset.classes) if dataset.classes[c].casefold() in tested)
    title = f"all classes but those tested in {name}"
    return Fold(title, gone, tuple(c for c in sorted(dataset.classes) if c not in gone))


def _used(dataset: Dataset, fold: Fold, novel: Novel, source: Source, aside: int) -> dict[str, Any]:
    """What training.json says of a dataset."""
    classes = sorted({c for shown in source.shown for c in shown})
    return {
        "dataset": dataset.name,
        "hash": dataset.hash,
        "fold": fold.name,
        "left_out": [dataset.classes[c] for c in fold.test],
        "novel_images": novel if fold.test else None,
        "trained_classes": [dataset.classes[c] for c in classes],
        "pictures": len(source.pictures),
        "held_out_pictures": aside,
        "weight": source.weight,
    }
