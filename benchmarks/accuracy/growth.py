"""How time grows with picture size, shots, prototypes, classes and pictures; a log-log plot of it.

python -m benchmarks.accuracy.growth --out docs/images/growth.png
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.common import arguments
from benchmarks.speed.measure import Run, interleaved

from asgnet import Segmenter
from benchmarks.speed import work


class Curve(NamedTuple):
    """Seconds of a piece of work at several sizes of one thing.

    Attributes:
        grows: what does.
        work: what is done.
        sizes: of it.
        seconds: medians, one a size.
    """

    grows: str
    work: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """p of the power law size**p that the larger half of the sizes follows."""
        upper = len(self.sizes) // 2
        x, y = np.log(self.sizes[upper:]), np.log(self.seconds[upper:])
        return float(np.polyfit(x, y, 1)[0])


def curves(rounds: int = 3) -> Iterator[Curve]:
    """All of them; the network's are of ``paper-r50`` (BatchNorm folded) or the default with the fastest engine."""
    _, query, _ = work.scene()
    engine = work.fastest()
    for name, runs in (
        (("picture side", "paper-r50, predict"), _sides(work.paper_predict)),
        (("picture width", "default, predict"), _widths(engine)),
        (("shots", "default, fit"), {k: partial(_fit, k) for k in (1, 2, 4, 8, 16)}),
        (
            ("shots", "default, predict"),
            {k: partial(work.segmenter(engine, k).predict, query) for k in (1, 4, 16)},
        ),
        (("prototypes", "SGC"), {n: work.sgc(prototypes=n).ours for n in (2, 5, 10, 25, 50, 100)}),
        (("prototypes", "GPA"), {n: work.gpa(prototypes=n).ours for n in (1, 5, 10, 25, 50, 100)}),
        (("prototypes", "GPA, plain"), {n: work.gpa(prototypes=n).plain for n in (1, 5, 10, 25)}),
        (
            ("classes", "default, predict"),
            {n: partial(work.segmenter(engine, 1, n).predict, query) for n in (1, 2, 4, 8)},
        ),
        (
            ("pictures", "default, predict"),
            {n: partial(_several, work.segmenter(engine), [query] * n) for n in (1, 4, 16)},
        ),
    ):
        with torch.inference_mode():
            found = interleaved({str(size): run for size, run in runs.items()}, rounds)
        yield Curve(*name, tuple(runs), tuple(found.values()))


def _sides(predict: Callable[..., work.Work]) -> dict[int, Run]:
    return {side: predict(side=side).ours for side in (129, 257, 385, 513, 641)}


def _widths(engine: str) -> dict[int, Run]:
    find = work.segmenter(engine).predict
    return {width: partial(find, work.scene(width)[1]) for width in (256, 512, 1024, 2048, 4096)}


def _fit(shots: int) -> None:
    Segmenter(work.segmenter(work.fastest()).backend).fit(*work.examples(shots))


def _several(segmenter: Segmenter, pictures: Sequence[np.ndarray]) -> None:
    for _ in segmenter.predict(pictures):
        pass


def plot(found: Sequence[Curve], path: Path) -> None:
    """A panel for each thing that grows."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    things = list(dict.fromkeys(curve.grows for curve in found))
    figure = Figure(figsize=(3 * len(things), 3.2), layout="constrained")
    for axes, thing in zip(figure.subplots(1, len(things), sharey=True), things, strict=True):
        for curve in found:
            if curve.grows == thing:
                label = f"{curve.work}: power {curve.exponent:.1f}"
                axes.loglog(curve.sizes, 1000 * np.array(curve.seconds), "o-", markersize=3, label=label)
        sizes = sorted({size for curve in found if curve.grows == thing for size in curve.sizes})
        axes.set_xticks(sizes, list(map(str, sizes)), fontsize="small")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel=thing)
        axes.grid(True, which="both", alpha=0.25)
        axes.legend(fontsize="x-small")
    figure.axes[0].set_ylabel("milliseconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure and draw."""
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/growth.png"))
    found = []
    given = parser.parse_args()
    for curve in curves():
        found.append(curve)
        times = ", ".join(f"{n}: {1000 * s:.1f} ms" for n, s in zip(curve.sizes, curve.seconds, strict=True))
        print(f"{curve.grows}, {curve.work}: {times}; power {curve.exponent:.2f}")
    plot(found, given.out)


if __name__ == "__main__":
    main()
