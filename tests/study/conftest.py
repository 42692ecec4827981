"""A dataset of coloured boxes and the default network at a size that trains in a moment."""

import numpy as np
import pytest
from PIL import Image

from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.study.recipe import load_recipe

BOX_COLOURS = {1: (210, 40, 40), 2: (40, 200, 60), 3: (50, 60, 220), 4: (220, 200, 40)}


def make_boxes(root, pictures=40, classes=4, names="null\nred\ngreen\nblue\nyellow\n", seed=0):
    """images/ and masks/: a box of one class on noise, its void rim, sometimes a box of another class."""
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for number in range(pictures):
        picture = rng.integers(60, 120, (72, 90, 3), dtype=np.uint8)
        labels = np.zeros((72, 90), np.uint8)
        for place in range(1 + (number % 3 == 0)):
            value = (number + place) % classes + 1
            top, left = rng.integers(2, 40), rng.integers(2 + 45 * place, 20 + 45 * place)
            labels[top - 1 : top + 29, left - 1 : left + 23] = 255
            labels[top : top + 28, left : left + 22] = value
            picture[top : top + 28, left : left + 22] = BOX_COLOURS[value]
        Image.fromarray(picture).save(root / f"images/{number:03}.png")
        Image.fromarray(labels).save(root / f"masks/{number:03}.png")
    (root / "classes.txt").write_text(names)
    return root


@pytest.fixture(scope="session")
def boxes(tmp_path_factory):
    """The dataset; do not write into it."""
    root = make_boxes(tmp_path_factory.mktemp("boxes") / "boxes")
    return open_dataset(f"folder:{root}", cache_dir=root.parent / "index", workers=1)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    """One feature cache for all tests that only read it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def tiny():
    """The default recipe, small."""
    return load_recipe(
        "default",
        {
            "side": 64, "batch": 2, "steps": 6, "shots": [1, 2], "odds": [], "every": 3, "validation": 8,
            "save_every": 2, "class_pixels": 50, "support_pixels": 20, "class_pictures": 3, "held_out": 3,
            "loss_grid": 16, "warmup": 1,
        },
    )  # fmt: skip
