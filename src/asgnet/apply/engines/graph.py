"""The one way from a picture to its logits: what runs in torch, and what is exported.

The exported graph is traced from here, so it follows the network whatever becomes of it.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.fusion import fused_logits, presence_logit
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps, PixelHead, pixel_scores
from asgnet.model.default.support_statistics import SupportStatistics

PER_PROTOTYPE = ("object", "object_valid", "background", "background_valid")
"""Inputs with a second axis of any length."""
PICTURES = "pictures"


class GraphOutput(NamedTuple):
    """About b pictures and n classes.

    Attributes:
        logits: ``b n h w``, object against background, before calibration.
        presence: ``b n`` logits, see :func:`~asgnet.apply.engines.fusion.presence_logit`.
        guide_map: ``b n h' w'`` int64.
    """

    logits: Tensor
    presence: Tensor
    guide_map: Tensor


class Graph(nn.Module):
    """Pictures and what was fitted -> :class:`GraphOutput`; prototypes are an input, so one graph serves all.

    Args:
        net: in eval mode.
    """

    def __init__(self, net: DefaultNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor, *tensors: Tensor) -> GraphOutput:
        """``b 3 H W`` pixel values in [0, 255] and :func:`tensors_of` what was fitted."""
        return self.predict(self.encode(pictures), *tensors)

    def encode(self, pictures: Tensor) -> FeatureMaps:
        """``b 3 H W`` pixel values in [0, 255] -> the backbone's features."""
        return self.net.encode(self.net.backbone.normalise(pictures))

    def predict(self, features: FeatureMaps, *tensors: Tensor) -> GraphOutput:
        """The features of b pictures and :func:`tensors_of` what was fitted."""
        use_appearance, weights, *rest = tensors
        own = len(PixelHead._fields)
        pixel_head, statistics = PixelHead(*rest[:own]), SupportStatistics(*rest[own:])
        count = features.maps[0].shape[0]

        def per_picture(fitted: Tensor) -> Tensor:  # n … -> bn …
            return fitted.expand(count, *fitted.shape).flatten(0, 1)

        every = SupportStatistics(*map(per_picture, statistics))
        allocation = self.net.allocate(features, every)
        outputs = self.net.decode(features, allocation, appearance=per_picture(use_appearance))
        assert outputs.presence is not None
        logits = outputs.logits[:, 1] - outputs.logits[:, 0]  # bn h w
        scores = pixel_scores(features, pixel_head, self.net.read).flatten(0, 1)
        numbers = self.net.config.calibration
        logits = fused_logits(logits, scores, per_picture(weights), numbers.pixel_gain)
        similarity = self.net.class_similarity(features.maps, every, logits)
        presence = presence_logit(outputs.presence, logits, similarity, every.shots, numbers)
        each = (count, use_appearance.shape[0])
        return GraphOutput(*(x.unflatten(0, each) for x in (logits, presence, allocation.guide_map)))


def tensors_of(fit: ClassFit) -> dict[str, Tensor]:
    """All that a graph takes beside pictures: each ``n …`` with one entry per class, by name, in order.

    The names are those of an exported graph's inputs, which other programs rely on.
    """
    return {
        "trusts": fit.use_appearance,
        "shares": fit.fusion_weights,
        **{f"readout_{name}": tensor for name, tensor in fit.pixel_head._asdict().items()},
        **fit.statistics._asdict(),
    }
