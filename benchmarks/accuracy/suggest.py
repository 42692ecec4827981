"""Is painting what asgnet suggest suggests better than painting pictures at random?

    python -m benchmarks.accuracy.suggest --voc VOC2012 --episodes 2

One painted example, a pile of nine pictures that show the object, six others to be measured on. One, two and
three pictures of the pile are painted and added: the suggested ones, random ones, or those whose mask is most
uncertain. The table gives the mean IoU over the six, averaged over the episodes, and in how many episodes the
suggestion did better than the random draw.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
from benchmarks.accuracy.sets import Set, sets_of
from benchmarks.common import arguments, fitted, row, table

from asgnet import Segmenter
from asgnet.apply.doctor.suggest import expected_iou, mean_features, spread
from asgnet.imaging.iou import iou

PILE, QUERIES, MOST = 9, 6, 3
WAYS = ("suggested", "random", "uncertain")


def painted(segmenter: Segmenter, examples: Set, queries: Set) -> float:
    """Mean IoU on the queries after fitting."""
    fitted(segmenter, [(s.image, s.mask) for s in examples])
    return float(np.mean([iou(segmenter.predict(q.image).mask, q.mask) for q in queries]))


def episode(segmenter: Segmenter, pictures: Set, rng: np.random.Generator) -> dict:
    """IoU after each addition, by way."""
    drawn = [pictures[i] for i in rng.permutation(len(pictures))]
    first, pile, queries = drawn[0], drawn[1:-QUERIES][:PILE], drawn[-QUERIES:]
    start = painted(segmenter, [first], queries)
    found = [segmenter.predict(s.image) for s in pile]
    vectors = np.stack([mean_features(segmenter, s.image) for s in pile])
    presences = np.array([p.presence for p in found])
    chosen, _, _ = spread(vectors, presences, MOST, np.ones(len(pile), bool))
    orders = {
        "suggested": chosen,
        "random": rng.permutation(len(pile))[:MOST].tolist(),
        "uncertain": np.argsort([expected_iou(p.probability) for p in found])[:MOST].tolist(),
    }
    known: dict[frozenset, float] = {}
    curves = {}
    for way, order in orders.items():
        curves[way] = [start]
        for n in range(1, MOST + 1):
            key = frozenset(order[:n])
            if key not in known:
                known[key] = painted(segmenter, [first, *(pile[i] for i in order[:n])], queries)
            curves[way].append(known[key])
    return curves


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--voc", type=Path, help="VOC 2012's devkit folder; without it only the scenes")
    parser.add_argument("--episodes", type=int, default=2, help="of each set")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--out", type=Path, help="JSON, written set by set")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    size = 1 + PILE + QUERIES
    sets = sets_of(given.voc, size, given.seed)
    rows = []
    segmenters = {name: Segmenter.from_pretrained().with_feature_cache() for name in sets}
    for at in range(given.episodes):
        for name in sorted(sets, key=lambda n: sum(map(ord, n)) % 7):
            if len(sets[name]) < 5 + QUERIES:
                continue
            rng = np.random.default_rng([given.seed, at, sum(map(ord, name))])
            rows.append({"set": name, **episode(segmenters[name], sets[name], rng)})
            print(name, rows[-1], flush=True)
            if given.out:
                given.out.write_text(json.dumps(rows))
    report(rows)


def report(rows: list[dict]) -> None:
    """The table."""
    print(f"{len(rows)} episodes\n\n{table(['painted in addition', '0', '1', '2', '3'])}")
    for way in WAYS:
        means = np.mean([r[way] for r in rows], axis=0)
        print(row([way, *(f"{m:.3f}" for m in means)]))
    better = [np.mean([r["suggested"][n] > r["random"][n] for r in rows]) for n in range(1, MOST + 1)]
    print(row(["suggested beats random", "", *(f"{b:.0%}" for b in better)]))


if __name__ == "__main__":
    main()
