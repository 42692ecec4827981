"""Draw episodes, freeze them in a file, replay them.

A list is a function of (dataset hash, classes, shots, seed) alone: every draw takes its number from SHA-256
of a counter, so workers, platforms and library versions cannot change it. Episode i of a five-shot list asks
the same question as episode i of the one-shot list, with four more supports, as long as the same classes are
drawn from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.folds import classes_with
from asgnet.errors import DataError, UsageError
from asgnet.files import atomic_path, named, printable
from asgnet.types import Episode

MIN_PIXELS = 2 * 32 * 32
"""A picture counts for a class if the class covers so many pixels at original size (the field's filter)."""

FORMAT = "asgnet episodes 1"

_Shown = dict[int, tuple[str, ...]]
Order = Literal["classes", "pictures"]
"""What an episode is drawn from: a class and then its query, or, as published, the next picture and then its class."""


@dataclass(frozen=True)
class WayEpisode:
    """One question with several classes: which pixel of the query is which of ``targets``, or none.

    Attributes:
        targets: N distinct class indices; the first is in the query for certain, the others may be.
        query: picture name.
        supports: per target, k distinct picture names, none of them the query.
    """

    targets: tuple[int, ...]
    query: str
    supports: tuple[tuple[str, ...], ...]

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The supports of each target, as an episode of one class has them."""
        return self.supports


@dataclass(frozen=True)
class EpisodeList:
    """A frozen list of questions about one dataset.

    Attributes:
        dataset: the dataset's name.
        dataset_hash: its ``Dataset.hash``.
        classes: class index → name of the classes drawn from.
        protocol: fold and convention, in words, for results.
        shots: supports per class.
        ways: classes per episode.
        seed: what it was drawn with.
        min_pixels: pixels that query and supports hold of the class, at least.
        order: what episodes were drawn from.
        query_pixels: pixels that the query holds, instead of ``min_pixels``.
        episodes: the questions: Episode for one way, WayEpisode for more.
    """

    dataset: str
    dataset_hash: str
    classes: dict[int, str]
    protocol: str
    shots: int
    ways: int
    seed: int
    min_pixels: int
    episodes: tuple[Episode | WayEpisode, ...]
    order: Order = "classes"
    query_pixels: int | None = None

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything above but the dataset's name: two lists with one hash are one list."""
        return hashlib.sha256("\n".join(self._lines()).encode()).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write JSON lines: a head with the hash, then an episode a line.

        Raises:
            OutputError: the file cannot be written.
        """
        head, *rows = self._lines()
        signed = json.dumps({**json.loads(head), "dataset": self.dataset, "sha256": self.hash})
        with atomic_path(Path(path)) as partial:
            partial.write_text("\n".join([signed, *rows]) + "\n", "utf-8")

    def _lines(self) -> Iterator[str]:
        head: dict[str, Any] = {
            "format": FORMAT,
            "dataset_hash": self.dataset_hash,
            "classes": {str(index): name for index, name in sorted(self.classes.items())},
            "protocol": self.protocol,
            "shots": self.shots,
            "ways": self.ways,
            "seed": self.seed,
            "min_pixels": self.min_pixels,
            "count": len(self.episodes),
        }
        if self.order != "classes":  # the usual way is not named: lists of before keep their hashes
            head["order"] = self.order
        if self.query_pixels is not None:
            head["query_pixels"] = self.query_pixels
        yield json.dumps(head)
        for episode in self.episodes:
            target = list(episode.targets) if isinstance(episode, WayEpisode) else episode.target
            yield json.dumps({"target": target, "query": episode.query, "supports": episode.supports})


def load(path: str | Path, dataset: Dataset | None = None) -> EpisodeList:
    """Read a list written by ``EpisodeList.save``.

    Raises:
        DataError: not such a file, altered since it was written, or (``dataset`` given) of another dataset.
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"The episode list {named(path)} cannot be read: {problem}.") from problem
    try:
        head, *rows = (json.loads(line) for line in lines)
        if head["format"] != FORMAT:
            raise ValueError(head["format"])
        listed = EpisodeList(
            head["dataset"],
            head["dataset_hash"],
            {int(index): name for index, name in head["classes"].items()},
            head["protocol"],
            head["shots"],
            head["ways"],
            head["seed"],
            head["min_pixels"],
            tuple(_episode(row) for row in rows),
            head.get("order", "classes"),
            head.get("query_pixels"),
        )
        signed, count = head["sha256"], head["count"]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
        raise DataError(f"{named(path)} is no episode list; make one with `asgnet episodes`.") from problem
    if signed != listed.hash or count != len(listed.episodes):
        raise DataError(
            f"The episode list {named(path)} was altered after it was drawn (its SHA-256 differs); "
            "draw it again."
        )
    if dataset is not None and dataset.hash != listed.dataset_hash:
        raise DataError(
            f"The episode list {named(path)} was drawn from {printable(listed.dataset)} with other pictures "
            f"or labels than {dataset.name} has here; open that dataset and split, or draw a new list."
        )
    return listed


