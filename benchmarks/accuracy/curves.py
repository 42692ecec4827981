"""How trainings went: loss and IoU of each step, and the mIoU over base classes that chose the weights.

python -m benchmarks.accuracy.curves runs/fold1 runs/fold2 runs/fold3 --out docs/images/training.png
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.common import arguments

SMOOTH = 25
"""Steps of the running mean."""
PANELS = {"loss": "loss", "iou": "IoU of the batch", "base_iou": "mIoU, base classes, held-out pictures"}


def read(run: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of what ``metrics.jsonl`` of a run holds, by name."""
    found: dict[str, tuple[list[int], list[float]]] = {name: ([], []) for name in PANELS}
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        for name, (steps, values) in found.items():
            if name in row:
                steps.append(row["step"])
                values.append(row[name])
    return found


def smoothed(values: Sequence[float], width: int = SMOOTH) -> np.ndarray:
    """Mean of each value and the ``width - 1`` before it, of fewer at the start."""
    sums = np.cumsum([0.0, *values])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def main() -> None:
    """Draw."""
    from matplotlib.figure import Figure

    parser = arguments(__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of asgnet train")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    figure = Figure(figsize=(3.6 * len(PANELS), 3.2), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for run in given.runs:
            steps, values = read(run)[name]
            if name == "base_iou":
                axes.plot(steps, values, "o-", markersize=3, label=run.name)
            else:
                axes.plot(steps, smoothed(values), linewidth=1, label=run.name)
        axes.set(title=title, xlabel="step")
        axes.grid(True, alpha=0.25)
    figure.axes[0].legend(fontsize="small")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(given.out, dpi=110)


if __name__ == "__main__":
    main()
