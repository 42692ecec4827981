"""How well pictures of other worlds are segmented: a frozen list of episodes on small sets of many kinds.

    python -m benchmarks.accuracy.worlds --data DATA                        # mean IoU a set, at 1 and 5 examples
    python -m benchmarks.accuracy.worlds --data DATA --only weeds --shots 1
    python -m benchmarks.accuracy.worlds --data DATA --draw                 # draws the list again

``DATA`` holds folders with ``images`` and ``masks`` (mask value = class, 255 ignored) and ``classes.txt``. Episodes
stand in ``worlds.json``: of one set and class five supports and three queries; fewer shots take the first ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.common import arguments
from numpy.typing import NDArray
from PIL import Image, ImageOps

from asgnet import Segmenter
from asgnet.imaging.iou import iou

LIST = Path(__file__).with_name("worlds.json")
EPISODES, SHOTS, QUERIES, CLASSES = 6, 5, 3, 3
LEAST = 0.002
"""Share of a picture that a class must cover to be asked for in it."""


def main() -> None:
    """Measure, or draw the list."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shots", type=int, action="append")
    parser.add_argument("--only", action="append", help="sets to measure; default: all of the list")
    parser.add_argument("--episodes", type=int, default=EPISODES, help="of each set, at most")
    parser.add_argument("--weights", help="a weights folder; default: the bundled ones")
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--effort", default="auto", help="of fitting: quick, auto or best")
    parser.add_argument("--out", type=Path, help="a JSON file for every episode's IoU")
    parser.add_argument("--draw", action="store_true")
    args = parser.parse_args()
    if args.draw:
        LIST.write_text(json.dumps(list(_drawn(args.data)), indent=0) + "\n")
        return
    measure(args)


def measure(args: Any) -> None:
    """Print a line a set and the mean over sets."""
    segmenter = Segmenter.from_pretrained(args.weights, engine=args.engine)
    shots = args.shots or [1, 5]
    found: dict[str, dict[int, list[float]]] = {}
    for episode in episodes(args.only, args.episodes):
        folder = args.data / episode["set"]
        for k in shots:
            ious = _asked(segmenter, folder, episode, k, args.effort)
            found.setdefault(episode["set"], {}).setdefault(k, []).extend(ious)
    for name, by_shots in found.items():
        print(f"{name:28s}", *(f"{np.mean(by_shots[k]):.3f}" for k in shots), flush=True)
    print(f"{'mean':28s}", *(f"{np.mean([np.mean(s[k]) for s in found.values()]):.3f}" for k in shots))
    if args.out:
        args.out.write_text(json.dumps(found))


def episodes(only: list[str] | None, most: int) -> Iterator[dict]:
    counts: dict[str, int] = {}
    for episode in json.loads(LIST.read_text()):
        name = episode["set"]
        counts[name] = counts.get(name, 0) + 1
        if counts[name] <= most and (not only or Path(name).name in only):
            yield episode


def _asked(segmenter: Segmenter, folder: Path, episode: dict, shots: int, effort: Any) -> list[float]:
    supports = episode["supports"][:shots]
    segmenter.fit(
        [picture(folder, name) for name in supports],
        [mask(folder, name, episode["class"]) for name in supports],
        keep_pictures=False,
        effort=effort,
    )
    return [
        iou(segmenter.predict(picture(folder, q)).mask, mask(folder, q, episode["class"]))
        for q in episode["queries"]
    ]


def picture(folder: Path, name: str) -> NDArray:
    upright = ImageOps.exif_transpose(Image.open(folder / "images" / f"{name}.jpg"))
    return np.asarray(upright.convert("RGB"))


def mask(folder: Path, name: str, number: int) -> NDArray:
    labels = np.asarray(Image.open(folder / "masks" / f"{name}.png"))
    return np.where(labels == 255, 255, labels == number).astype(np.uint8)


def _drawn(data: Path) -> Iterator[dict]:
    random = np.random.default_rng(0)
    folders = [*sorted((data / "worlds").iterdir()), data / "particles", data / "weeds"]
    for folder in folders:
        shown: dict[int, list[str]] = {}
        for path in sorted((folder / "masks").glob("*.png")):
            values, counts = np.unique(np.asarray(Image.open(path)), return_counts=True)
            for value, count in zip(values, counts, strict=True):
                if value not in (0, 255) and count >= LEAST * counts.sum():
                    shown.setdefault(int(value), []).append(path.stem)
        usable = sorted((v for v in shown if len(shown[v]) >= SHOTS + QUERIES), key=lambda v: -len(shown[v]))
        for i in range(EPISODES):
            number = usable[i % min(CLASSES, len(usable))]
            names = list(random.choice(shown[number], SHOTS + QUERIES, replace=False))
            name = str(folder.relative_to(data))
            yield {"set": name, "class": number, "supports": names[:SHOTS], "queries": names[SHOTS:]}


if __name__ == "__main__":
    main()
