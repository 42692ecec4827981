"""Coloured boxes, a fake that finds them by colour, and a small network."""

import numpy as np
import pytest
import torch
from PIL import Image

from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.data.benchmarks.episodes import draw
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.config import Config
from asgnet.types import Prediction

H, W = 48, 64
COLOURS = {0: (20, 20, 20), 1: (220, 40, 40), 2: (40, 220, 40), 3: (40, 40, 220)}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three classes of coloured boxes, 5 pictures each, a void rim around each; and one empty picture."""
    root = tmp_path_factory.mktemp("boxes")
    (root / "images").mkdir()
    (root / "masks").mkdir()
    for number in range(16):
        labels = np.zeros((H, W), np.uint8)
        if number < 15:
            top, left = 4 + number, 3 + 2 * number
            labels[top - 2 : top + 22, left - 2 : left + 26] = 255
            labels[top : top + 20, left : left + 24] = number % 3 + 1
        picture = np.zeros((H, W, 3), np.uint8)
        for value, colour in COLOURS.items():
            picture[labels == value] = colour
        Image.fromarray(picture).save(root / f"images/{number:02}.png")
        Image.fromarray(labels).save(root / f"masks/{number:02}.png")
    (root / "classes.txt").write_text("none\nred\ngreen\nblue\n")
    return open_dataset(f"folder:{root}", cache_dir=root / "cache", workers=1)


class NearestColour:
    """A Segmenter of colours: an object pixel is closer to the support object's mean than ``reach``."""

    def __init__(self, reach=60.0, shift=0):
        self.reach, self.shift = reach, shift
        self.fitted = []

    def fit(self, images, masks):
        several = masks if isinstance(masks, dict) else {"object": masks}
        self.fitted.append((len(images), sorted(several)))
        self.means = {
            name: np.concatenate([i[m == 1] for i, m in zip(images, own, strict=True)]).mean(0)
            for name, own in several.items()
        }
        return self

    def predict(self, image):
        near = [np.linalg.norm(image - mean, axis=-1) < self.reach for mean in self.means.values()]
        mask = sum(np.roll(hit, self.shift, 1) * (i + 1) for i, hit in enumerate(near))
        chance = (mask > 0).astype(np.float32)
        mask = mask.astype(bool) if len(near) == 1 else mask
        guide = np.zeros(mask.shape, np.int32)
        return Prediction(mask, chance, float(chance.max()), guide, tuple(self.means))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ASGNet.from_config(Config(levels=(2, 4), channels=16, hidden=8, inner=False)).eval()


def listed(dataset, **options):
    return draw(dataset, (1, 2, 3), **{"shots": 2, "count": 12, "min_pixels": 100} | options)
