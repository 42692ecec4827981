"""What the doctor of examples notices when masks are broken on purpose, and how well it foretells quality.

    python -m benchmarks.accuracy.doctor --voc VOC2012 --pictures 7 --episodes 2
    python -m benchmarks.accuracy.doctor --voc VOC2012 --episodes 0 --foretold 3

Masks of VOC 2012 val classes and of the scenes of scenes.py are inverted, moved by 8 to 22 % of the longer
side, or swapped between two examples; the same examples are judged unbroken as well. Caught: the broken one
is called wrong. Named: with the right mistake. False alarm: a right mask is called wrong, as a share of the
right masks. Then unbroken examples' leave-one-out IoU is set beside the IoU on pictures they have not seen.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from benchmarks.accuracy.sets import Set, sets_of
from benchmarks.common import arguments, fitted, row, table
from PIL import Image

from asgnet import Segmenter
from asgnet.apply.doctor.checks import shrunk
from asgnet.apply.doctor.diagnosis import cross_predicted, log_odds
from asgnet.apply.doctor.mistakes import Mistake, find_mistakes, mend
from asgnet.imaging.iou import iou
from asgnet.types import Support

SHOTS = (1, 2, 3, 5)
QUERIES = 4


def moved(support: Support, rng: np.random.Generator) -> Support:
    """The mask moved by 8 to 22 % of the longer side, at least half of it still in the picture."""
    while True:
        far = rng.uniform(0.08, 0.22) * max(support.mask.shape)
        angle = rng.uniform(0, 2 * np.pi)
        shift = far * np.sin(angle) / support.mask.shape[0], far * np.cos(angle) / support.mask.shape[1]
        mask = mend([support.mask], 0, Mistake("moved", shift))
        if (mask == 1).sum() > 0.5 * (support.mask == 1).sum():
            return Support(support.image, mask)


def broken(examples: Set, kind: str, rng: np.random.Generator) -> tuple[Set, set[int]]:
    """The examples with one mask inverted or moved, or two swapped; and which."""
    first, *rest = examples
    if kind == "inverted":
        return [Support(first.image, mend([first.mask], 0, Mistake("inverted"))), *rest], {0}
    if kind == "moved":
        return [moved(first, rng), *rest], {0}
    if kind == "swapped":
        size = first.mask.shape[::-1]
        other = Support(
            np.asarray(Image.fromarray(rest[0].image).resize(size)),
            np.asarray(Image.fromarray(rest[0].mask).resize(size, Image.Resampling.NEAREST)),
        )
        return [Support(first.image, other.mask), Support(other.image, first.mask), *rest[1:]], {0, 1}
    return examples, set()


class Witness:
    """Fields of pupils by teachers, each pair asked once."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter, self.known = segmenter, {}

    def fields(self, examples: Set, teacher: int, mask: np.ndarray) -> dict[int, np.ndarray]:
        key = _digest(examples[teacher].image, mask)
        knows = False
        answer = {}
        for i, pupil in enumerate(examples):
            pair = key, _digest(pupil.image)
            if i == teacher:
                continue
            if pair not in self.known:
                if not knows:
                    self.segmenter.fit(examples[teacher].image, mask)
                    knows = True
                self.known[pair] = log_odds(self.segmenter, pupil)
            answer[i] = self.known[pair]
        return answer


def _digest(*arrays: np.ndarray) -> bytes:
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).digest()


def judge(witness: Witness, examples: Set) -> dict[int, Mistake]:
    masks = [s.mask for s in examples]
    return find_mistakes(masks, lambda j, mask: witness.fields(examples, j, mask))


def detection(segmenter: Segmenter, pictures: Set, episodes: int, rng: np.random.Generator) -> list[dict]:
    witness, rows = Witness(segmenter), []
    for shots in SHOTS[1:]:
        for _ in range(episodes):
            drawn = [pictures[i] for i in rng.permutation(len(pictures))[:shots]]
            for kind in ("right", "inverted", "moved", "swapped"):
                examples, bad = broken(drawn, kind, rng)
                pair = [(s.mask == 1) for s in examples[:2]]
                if kind == "swapped" and (pair[0] & pair[1]).sum() > 0.6 * (pair[0] | pair[1]).sum():
                    continue  # nearly the same mask: nothing to notice
                if not all((s.mask == 1).any() for s in examples):
                    continue
                said = judge(witness, examples)
                rows.append(
                    {
                        "shots": shots,
                        "kind": kind,
                        "caught": bool(set(said) & bad),
                        "named": bool(bad) and all(i in said and said[i].kind == kind for i in bad),
                        "false": len(set(said) - bad),
                        "right": shots - len(bad),
                    }
                )
    return rows


