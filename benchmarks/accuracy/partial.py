"""Examples of which a part is painted: are other pictures found as well as with all of it painted?

    python -m benchmarks.accuracy.partial --particles DATA/particles       # 3 objects, or strokes, of one picture
    python -m benchmarks.accuracy.partial --complete DATA                  # all painted: auto against background
    python -m benchmarks.accuracy.partial --particles DATA/particles --draw  # draws the list again

Episodes stand in partial.json: of a picture of particles three objects by number, a stroke of 20 pixels (3 wide) in
each and two on the ground, as rows and columns of their ends; three other pictures are asked. Columns of the first
table: everything painted; the three objects, the rest unknown; the same, left to ``auto``; strokes; the three
objects, the rest background.

With ``--complete`` every example is painted wholly: the scenes, and the worlds of worlds.json. Where ``auto`` finds
that nothing is unpainted it is ``background``, so that only the other episodes are asked twice.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from benchmarks.common import arguments, row, table
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, distance_transform_edt
from skimage.draw import line

from asgnet import Segmenter
from asgnet.imaging.iou import iou
from benchmarks.accuracy import scenes, worlds

LIST = Path(__file__).with_suffix(".json")
SOURCE = Path(__file__).with_name("instances.json")
OBJECTS, GROUNDS, LONG, WIDE, QUERIES = 3, 2, 20, 3, 3
WAYS = ("all", "three", "auto", "strokes", "background")
Lines = Sequence[Sequence[int]]
"""Rows and columns of two ends, each."""
Pair = tuple[NDArray, NDArray]


def main() -> None:
    """Measure, or draw the list."""
    parser = arguments(__doc__)
    parser.add_argument("--particles", type=Path, help="its folder")
    parser.add_argument("--complete", type=Path, help="the folder with worlds, particles and weeds")
    parser.add_argument("--episodes", type=int, help="only the first ones; of each world, with --complete")
    parser.add_argument("--shots", type=int, default=1, help="with --complete")
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.draw:
        LIST.write_text(",\n".join(json.dumps(one) for one in _drawn(given.particles)).join(["[\n", "\n]\n"]))
    elif given.particles:
        measure_partial(given.particles, given.episodes)
    if given.complete:
        measure_complete(given.complete, given.episodes or worlds.EPISODES, given.shots)


def measure_partial(root: Path, most: int | None) -> None:
    """The first table, an episode a row, and each way's share of what all painted gives."""
    segmenter = Segmenter.from_pretrained()
    print(table(["picture", *WAYS]), flush=True)
    rows = []
    for episode in json.loads(LIST.read_text())[:most]:
        picture, objects = _picture(root, episode["support"]), _objects(root, episode["support"])
        rows.append([])
        for way in WAYS:
            segmenter.fit(picture, **_example(way, objects, episode), keep_pictures=False)
            rows[-1].append(np.mean([_iou(segmenter, root, query) for query in episode["queries"]]))
        print(row([episode["support"], *(f"{found:.3f}" for found in rows[-1])]), flush=True)
    means = np.mean(rows, axis=0)
    print(row(["mean", *(f"{mean:.3f}" for mean in means)]))
    print(row(["of all", *(f"{mean / means[0]:.3f}" for mean in means)]))


def measure_complete(data: Path, most: int, shots: int) -> None:
    """The second table: a set a row."""
    segmenter = Segmenter.from_pretrained()
    print(table(["set", "episodes", "taken for partial", "auto - background, points of IoU"]), flush=True)
    every = []
    for name, episodes in _complete(data, most, shots).items():
        changes = [change for episode in episodes if (change := _change(segmenter, *episode)) is not None]
        every.append(100 * sum(changes) / len(episodes))
        print(row([name, len(episodes), len(changes), f"{every[-1]:+.2f}"]), flush=True)
    print(row(["mean", "", "", f"{np.mean(every):+.2f}"]))


def _change(segmenter: Segmenter, supports: list, queries: list) -> float | None:
    """By how much IoU on the queries changes; None where nothing is taken for unknown."""
    pictures, masks = zip(*supports, strict=True)

    def asked(unpainted: str) -> float:
        segmenter.fit(list(pictures), list(masks), unpainted=unpainted, keep_pictures=False)
        return float(np.mean([iou(segmenter.predict(picture).mask, mask) for picture, mask in queries]))

    segmenter.fit(list(pictures), list(masks), unpainted="auto", adapt=False, keep_pictures=False)
    return asked("auto") - asked("background") if any(segmenter.partly_painted) else None


