"""An ASGNet asked like a Segmenter: fit the supports once, predict pictures, at their own resolution.

This is the field's evaluation protocol around the bare network (method section 6): pictures resized to the
input size, logits resized back, argmax at the picture's own size. A Segmenter needs none of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.errors import UsageError
from asgnet.imaging.resize import nearest
from asgnet.model.build import Network
from asgnet.model.paper.asgnet import ASGNet, Encoded, Prototypes
from asgnet.model.paper.gpa import Allocation
from asgnet.types import IGNORE, Mask, Picture, Prediction

Resize = Literal["pad", "squash"]
Geometry = Literal["rounded", "floored"]
Fusion = Literal["pooled", "masks", "features", "vote"]
Masks = Sequence[Mask] | Mapping[str, Sequence[Mask]]

WAY_RULE = "a pixel is the class of the highest probability if that is at least 0.5, else background"


class Predictor(Protocol):
    """What can be evaluated: a Segmenter, or anything that fits and predicts like one."""

    def fit(self, images: Sequence[Picture], masks: Masks) -> object:
        """Learn from ``k`` pictures and their masks; ``{class: masks}`` for several classes."""
        ...

    def predict(self, image: Picture) -> Prediction:
        """Find the object, or the classes, in one picture."""
        ...


def paper_network(net: Network) -> ASGNet:
    """The network, if it is one of the paper's.

    Raises:
        UsageError: it is the default one.
    """
    if not isinstance(net, ASGNet):
        raise UsageError(
            "The default network is measured as people use it, through the Segmenter: leave --net out, "
            "and give trained weights with --weights."
        )
    return net


class NetPredictor:
    """Fit and predict with an ASGNet.

    Args:
        net: the network; it is put in eval mode and stays on its device.
        size: side of its square input.
        resize: ``pad``: long side to ``size``, black below or beside (ASGNet, PFENet); ``squash``: both sides
            to ``size`` (HSNet and its descendants).
        geometry: of ``pad``. ``floored``, as published: sides are cut to multiples of 8 and pictures resized without
            a low-pass, but mapped back as if the long side were ``size``; ``rounded`` to the nearest pixel.
        fusion: what k supports come to: ``pooled`` prototypes (the paper), the mean of their ``masks``
            (probabilities), the mean of their guide ``features`` and maps, or HSNet's ``vote``.
        expand: every pixel gets the mean prototype instead of choosing one (the paper's ablation).
        encode: instead of the network's own step, such as a FeatureCache of it.

    Attributes:
        decode_seconds: how long the last ``predict`` spent in the decoder and the way back to the picture.
    """

    def __init__(
        self,
        net: Network,
        *,
        size: int = 473,
        resize: Resize = "pad",
        geometry: Geometry = "rounded",
        fusion: Fusion = "pooled",
        expand: bool = False,
        encode: Callable[[Tensor], Encoded] | None = None,
    ) -> None:
        if resize not in ("pad", "squash"):
            raise UsageError(f"Pictures are resized by pad or squash, not {resize!r}.")
        if geometry not in ("rounded", "floored"):
            raise UsageError(f"A geometry is rounded or floored, not {geometry!r}.")
        if fusion not in ("pooled", "masks", "features", "vote"):
            raise UsageError(f"Supports are fused by pooled, masks, features or vote, not {fusion!r}.")
        if size < 32:
            raise UsageError(f"An input of {size} pixels is too small; give 32 or more.")
        self.net = paper_network(net).eval()
        self.encode = encode or self.net.encode
        self.size, self.resize, self.geometry = size, resize, geometry
        self.fusion, self.expand = fusion, expand
        self.decode_seconds = 0.0
        self._fitted: dict[str, list[Prototypes]] = {}

    @torch.no_grad()
    def fit(self, images: Sequence[Picture], masks: Masks) -> NetPredictor:
        """Learn one object (``k`` masks) or several classes (``{name: k masks}``, empty ones are left out).

        Args:
            images: ``k`` pictures ``h w 3`` uint8.
            masks: ``h w`` in {0, 1, 255} each.
        """
        several = masks if isinstance(masks, Mapping) else {"object": masks}
        framed = torch.stack([self._frame(image) for image in images])  # k 3 s s
        features = self.encode(framed).features  # k c h w
        self._fitted = {}
        for name, painted in several.items():
            shown = [i for i, mask in enumerate(painted) if (np.asarray(mask) == 1).any()]
            if not shown:
                raise UsageError(f"No support shows {name}.")
            framed_masks = torch.stack([self._frame_mask(painted[i]) for i in shown])  # k s s
            self._fitted[name] = self._prototypes(features[shown], framed_masks)
        self._wait()
        return self

    @torch.no_grad()
    def predict(self, image: Picture) -> Prediction:
        """One picture ``h w 3`` uint8 → what was learned, at its own size.

        ``presence`` is the highest object probability of any pixel.
        """
        if not self._fitted:
            raise UsageError("Fit supports before predicting.")
        query = self.encode(self._frame(image)[None])
        spent = 0.0
        found = {}
        for name, groups in self._fitted.items():
            allocations = [self.net.allocate(query, group) for group in groups]
            self._wait()
            start = time.perf_counter()
            probability = self._decode(query, allocations, image.shape[:2])
            spent += time.perf_counter() - start
            guide = self._back_nearest(allocations[0].guide_map[0], image.shape[:2])
            mask = probability >= 0.5 if self.fusion == "vote" else probability > 0.5
            found[name] = Prediction(mask, probability, float(probability.max()), guide, (name,))
        self.decode_seconds = spent
        return next(iter(found.values())) if len(found) == 1 else _joined(found)

    def _prototypes(self, features: Tensor, masks: Tensor) -> list[Prototypes]:
        """Of one episode: all shots together, or one group a shot."""
        together = self.fusion == "pooled"
        parts = [slice(None)] if together else [slice(i, i + 1) for i in range(len(masks))]
        groups = [self.net.learn(Encoded(features[part]), masks[part][None]) for part in parts]
        return [_mean_prototype(group) for group in groups] if self.expand else groups

    def _decode(
        self, query: Encoded, allocations: list[Allocation], shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Probability of the object, ``h w``."""
        if self.fusion == "features" and len(allocations) > 1:
            mean = Allocation(
                torch.stack([a.guide_feature for a in allocations]).mean(0),
                allocations[0].guide_map,
                torch.stack([a.probability_map for a in allocations]).mean(0),
                allocations[0].similarity,
            )
            allocations = [mean]
        maps = [
            self._back(self.net.decode(query, allocation, (self.size, self.size)).logits, shape)
            for allocation in allocations
        ]
        if self.fusion == "vote" and len(maps) > 1:
            votes = torch.stack([one > 0.5 for one in maps]).sum(0).float()
            return (votes / votes.max().clamp(min=1)).cpu().numpy()  # object from half the most votes on
        return torch.stack(maps).mean(0).cpu().numpy()

    def _frame(self, image: Picture) -> Tensor:
        """``h w 3`` uint8 → ``3 s s`` normalised."""
        device = next(self.net.parameters()).device
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None].float()
        h, w = self._inner(image.shape[:2])
        small = F.interpolate(pixels, (h, w), mode="bilinear", antialias=self.geometry == "rounded")
        return self.net.backbone.normalise(F.pad(small, (0, self.size - w, 0, self.size - h)))[0]

    def _frame_mask(self, mask: Mask) -> Tensor:
        """``h w`` → ``s s`` by nearest neighbour, ignored where padded."""
        device = next(self.net.parameters()).device
        h, w = self._inner(mask.shape)
        framed = np.full((self.size, self.size), IGNORE, np.uint8)
        framed[:h, :w] = nearest(np.asarray(mask), (h, w))
        return torch.from_numpy(framed).to(device)

    def _inner(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width of the picture inside the square input."""
        if self.resize == "squash":
            return self.size, self.size
        longest = max(shape[:2])
        if self.geometry == "floored":
            h, w = (max(8, side * self.size // longest // 8 * 8) for side in shape[:2])
            return h, w
        h, w = (max(1, round(side * self.size / longest)) for side in shape[:2])
        return h, w

    def _back(self, logits: Tensor, shape: tuple[int, int]) -> Tensor:
        """``1 2 s s`` logits → object probability ``h w``."""
        h, w = shape
        to = (h, w) if self.resize == "squash" else (max(shape), max(shape))
        own = F.interpolate(logits, to, mode="bilinear", align_corners=True)[0, :, :h, :w]
        return own.softmax(0)[1]

    def _back_nearest(self, grid: Tensor, shape: tuple[int, int]) -> NDArray[np.int32]:
        h, w = shape
        to = (h, w) if self.resize == "squash" else (max(shape), max(shape))
        return nearest(grid.cpu().numpy().astype(np.int32), to)[:h, :w]

    def _wait(self) -> None:
        """Let a GPU finish, so that the clock is right."""
        if next(self.net.parameters()).device.type == "cuda":
            torch.cuda.synchronize()


def _mean_prototype(learned: Prototypes) -> Prototypes:
    """Their mean alone, n = 1."""
    prototypes, valid = learned
    weight = valid[..., None].to(prototypes.dtype)
    mean = (prototypes * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    return Prototypes(mean, valid.any(1, keepdim=True))


def _joined(found: dict[str, Prediction]) -> Prediction:
    """Several classes in one Prediction, by WAY_RULE."""
    chances = np.stack([one.probability for one in found.values()])  # n h w
    best, top = chances.argmax(0), chances.max(0)
    guides = np.stack([one.guide for one in found.values()])
    return Prediction(
        mask=np.where(top >= 0.5, best + 1, 0).astype(np.int32),
        probability=top,
        presence=max(one.presence for one in found.values()),
        guide=np.take_along_axis(guides, best[None], 0)[0],
        classes=tuple(found),
        by_class=found,
    )
