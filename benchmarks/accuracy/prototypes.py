"""Training-free prototypes: what a trained network is held against in a domain that it never saw.

    python -m benchmarks.accuracy.prototypes folder:LabelMeFacade --split all --list lmf/5-shot/list-0.jsonl

One mean prototype of the object and one of the background from the frozen backbone's normalised features, at
strides 8 to 32; a pixel is object where the first is nearer, by cosines summed over the levels. Nothing is
trained and nothing is chosen. The lists are those that ``asgnet evaluate`` has written beside its results.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from benchmarks.common import arguments
from torch import Tensor

from asgnet.apply.engines.load import backend_of_net
from asgnet.apply.inference.working_scale import working_mask, working_picture
from asgnet.apply.segmenter import SIDE
from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.data.benchmarks.episodes import load
from asgnet.imaging.resize import bilinear
from asgnet.model import ASGNet
from asgnet.study.evaluation.evaluate import evaluate
from asgnet.types import Mask, Picture, Prediction

LEVELS = (1, 2, 3, 4, 5)
"""Of the default network's maps: all but the one at stride 4."""


class Prototypes:
    """Fit and predict as a Segmenter, of one class."""

    def __init__(self) -> None:
        self.backend = backend_of_net(ASGNet.from_preset("default"), "cpu", "torch", "fp32", SIDE)
        self._means: list[Tensor] = []

    def _maps(self, picture: Picture) -> list[Tensor]:
        """``c h w`` per level, every pixel of unit length."""
        seen = self.backend.encode(working_picture(picture, SIDE))
        return [F.normalize(torch.from_numpy(seen.maps[i][0]), dim=0) for i in LEVELS]

    def fit(self, images: Sequence[Picture], masks: Sequence[Mask]) -> Prototypes:
        """Mean features of object and of background over all supports."""
        sums: list[Tensor | float] = [0.0] * len(LEVELS)
        for image, mask in zip(images, masks, strict=True):
            small = torch.from_numpy(working_mask(mask, SIDE))
            sides = torch.stack([small == 1, small == 0]).float()[None]  # 1 2 H W
            for i, level in enumerate(self._maps(image)):
                share = F.adaptive_avg_pool2d(sides, level.shape[-2:])[0]  # 2 h w
                sums[i] = sums[i] + torch.einsum("shw,chw->sc", share, level)
        self._means = [F.normalize(torch.as_tensor(total), dim=1) for total in sums]  # 2 c
        return self

    def predict(self, image: Picture) -> Prediction:
        """A pixel is object where its prototype is nearer than the background's."""
        size, total = image.shape[:2], np.zeros(image.shape[:2], np.float32)
        for means, level in zip(self._means, self._maps(image), strict=True):
            fit = torch.einsum("sc,chw->shw", means, level)
            total += bilinear((fit[0] - fit[1]).numpy(), size)
        probability = 1 / (1 + np.exp(-10 * total))
        return Prediction(total > 0, probability, float(probability.max()), np.zeros(size, np.int32))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("data", help="as for asgnet evaluate")
    parser.add_argument("--split", default="val")
    parser.add_argument("--list", action="append", required=True, help="a list of episodes; again for more")
    given = parser.parse_args()
    dataset = open_dataset(given.data, given.split)
    for place in given.list:
        summary = evaluate(Prototypes(), dataset, load(place), boundary=False).summary
        print(f"{place}: mIoU {100 * summary['miou']['mean']:.1f}")


if __name__ == "__main__":
    main()
