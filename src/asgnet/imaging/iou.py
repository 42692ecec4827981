"""How far two masks agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asgnet.types import IGNORE, Mask


def overlap(found: NDArray[np.bool_], mask: Mask) -> float:
    """Intersection over union, pixels of value 255 left out; 1 if both are empty."""
    counted = mask != IGNORE
    found, painted = found & counted, mask == 1
    union = np.count_nonzero(found | painted)
    return float(np.count_nonzero(found & painted) / union) if union else 1.0
