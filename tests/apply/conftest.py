"""The trained network and painted pictures, loaded once."""

from __future__ import annotations

import numpy as np
import pytest

from asgnet.apply import segmenter
from asgnet.apply.examples import samples


@pytest.fixture(scope="session")
def net():
    """The network with the bundled weights."""
    from asgnet.model.checkpoint import pretrained

    return pretrained().eval()


@pytest.fixture(scope="module")
def coarse():
    """A quarter of the side: most promises do not depend on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenter, "SIDE", 128)
        yield


@pytest.fixture(scope="module")
def loaded(coarse):
    """A coarse Segmenter, for this module alone: what it learns stays in it."""
    return segmenter.Segmenter.from_pretrained(engine="onnx")


@pytest.fixture(scope="session")
def coins():
    """The demo's coins: the left half of the picture is painted, the right half is the query."""
    return samples.coins()


@pytest.fixture(scope="session")
def motorcycle():
    """The demo's motorcycle, painted in the picture from the left."""
    return samples.motorcycle()


@pytest.fixture(scope="session")
def paint():
    """``(h, w, colour, seed) -> picture, mask``: a disc of that colour somewhere on grey noise."""

    def painted(h=90, w=120, colour=(220, 30, 30), seed=0):
        random = np.random.default_rng(seed)
        picture = random.integers(90, 140, (h, w, 3)).astype(np.uint8)
        radius = min(h, w) / 4
        row, column = random.uniform(radius, h - radius), random.uniform(radius, w - radius)
        rows, columns = np.indices((h, w))
        mask = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        picture[mask] = np.clip(colour + random.normal(0, 8, (int(mask.sum()), 3)), 0, 255)
        return picture, mask

    return painted
