"""How well new pictures will be segmented, estimated from how well the examples find each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CALIBRATED: dict[int, tuple[float, float, float, float]] = {
    1: (0.0, 1.0, -0.2, 0.2),
}
"""By number of examples: expected IoU = a + b·(mean over the examples), and the 80 % range around it.

A rule of thumb: as the examples find each other, give or take 0.2. ``python benchmarks/doctor.py`` prints
measured rows; with the bundled weights it has not been run.
"""


@dataclass(frozen=True)
class Expected:
    """Mean IoU to expect on new pictures like the examples.

    Attributes:
        iou: in [0, 1].
        low, high: it should lie between them.
    """

    iou: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """One sentence."""
        return (
            f"On new pictures like these expect a mean IoU of about {self.iou:.2f} "
            f"(by rule of thumb between {self.low:.2f} and {self.high:.2f})."
        )


def expected(ious: list[float]) -> Expected:
    """From the examples' leave-one-out IoU; of a single example, from its altered view's.

    Args:
        ious: one an example, at least one, each in [0, 1].
    """
    known = sorted(_CALIBRATED)
    row = [float(np.interp(len(ious), known, [_CALIBRATED[k][c] for k in known])) for c in range(4)]
    start, slope, low, high = row
    iou = min(max(start + slope * float(np.mean(ious)), 0.0), 1.0)
    return Expected(iou, max(iou + low, 0.0), min(iou + high, 1.0))
