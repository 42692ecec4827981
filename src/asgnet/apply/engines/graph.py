"""The one way from a picture to an answer: what runs in torch, and what is exported.

The exported graph is traced from here, so it follows the network whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.fitting.rules.adaptation import believe, mix
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import PixelHead, pixel_scores
from asgnet.model.default.support_statistics import SupportStatistics

PER_PROTOTYPE = ("object", "object_valid", "background", "background_valid")
"""Inputs with a second axis of any length."""
PICTURES = "pictures"


class GraphOutput(NamedTuple):
    """About b pictures and n classes.

    Attributes:
        logits: ``b n h w``, object against background, before calibration.
        presence: ``b n`` logits, see :func:`~asgnet.apply.fitting.rules.adaptation.believe`.
        guide_map: ``b n h' w'`` int64.
    """

    logits: Tensor
    presence: Tensor
    guide_map: Tensor


class Graph(nn.Module):
    """Pictures and everything learnt -> :class:`GraphOutput`; prototypes are an input, so one graph serves all.

    Args:
        net: in eval mode.
    """

    def __init__(self, net: DefaultNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor, *tensors: Tensor) -> GraphOutput:
        """``b 3 H W`` pixel values in [0, 255] and :func:`tensors_of` what is learnt."""
        trusts, shares, *rest = tensors
        own = len(PixelHead._fields)
        readout, knowledge, classes = PixelHead(*rest[:own]), SupportStatistics(*rest[own:]), trusts.shape[0]
        seen = self.net.encode(self.net.backbone.normalise(pictures))
        count = pictures.shape[0]

        def per_picture(learnt: Tensor) -> Tensor:  # n … -> bn …
            return learnt.expand(count, *learnt.shape).flatten(0, 1)

        every = SupportStatistics(*map(per_picture, knowledge))
        found = self.net.allocate(seen, every)
        outputs = self.net.decode(seen, found, appearance=per_picture(trusts))
        assert outputs.presence is not None
        logits = outputs.logits[:, 1] - outputs.logits[:, 0]  # bn h w
        scores = pixel_scores(seen, readout, self.net.read).flatten(0, 1)
        logits = mix(logits, scores, per_picture(shares))
        each = (count, classes)
        likeness = self.net.class_similarity(seen.maps, every, logits)
        presence = believe(outputs.presence, logits, likeness, every.shots)
        return GraphOutput(*(x.unflatten(0, each) for x in (logits, presence, found.guide_map)))


def tensors_of(learnt: ClassFit) -> dict[str, Tensor]:
    """All that a graph takes beside pictures: each ``n …`` with one entry per class, by name, in order."""
    return dict(_named(learnt))


def _named(learnt: ClassFit) -> Iterator[tuple[str, Tensor]]:
    yield "trusts", learnt.trusts
    yield "shares", learnt.shares
    yield from ((f"readout_{name}", tensor) for name, tensor in learnt.readout._asdict().items())
    yield from learnt.knowledge._asdict().items()
