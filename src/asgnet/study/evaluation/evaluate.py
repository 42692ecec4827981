"""Ask frozen episodes and measure the answers.

    report = evaluate(segmenter_or_net, dataset, draw(dataset, fold.test, shots=1, count=1000))
    report.save("out")

Everything streams: what is kept of an episode is a row of counts. Pictures are read again when an episode
needs them; a shelf of bounded size keeps the recent ones.
"""

from __future__ import annotations

import time
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.benchmarks.dataset import Dataset, class_mask
from asgnet.data.benchmarks.episodes import EpisodeList, WayEpisode, draw_absent
from asgnet.errors import AsgnetWarning, DataError, UsageError
from asgnet.imaging.iou import Overlap
from asgnet.progress import with_bar
from asgnet.study.environment import environment
from asgnet.study.evaluation.metrics import Calibration, boundary_f, confusion, overlaps_of
from asgnet.study.evaluation.predictor import WAY_RULE, NetPredictor, Predictor, Resize
from asgnet.study.evaluation.report import Report, measure
from asgnet.types import IGNORE, Episode, Picture, Prediction

SHELF_BYTES = 256 << 20


class Shelf:
    """Decoded pictures and labels; beyond ``most_bytes`` the least recently used are given up."""

    def __init__(self, dataset: Dataset, most_bytes: int = SHELF_BYTES) -> None:
        self.dataset = dataset
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._pairs: OrderedDict[str, tuple[Picture, NDArray]] = OrderedDict()

    def pair(self, name: str) -> tuple[Picture, NDArray]:
        """A picture ``h w 3`` and its labels ``h w``.

        Raises:
            DataError: they have two sizes.
        """
        if name in self._pairs:
            self._pairs.move_to_end(name)
            return self._pairs[name]
        picture, labels = self.dataset.pair(name)
        self._pairs[name] = (picture, labels)
        self.held_bytes += picture.nbytes + labels.nbytes
        while self.held_bytes > self.most_bytes and len(self._pairs) > 1:
            _, gone = self._pairs.popitem(last=False)
            self.held_bytes -= sum(array.nbytes for array in gone)
        return picture, labels


@dataclass(frozen=True)
class Answer:
    """One episode, asked and answered.

    Attributes:
        supports: each support's picture and its labels as 0 … N, 255.
        query: ``h w 3``.
        truth: ``h w`` in 0 … N (N targets in the episode's order), 255.
        found: ``h w`` int in 0 … N.
        prediction: all that the predictor said.
        seconds: ``support`` (fit), ``query`` (predict, the decoder left out where it is known), ``decode``.
    """

    supports: list[tuple[Picture, NDArray]]
    query: Picture
    truth: NDArray
    found: NDArray
    prediction: Prediction
    seconds: dict[str, float]


