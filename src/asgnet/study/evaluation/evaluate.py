"""Run frozen episodes and measure what was found.

    report = evaluate(segmenter_or_net, dataset, draw(dataset, fold.test, shots=1, count=1000))
    report.save("out")

Everything streams: what is kept of an episode is a row of counts. Pictures are read again when an episode
needs them; a cache of bounded size keeps the recent ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.episodes import EpisodeList, WayEpisode, draw_absent
from asgnet.errors import AsgnetWarning, DataError, UsageError
from asgnet.imaging.iou import Overlap
from asgnet.progress import with_bar
from asgnet.study.environment import environment
from asgnet.study.evaluation.episode import PAIR_BYTES, PairCache, Result, run_episode
from asgnet.study.evaluation.metrics import Calibration, boundary_f, confusion, overlaps_of
from asgnet.study.evaluation.predictor import WAY_RULE, Geometry, NetPredictor, Predictor, Resize
from asgnet.study.evaluation.report import Report, measure
from asgnet.types import IGNORE, Episode


def evaluate(
    predictor: Any,
    dataset: Dataset,
    lists: EpisodeList | Sequence[EpisodeList],
    *,
    size: int = 473,
    resize: Resize = "pad",
    geometry: Geometry = "rounded",
    presence: bool = False,
    boundary: bool = True,
    pair_bytes: int = PAIR_BYTES,
    fit_options: Mapping[str, Any] | None = None,
    command: str = "",
    title: str = "episodes",
) -> Report:
    """Run every episode of every list and measure.

    Args:
        predictor: a Segmenter (fit, predict), or an ASGNet, which is then wrapped in a NetPredictor.
        dataset: where the lists were drawn from.
        lists: one list, or one a seed.
        size: input side of an ASGNet; a Segmenter has its own.
        resize: how an ASGNet's pictures become square: ``pad`` or ``squash``.
        geometry: of an ASGNet's ``pad``, see :class:`NetPredictor`.
        presence: also predict, per episode, a picture without the object, and measure how well
            ``p.presence`` tells the two apart (AUROC).
        boundary: measure boundary F (costs about as much as a small network).
        pair_bytes: memory for decoded pictures.
        fit_options: passed on to every ``predictor.fit``, such as ``{"adapt": False}``.
        command: kept in the results, so that they can be made again.
        title: the bar's.

    Raises:
        DataError: a list of another dataset, a picture and labels of two sizes.
        UsageError: lists of different shots or ways, presence with several ways.
        PictureError: a picture that cannot be read.
    """
    lists = [lists] if isinstance(lists, EpisodeList) else list(lists)
    _check(dataset, lists, presence)
    fitted = as_predictor(predictor, size=size, resize=resize, geometry=geometry)
    pairs = PairCache(dataset, pair_bytes)
    kept: list[list[dict[str, Any]]] = [[] for _ in lists]
    calibrations = [Calibration() for _ in lists]
    total = sum(len(one.episodes) for one in lists)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AsgnetWarning)  # about masks, the same at every episode
        for place, number, episode, absent in with_bar(_episodes(lists, dataset, presence), total, title):
            result = run_episode(fitted, pairs, episode, lists[place].classes, fit_options)
            row = _row(lists[place], number, episode, result, boundary)
            if lists[place].ways == 1:
                calibrations[place].add(result.prediction.probability, result.truth)
            if absent is not None:
                row["absent"] = absent
                row["absent_presence"] = float(fitted.predict(pairs.pair(absent)[0]).presence)
            kept[place].append(row)
    seeds = [measure(*of_one) for of_one in zip(lists, kept, calibrations, strict=True)]
    rows = [row for own in kept for row in own]
    protocol = _protocol(dataset, lists[0], fitted, presence) | dict(fit_options or {})
    return Report(protocol, environment(fitted, command), seeds, rows)


def as_predictor(predictor: Any, *, size: int, resize: Resize, geometry: Geometry = "rounded") -> Predictor:
    """A Segmenter as it is; an ASGNet in a NetPredictor.

    Raises:
        UsageError: neither.
    """
    if all(callable(getattr(predictor, name, None)) for name in ("fit", "predict")):
        return predictor
    if all(callable(getattr(predictor, name, None)) for name in ("encode", "learn", "allocate", "decode")):
        return NetPredictor(predictor, size=size, resize=resize, geometry=geometry)
    raise UsageError(f"A {type(predictor).__name__} cannot be evaluated; give a Segmenter or an ASGNet.")


def _episodes(
    lists: Sequence[EpisodeList], dataset: Dataset, presence: bool
) -> Iterator[tuple[int, int, Episode | WayEpisode, str | None]]:
    """List, number, episode and (for presence) a picture without the object."""
    for place, one in enumerate(lists):
        absent = draw_absent(dataset, one) if presence else (None,) * len(one.episodes)
        for number, (episode, name) in enumerate(zip(one.episodes, absent, strict=True)):
            yield place, number, episode, name


def _row(
    episodes: EpisodeList, number: int, episode: Episode | WayEpisode, result: Result, boundary: bool
) -> dict[str, Any]:
    """What is kept of one episode: plain values, ready for JSON."""
    targets = episode.targets
    table = confusion(result.found, result.truth, len(targets) + 1)
    overlaps = overlaps_of(table, targets)
    background = int(table[0, 0])
    valid, either = int(table.sum()), int(table.sum()) - background
    # any class against none: what FB-IoU sums
    both = int(table[1:, 1:].sum())
    foreground = Overlap(both, either, background, valid - both)
    shown = [t for t in targets if overlaps[t].union]
    row: dict[str, Any] = {
        "seed": episodes.seed,
        "episode": number,
        "targets": list(targets),
        "query": episode.query,
        "supports": [list(g) for g in episode.groups] if len(targets) > 1 else list(episode.groups[0]),
        "overlaps": [overlaps[t]._asdict() for t in targets],
        "foreground": foreground._asdict(),
        "iou": float(np.mean([overlaps[t].iou for t in shown])) if shown else 1.0,
        "presence": float(result.prediction.presence),
        "seconds": result.seconds,
    }
    if boundary:
        row["boundary_f"] = _boundary(result, len(targets), [targets.index(t) + 1 for t in shown])
    return row


def _boundary(result: Result, targets: int, places: Sequence[int]) -> float:
    """Mean boundary F of the classes that truth or prediction show."""
    places = places or range(1, targets + 1)
    scores = [
        boundary_f(result.found == place, np.where(result.truth == IGNORE, IGNORE, result.truth == place))
        for place in places
    ]
    return float(np.mean(scores))


def _check(dataset: Dataset, lists: Sequence[EpisodeList], presence: bool) -> None:
    if not lists or len({(one.shots, one.ways) for one in lists}) != 1:
        raise UsageError("Give one or more episode lists, all of the same shots and ways.")
    for one in lists:
        if one.dataset_hash != dataset.hash:
            raise DataError(
                f"An episode list of {one.dataset} cannot be asked about {dataset.name}: other pictures."
            )
    if presence and lists[0].ways > 1:
        raise UsageError("Presence is measured on one-way episodes.")


def _protocol(dataset: Dataset, one: EpisodeList, predictor: Predictor, presence: bool) -> dict[str, Any]:
    net = predictor if isinstance(predictor, NetPredictor) else None
    protocol: dict[str, Any] = {
        "dataset": dataset.name,
        "dataset_hash": dataset.hash,
        "fold": one.protocol,
        "classes": {str(index): name for index, name in one.classes.items()},
        "shots": one.shots,
        "ways": one.ways,
        "min_pixels": one.min_pixels,
        "query_pixels": one.min_pixels if one.query_pixels is None else one.query_pixels,
        "drawn_from": one.order,
        "episodes": len(one.episodes),
        "resize": net.resize if net else "the predictor's own",
        "resolution": "original",
        "ignored": IGNORE,
    }
    if net:
        protocol |= {"size": net.size, "geometry": net.geometry, "fusion": net.fusion, "expand": net.expand}
    if one.ways > 1:
        protocol["rule"] = WAY_RULE
    if presence:
        protocol["presence"] = "one picture without the class per episode"
    return protocol