def _example(way: str, objects: NDArray, episode: dict) -> dict:
    """The mask, and what else ``Segmenter.fit`` is told."""
    if way == "strokes":
        mask, ground = (_painted(episode[of], objects.shape) for of in ("strokes", "ground"))
        return {"masks": mask & (objects > 0), "background": ground & (objects == 0), "unpainted": "unknown"}
    if way == "all":
        return {"masks": objects > 0}
    word = {"three": "unknown"}.get(way, way)
    return {"masks": np.isin(objects, episode["objects"]), "unpainted": word}


def _iou(segmenter: Segmenter, root: Path, name: str) -> float:
    return iou(segmenter.predict(_picture(root, name)).mask, _objects(root, name) > 0)


def _painted(lines: Lines, size: tuple[int, int]) -> NDArray[np.bool_]:
    """``h w``: these lines as a brush draws them."""
    mask = np.zeros(size, bool)
    for ends in lines:
        mask[line(*ends)] = True
    return binary_dilation(mask, np.ones((WIDE, WIDE)))


def _complete(data: Path, most: int, shots: int) -> dict[str, list[tuple[list[Pair], list[Pair]]]]:
    """Of each set the supports and queries of its episodes."""
    found: dict[str, list[tuple[list[Pair], list[Pair]]]] = {}
    for name, own in scenes.sets().items():
        found[name] = [(supports, [query]) for query, supports in scenes.episodes(own, shots, most)]
    for episode in worlds.episodes(None, most):
        folder, number = data / episode["set"], episode["class"]
        both = [
            [(worlds.picture(folder, name), worlds.mask(folder, name, number)) for name in names]
            for names in (episode["supports"][:shots], episode["queries"])
        ]
        found.setdefault(Path(episode["set"]).name, []).append((both[0], both[1]))
    return found


def _picture(root: Path, name: str) -> NDArray:
    return np.asarray(Image.open(root / "images" / f"{name}.jpg").convert("RGB"))


def _objects(root: Path, name: str) -> NDArray[np.int32]:
    return np.asarray(Image.open(root / "instances" / f"{name}.png")).astype(np.int32)


def _drawn(root: Path) -> Iterator[dict]:
    random, known = np.random.default_rng(0), set()
    for episode in json.loads(SOURCE.read_text()):
        name = episode["supports"][0]
        objects = _objects(root, name)
        numbers, areas = np.unique(objects[objects > 0], return_counts=True)
        large = numbers[areas >= 0.3 * np.median(areas)]
        if name in known or len(large) <= OBJECTS:
            continue
        known.add(name)
        chosen = [int(n) for n in random.choice(large, OBJECTS, replace=False)]
        yield {
            "support": name,
            "objects": chosen,
            "strokes": [_line_within(objects == n) for n in chosen],
            "ground": [_line_within(_near(objects == 0, random)) for _ in range(GROUNDS)],
            "queries": episode["queries"][:QUERIES],
        }


def _near(region: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.bool_]:
    """What of a region lies near one of its pixels."""
    row, column = random.choice(np.argwhere(region))
    window = np.zeros_like(region)
    window[max(row - LONG, 0) : row + LONG, max(column - LONG, 0) : column + LONG] = True
    return region & window


def _line_within(region: NDArray[np.bool_]) -> list[int]:
    """A line through the widest place of a region, in the direction in which most of it lies in there."""
    middle = np.unravel_index(distance_transform_edt(region).argmax(), region.shape)
    lines = []
    for angle in np.linspace(0, np.pi, 8, endpoint=False):
        half = np.array([np.sin(angle), np.cos(angle)]) * LONG / 2
        ends = np.clip(np.round([middle - half, middle + half]), 0, np.array(region.shape) - 1).astype(int)
        lines.append((int(region[line(*ends.ravel())].sum()), ends.ravel().tolist()))
    return max(lines)[1]


if __name__ == "__main__":
    main()