def evaluate(
    predictor: Any,
    dataset: Dataset,
    lists: EpisodeList | Sequence[EpisodeList],
    *,
    size: int = 473,
    resize: Resize = "pad",
    presence: bool = False,
    boundary: bool = True,
    shelf_bytes: int = SHELF_BYTES,
    fit_options: Mapping[str, Any] | None = None,
    command: str = "",
    title: str = "episodes",
) -> Report:
    """Answer every episode of every list and measure.

    Args:
        predictor: a Segmenter (fit, predict), or an ASGNet, which is then wrapped in a NetPredictor.
        dataset: where the lists were drawn from.
        lists: one list, or one a seed.
        size: input side of an ASGNet; a Segmenter has its own.
        resize: how an ASGNet's pictures become square: ``pad`` or ``squash``.
        presence: also predict, per episode, a picture without the object, and measure how well
            ``p.presence`` tells the two apart (AUROC).
        boundary: measure boundary F (costs about as much as a small network).
        shelf_bytes: memory for decoded pictures.
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
    asked = as_predictor(predictor, size=size, resize=resize)
    shelf = Shelf(dataset, shelf_bytes)
    kept: list[list[dict[str, Any]]] = [[] for _ in lists]
    calibrations = [Calibration() for _ in lists]
    total = sum(len(one.episodes) for one in lists)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AsgnetWarning)  # about masks, the same at every episode
        for place, number, episode, absent in with_bar(_asked(lists, dataset, presence), total, title):
            answer = ask(asked, shelf, episode, lists[place].classes, fit_options)
            row = _row(lists[place], number, episode, answer, boundary)
            if lists[place].ways == 1:
                calibrations[place].add(answer.prediction.probability, answer.truth)
            if absent is not None:
                row["absent"] = absent
                row["absent_presence"] = float(asked.predict(shelf.pair(absent)[0]).presence)
            kept[place].append(row)
    seeds = [measure(*of_one) for of_one in zip(lists, kept, calibrations, strict=True)]
    rows = [row for own in kept for row in own]
    protocol = _protocol(dataset, lists[0], asked, presence) | dict(fit_options or {})
    return Report(protocol, environment(asked, command), seeds, rows)


def as_predictor(predictor: Any, *, size: int, resize: Resize) -> Predictor:
    """A Segmenter as it is; an ASGNet in a NetPredictor.

    Raises:
        UsageError: neither.
    """
    if all(callable(getattr(predictor, name, None)) for name in ("fit", "predict")):
        return predictor
    if all(
        callable(getattr(predictor, name, None)) for name in ("encode", "prototypes", "allocate", "decode")
    ):
        return NetPredictor(predictor, size=size, resize=resize)
    raise UsageError(f"A {type(predictor).__name__} cannot be evaluated; give a Segmenter or an ASGNet.")


def ask(
    predictor: Predictor,
    shelf: Shelf,
    episode: Episode | WayEpisode,
    classes: dict[int, str],
    fit_options: Mapping[str, Any] | None = None,
) -> Answer:
    """Fit the episode's supports, predict its query.

    With several ways every class's mask is given for every support, so that a support of one class that shows
    another teaches that too; the query's classes outside the targets count as background.
    """
    several = isinstance(episode, WayEpisode)
    targets = episode.targets if several else (episode.target,)
    names = [name for group in episode.supports for name in group] if several else episode.supports
    supports = [shelf.pair(name) for name in names]
    images = [picture for picture, _ in supports]
    masks = {classes[t]: [class_mask(labels, t) for _, labels in supports] for t in targets}
    query, labels = shelf.pair(episode.query)
    start = time.perf_counter()
    predictor.fit(images, masks if several else masks[classes[targets[0]]], **(fit_options or {}))
    fitted = time.perf_counter()
    prediction = predictor.predict(query)
    done = time.perf_counter()
    decode = getattr(predictor, "decode_seconds", None)
    seconds = {"support": fitted - start, "query": done - fitted - (decode or 0.0)}
    if decode is not None:
        seconds["decode"] = decode
    found = np.asarray(prediction.mask).astype(np.int64)
    shown = [(picture, relabelled(own, targets)) for picture, own in supports]
    return Answer(shown, query, relabelled(labels, targets), found, prediction, seconds)


def relabelled(labels: NDArray, targets: Sequence[int]) -> NDArray[np.uint8]:
    """Class indices → 1 … N in the order of ``targets``, 0 for every other class, 255 as it was."""
    out = np.zeros(labels.shape, np.uint8)
    for place, target in enumerate(targets, 1):
        out[labels == target] = place
    out[labels == IGNORE] = IGNORE
    return out


def _asked(
    lists: Sequence[EpisodeList], dataset: Dataset, presence: bool
) -> Iterator[tuple[int, int, Episode | WayEpisode, str | None]]:
    """List, number, episode and (for presence) a picture without the object."""
    for place, one in enumerate(lists):
        absent = draw_absent(dataset, one) if presence else (None,) * len(one.episodes)
        for number, (episode, name) in enumerate(zip(one.episodes, absent, strict=True)):
            yield place, number, episode, name


def _row(
    episodes: EpisodeList, number: int, episode: Episode | WayEpisode, answer: Answer, boundary: bool
) -> dict[str, Any]:
    """What is kept of one episode: plain values, ready for JSON."""
    several = isinstance(episode, WayEpisode)
    targets = episode.targets if several else (episode.target,)
    table = confusion(answer.found, answer.truth, len(targets) + 1)
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
        "supports": [list(s) if several else s for s in episode.supports],
        "overlaps": [overlaps[t]._asdict() for t in targets],
        "foreground": foreground._asdict(),
        "iou": float(np.mean([overlaps[t].iou for t in shown])) if shown else 1.0,
        "presence": float(answer.prediction.presence),
        "seconds": answer.seconds,
    }
    if boundary:
        row["boundary_f"] = _boundary(answer, len(targets), [targets.index(t) + 1 for t in shown])
    return row


def _boundary(answer: Answer, targets: int, places: Sequence[int]) -> float:
    """Mean boundary F of the classes that truth or prediction show."""
    places = places or range(1, targets + 1)
    scores = [
        boundary_f(answer.found == place, np.where(answer.truth == IGNORE, IGNORE, answer.truth == place))
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


def _protocol(dataset: Dataset, one: EpisodeList, asked: Predictor, presence: bool) -> dict[str, Any]:
    net = asked if isinstance(asked, NetPredictor) else None
    protocol: dict[str, Any] = {
        "dataset": dataset.name,
        "dataset_hash": dataset.hash,
        "fold": one.protocol,
        "classes": {str(index): name for index, name in one.classes.items()},
        "shots": one.shots,
        "ways": one.ways,
        "min_pixels": one.min_pixels,
        "episodes": len(one.episodes),
        "resize": net.resize if net else "the predictor's own",
        "resolution": "original",
        "ignored": IGNORE,
    }
    if net:
        protocol |= {"size": net.size, "fusion": net.fusion, "expand": net.expand}
    if one.ways > 1:
        protocol["rule"] = WAY_RULE
    if presence:
        protocol["presence"] = "one picture without the class per episode"
    return protocol
