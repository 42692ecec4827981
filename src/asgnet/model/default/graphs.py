"""The network as three graphs, so that those without torch run the same function.

:class:`EncodeGraph`: a picture -> features. :class:`StatisticsGraph`: features and what a mask says -> statistics of
a support. :class:`DecodeGraph`: features and pooled statistics -> logits, presence, guide map. Between them lies
numpy (:mod:`~asgnet.model.default.mask_cells`, :mod:`~asgnet.model.default.pooling`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.default.fusion import fused_logits, presence_logit
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps, PixelHead, pixel_columns, pixel_scores
from asgnet.model.default.pooled_tensors import PooledTensors
from asgnet.model.default.statistics import cell_features, side_statistics
from asgnet.model.default.support import INPUTS

MAPS, FINE = 6, 3
FEATURES = (*(f"map_{i}" for i in range(MAPS)), *(f"fine_{i}" for i in range(FINE)))
"""Names of a picture's features: the backbone's maps, and what is finer than they are."""


class Decoded(NamedTuple):
    """Of b pictures and n classes.

    Attributes:
        logits: ``b n h w``, object against background, before calibration.
        presence: ``b n`` logits, see :func:`~asgnet.model.default.fusion.presence_logit`.
        guide_map: ``b n h' w'`` int64.
        scores: ``b n h w``, of the pixel head alone.
        decoded: ``b n h' w'``, the decoder's logits on its own grid.
    """

    logits: Tensor
    presence: Tensor
    guide_map: Tensor
    scores: Tensor
    decoded: Tensor


class EncodeGraph(nn.Module):
    """``1 3 H W`` pixel values in [0, 255], sides multiples of 32 -> the features named :data:`FEATURES`."""

    def __init__(self, net: DefaultNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Each ``1 c h w``."""
        features = self.net.encode(self.net.backbone.normalise(pictures))
        return (*features.maps, *features.fine)


class StatisticsGraph(nn.Module):
    """Features of a support, and of both sides the inputs of :data:`~asgnet.model.default.support.INPUTS`.

    Gives of both sides what :data:`~asgnet.model.default.support.OUTPUTS` names.
    """

    def __init__(self, net: DefaultNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """:data:`FEATURES`, then the object's inputs, then the background's."""
        features = FeatureMaps(tensors[:MAPS], tensors[MAPS : MAPS + FINE])
        rest, levels = tensors[MAPS + FINE :], self.net.levels
        length = self.net.config.calibration.clustering_length
        grid = features.maps[levels.grid].shape[-2:]
        cells = cell_features(features.maps, grid)
        found: list[Tensor] = []
        for start in (0, len(INPUTS)):
            share, region, seeds, sample, pixels, deep = rest[start : start + len(INPUTS)]
            found += side_statistics(cells, grid[1], share, region, seeds, sample, levels, length)
            columns = F.pad(pixel_columns(features, self.net.read, pixels), (0, 0, 0, 1), value=1.0)  # d+1 q
            found.append(columns @ columns.T)
            found.append(
                self.net.imagenet(features.maps[-1], deep.view(1, 1, *features.maps[-1].shape[-2:]))[0]
            )
        return tuple(found)


class DecodeGraph(nn.Module):
    """Features of b pictures and n classes' tensors -> :class:`Decoded`.

    The number of prototypes is free, so one graph serves every concept.
    """

    def __init__(self, net: DefaultNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, *tensors: Tensor) -> Decoded:
        """:data:`FEATURES`, then :data:`CLASS_INPUTS`, each of the latter ``n …``."""
        features, classes = FeatureMaps(tensors[:MAPS], tensors[MAPS : MAPS + FINE]), tensors[MAPS + FINE :]
        count, each, numbers = features.maps[0].shape[0], classes[0].shape[0], self.net.config.calibration
        use_appearance, weights, _, _, *rest = (
            tensor.expand(count, *tensor.shape).flatten(0, 1)
            for tensor in classes  # n … -> bn …
        )
        learned = PooledTensors(*rest)
        allocation = self.net.allocate(features, learned)
        outputs = self.net.decode(features, allocation, appearance=use_appearance)
        assert outputs.presence is not None
        scores = pixel_scores(features, PixelHead(*classes[2:4]), self.net.read).flatten(0, 1)
        decoded = outputs.logits[:, 1] - outputs.logits[:, 0]
        logits = fused_logits(decoded, scores, weights, numbers.pixel_gain)
        similarity = self.net.class_similarity(features.maps, learned, logits)
        presence = presence_logit(outputs.presence, logits, similarity, learned.shots, numbers)
        found = (logits, presence, allocation.guide_map, scores, decoded)
        return Decoded(*(one.unflatten(0, (count, each)) for one in found))


CLASS_INPUTS = ("use_appearance", "fusion_weight", "head_weights", "head_bias", *PooledTensors._fields)
"""Of each class, what :class:`DecodeGraph` takes."""