def foretelling(segmenter: Segmenter, pictures: Set, episodes: int, rng: np.random.Generator) -> list[dict]:
    rows = []
    for shots in SHOTS:
        for _ in range(episodes):
            drawn = rng.permutation(len(pictures))[: shots + QUERIES]
            examples = [pictures[i] for i in drawn[:shots]]
            ious = [iou(found, s.mask) for s, found in cross_predicted(segmenter, examples)]
            fitted(segmenter, [(s.image, s.mask) for s in examples])
            queries = [pictures[i] for i in drawn[shots:]]
            true = [iou(segmenter.predict(q.image).mask, q.mask) for q in queries]
            rows.append({"shots": shots, "told": ious, "true": true})
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--voc", type=Path, help="VOC 2012's devkit folder; without it only the scenes")
    parser.add_argument("--pictures", type=int, default=9, help="of each set")
    parser.add_argument("--episodes", type=int, default=6, help="of each set and number of examples")
    parser.add_argument("--foretold", type=int, default=1, help="the same, of examples left as they are")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, help="JSON lines, one an episode, appended set by set")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    sets = sets_of(given.voc, given.pictures, given.seed)
    rows: dict[str, list[dict]] = defaultdict(list)
    order = sorted(sets, key=lambda name: hashlib.sha256(name.encode()).digest())  # mixed: a prefix is fair
    for at, name in enumerate(order):
        rng = np.random.default_rng([given.seed, at])
        pictures = [shrunk(s) for s in sets[name]]
        segmenter = Segmenter.from_pretrained().with_feature_cache()
        foretold = foretelling(segmenter, pictures, given.foretold, rng)
        rows["foretold"] += [r | {"set": name} for r in foretold]
        rows["noticed"] += [r | {"set": name} for r in detection(segmenter, pictures, given.episodes, rng)]
        if given.out:
            given.out.write_text(json.dumps(rows))
        print(name, len(pictures), flush=True)
    report(rows)


def report(rows: dict[str, list[dict]]) -> None:
    """Both tables."""
    print(table(["examples", "broken", "episodes", "caught", "named rightly", "false alarms"]))
    for shots in SHOTS[1:]:
        for kind in ("right", "inverted", "moved", "swapped"):
            own = [r for r in rows["noticed"] if (r["shots"], r["kind"]) == (shots, kind)]
            if not own:
                continue
            rate = [f"{np.mean([r[key] for r in own]):.0%}" for key in ("caught", "named")]
            false = sum(r["false"] for r in own) / max(sum(r["right"] for r in own), 1)
            shown = ("–", "–") if kind == "right" else rate
            print(row([shots, kind, len(own), *shown, f"{false:.0%}"]))
    head = ["examples", "episodes", "a", "b", "10 %", "90 %", "correlation", "inside, on sets held out"]
    print(table(head))
    for shots in SHOTS:
        own = [r for r in rows["foretold"] if r["shots"] == shots]
        start, slope, low, high, inside = calibrated(own)
        told, true = [np.mean(r["told"]) for r in own], [np.mean(r["true"]) for r in own]
        cells = [f"{v:.2f}" for v in (start, slope, low, high, np.corrcoef(told, true)[0, 1])]
        print(row([shots, len(own), *cells, f"{inside:.0%}"]))


def calibrated(rows: list[dict]) -> tuple[float, float, float, float, float]:
    """Line, 80 % range around it, and how often it holds for sets that had no part in either."""
    sets = sorted({r["set"] for r in rows})
    inside = []
    for left in sets:
        start, slope, low, high = _line([r for r in rows if r["set"] != left])
        for r in (r for r in rows if r["set"] == left):
            error = np.mean(r["true"]) - np.clip(start + slope * np.mean(r["told"]), 0, 1)
            inside.append(low <= error <= high)
    return (*_line(rows), float(np.mean(inside)))


def _line(rows: list[dict]) -> tuple[float, float, float, float]:
    told = np.array([np.mean(r["told"]) for r in rows])
    true = np.array([np.mean(r["true"]) for r in rows])
    slope, start = np.polyfit(told, true, 1)
    errors = true - np.clip(start + slope * told, 0, 1)
    return float(start), float(slope), *(float(v) for v in np.quantile(errors, [0.1, 0.9]))


if __name__ == "__main__":
    main()