def draw(
    dataset: Dataset,
    classes: Sequence[int],
    shots: int,
    count: int,
    seed: int = 0,
    *,
    ways: int = 1,
    min_pixels: int = MIN_PIXELS,
    min_pictures: int = 0,
    protocol: str = "all",
    order: Order = "classes",
    query_pixels: int | None = None,
) -> EpisodeList:
    """Draw ``count`` episodes.

    An episode's class is drawn uniformly from the classes (a rare one weighs as much as a frequent one), then
    its query, then its supports, uniformly among that class's pictures, none twice.

    Args:
        dataset: where pictures come from.
        classes: class indices to draw from; those with too few pictures are left out.
        shots: supports per class, ≥ 1.
        count: episodes, ≥ 1.
        seed: another seed, another list.
        ways: classes per episode; with more than one the further classes are drawn uniformly too.
        min_pixels: a picture counts for a class from so many of its pixels on, at original size.
        min_pictures: leave out classes with fewer pictures (never below shots + 1).
        protocol: the fold in words, kept with the list.
        order: ``pictures``: as published, episode i asks the i-th picture that shows a class by ``min_pixels``
            (by name, again from the first after the last) about one of the classes it shows.
        query_pixels: a query shows its class from so many pixels on, instead of ``min_pixels``; published: 1.

    Raises:
        UsageError: shots, count or ways below 1.
        DataError: no class has enough pictures, or fewer classes than ways have.
    """
    if min(shots, count, ways) < 1:
        raise UsageError("shots, episodes and ways are at least 1 each.")
    if ways > 1 and (order != "classes" or query_pixels is not None):
        raise UsageError("Episodes of several ways are drawn by classes, queries by min_pixels.")
    needed = max(min_pictures, shots + 1)
    classes = classes_with(
        dataset, tuple(classes), needed, min_pixels=min_pixels, title=f"the classes of {protocol}"
    )
    if len(classes) < ways:
        raise DataError(
            f"{ways} ways need {ways} classes with {needed} pictures each; {dataset.name} has {len(classes)}."
        )
    shown = {index: dataset.holding(index, min_pixels) for index in classes}
    key = f"{dataset.hash} {sorted(classes)} {min_pixels} {seed}"
    asked = shown if query_pixels is None else {c: dataset.holding(c, query_pixels) for c in classes}
    walked = sorted({name for names in shown.values() for name in names})
    episodes: list[Episode | WayEpisode] = []
    for i in range(count):
        if ways == 1 and order == "pictures":
            query = walked[i % len(walked)]
            episodes.append(_draw_walking(shown, asked, query, shots, _Dice(f"{key} {i}")))
        elif ways == 1:
            episodes.append(_draw_one(shown, asked, shots, _Dice(f"{key} {i}")))
        else:
            episodes.append(_draw_ways(shown, shots, ways, _Dice(f"{key} {ways} {i}")))
    names = {index: dataset.classes[index] for index in classes}
    return EpisodeList(
        dataset.name, dataset.hash, names, protocol, shots, ways, seed, min_pixels, tuple(episodes),
        order, query_pixels,
    )  # fmt: skip


def draw_absent(dataset: Dataset, episodes: EpisodeList) -> tuple[str | None, ...]:
    """For each episode a picture without one pixel of its class; None where every picture shows it.

    A function of the list alone, like the list of its seed.
    """
    without = {i: [n for n in dataset.pictures if not dataset.pixels(n, i)] for i in episodes.classes}
    absent = []
    for number, episode in enumerate(episodes.episodes):
        if isinstance(episode, WayEpisode):
            raise UsageError("Presence is measured on one-way episodes.")
        names = without[episode.target]
        dice = _Dice(f"absent {episodes.dataset_hash} {episodes.seed} {number}")
        absent.append(names[dice.below(len(names))] if names else None)
    return tuple(absent)


class _Dice:
    """Whole numbers from SHA-256 of a key and a counter."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.thrown = 0

    def below(self, bound: int) -> int:
        """Uniform in 0 … bound − 1 (to within bound / 2⁶⁴)."""
        digest = hashlib.sha256(f"{self.key} {self.thrown}".encode("utf-8", "surrogatepass")).digest()
        self.thrown += 1
        return int.from_bytes(digest[:8], "big") * bound >> 64

    def take(self, names: Sequence[str], number: int, without: str = "") -> tuple[str, ...]:
        """``number`` distinct names in the order drawn, ``without`` not among them."""
        taken: list[str] = []
        while len(taken) < number:
            name = names[self.below(len(names))]
            if name != without and name not in taken:
                taken.append(name)
        return tuple(taken)


def _draw_one(shown: _Shown, asked: _Shown, shots: int, dice: _Dice) -> Episode:
    targets = sorted(shown)
    target = targets[dice.below(len(targets))]
    (query,) = dice.take(asked[target], 1)
    return Episode(target, query, dice.take(shown[target], shots, without=query))


def _draw_walking(shown: _Shown, asked: _Shown, query: str, shots: int, dice: _Dice) -> Episode:
    there = [c for c in sorted(shown) if query in asked[c]] or [c for c in sorted(shown) if query in shown[c]]
    target = there[dice.below(len(there))]
    return Episode(target, query, dice.take(shown[target], shots, without=query))


def _draw_ways(shown: dict[int, tuple[str, ...]], shots: int, ways: int, dice: _Dice) -> WayEpisode:
    left = sorted(shown)
    targets = tuple(left.pop(dice.below(len(left))) for _ in range(ways))
    (query,) = dice.take(shown[targets[0]], 1)
    return WayEpisode(targets, query, tuple(dice.take(shown[t], shots, without=query) for t in targets))


def _episode(row: dict) -> Episode | WayEpisode:
    target, query, supports = row["target"], row["query"], row["supports"]
    if isinstance(target, list):
        return WayEpisode(tuple(target), query, tuple(tuple(names) for names in supports))
    return Episode(target, query, tuple(supports))
