"""The Segmenter: fit a few painted pictures once, predict any number of others.

    segmenter = Segmenter.from_pretrained()
    segmenter.fit(["mug1.jpg", "mug2.jpg"], ["mug1.png", "mug2.png"])
    for prediction in segmenter.predict(["a.jpg", "b.jpg"]):
        print(prediction.presence, prediction.mask.sum())

Fitting is slow once, predicting fast many times: a prediction touches no support.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.adapt import Adaptation, adapt_to_supports, mix
from asgnet.apply.edges import follow_edges
from asgnet.apply.examples import is_one, read_examples
from asgnet.data.images import read_picture, squash, squash_mask
from asgnet.errors import UsageError, WeightsError
from asgnet.model.evidence import Knowledge
from asgnet.model.evidence_net import EvidenceNet
from asgnet.model.fine import FineReadout, Seen, fine_scores
from asgnet.model.weights import fingerprint, pretrained
from asgnet.types import Concept, Mask, Picture, Prediction, Support

SIDE = 512
Adapt = bool | Literal["auto"]


class Segmenter:
    """Few-shot segmentation for everyone's own pictures.

    Args:
        net: the network; :meth:`from_pretrained` brings the trained one.
        device: where it runs, ``"cpu"`` or ``"cuda"``.

    Attributes:
        supports: the examples of the last fit, as read; empty after a concept was set.
        concept: what was learnt, or None before. Setting one replaces what was fitted.
    """

    def __init__(self, net: EvidenceNet, device: str = "cpu") -> None:
        self.device = _device(device)
        self.net = net.eval().to(self.device)
        self.fingerprint = fingerprint(net)
        self.supports: list[Support] = []
        self._concept: Concept | None = None
        self._knowledge: Knowledge | None = None
        self._adaptations: list[Adaptation] = []
        self._superpixels: list[NDArray[np.int32]] = []

    @classmethod
    def from_pretrained(cls, source: str | os.PathLike[str] | None = None, device: str = "cpu") -> Segmenter:
        """A trained Segmenter.

        Args:
            source: None for the weights that come with the package (no network needed), or a folder written
                by training, or the name of a repository on the Hugging Face Hub.
            device: ``"cpu"`` or ``"cuda"``.

        Raises:
            WeightsError: the weights cannot be had, or are of another network.
        """
        net = pretrained(source)
        if not isinstance(net, EvidenceNet):
            raise WeightsError(
                f"{source} holds a {net.config.decoder} network; a Segmenter needs one trained with the "
                "default recipe (use asgnet evaluate --weights for the others)."
            )
        return cls(net, device)

    @property
    def concept(self) -> Concept | None:
        """What was learnt."""
        return self._concept

    @concept.setter
    def concept(self, concept: Concept) -> None:
        if concept.network != self.fingerprint:
            raise WeightsError(
                "This concept was fitted with other weights than these; fit it again from its examples."
            )
        try:
            tensors = {name: torch.from_numpy(np.array(a)) for name, a in concept.tensors.items()}
            self._knowledge = Knowledge(**{n: tensors[n].to(self.device) for n in Knowledge._fields})
            self._adaptations = Adaptation.from_arrays(concept.tensors)
            self._trusts, self._shares = (
                torch.tensor([getattr(a, name) for a in self._adaptations], device=self.device)
                for name in ("trust", "share")
            )
            self._readout = FineReadout(
                tensors["adapted_weights"].to(self.device), tensors["adapted_bias"].to(self.device)
            )
        except (KeyError, TypeError) as error:
            raise WeightsError(f"The concept lacks {error}; fit it again from its examples.") from error
        self._concept = concept
        self.supports, self._superpixels = [], []

    def fit(self, images: Any, masks: Any, adapt: Adapt = "auto", seed: int = 0) -> Segmenter:
        """Learn an object, or several classes, from painted examples.

        Args:
            images: a picture or a list of them: path, PIL image or ``h w 3`` uint8.
            masks: as many masks: path, or bool/uint8 ``h w``, non-zero is the object; or, for several
                classes, ``{name: masks}``, where a class may be absent from some of the pictures (an array
                of zeros, or None).
            adapt: measure on the supports how far to trust the prior and where to cut ("auto": True), or
                take the meta-trained defaults (False).
            seed: of whatever fitting draws.

        Returns:
            itself.

        Raises:
            SupportError: an example teaches nothing: unreadable, other size, nothing painted.
            UsageError: numbers of pictures and masks differ.
        """
        if adapt not in (True, False, "auto"):
            raise UsageError(f"adapt must be True, False or 'auto', not {adapt!r}.")
        named_masks, pictures = read_examples(images, masks)
        prepared = torch.stack([self._prepare(p) for p in pictures])  # k 3 s s
        seen = self._see(prepared)
        parts, adaptations, counts, superpixels = [], [], [], None
        for painted in named_masks.values():
            shown = [i for i, mask in enumerate(painted) if mask is not None]
            grid_masks = torch.stack([torch.from_numpy(squash_mask(painted[i], SIDE)) for i in shown])
            own, grid_masks = seen[shown], grid_masks.to(self.device)  # k' …, k' s s
            with torch.inference_mode():
                parts.append(self.net.learn([m[None] for m in own.maps], grid_masks[None]))
                labels = self.net.superpixels(own.maps, grid_masks)
                adaptations.append(adapt_to_supports(self.net, own, grid_masks, bool(adapt), seed))
            counts.append(len(shown))
            superpixels = superpixels or _spread(labels, painted, shown)
        tensors = {
            name: _stacked([getattr(part, name) for part in parts]) for name in Knowledge._fields
        } | Adaptation.to_arrays(adaptations)
        self.concept = Concept(
            tuple(named_masks),
            tensors,
            self.fingerprint,
            tuple(hashlib.sha256(np.ascontiguousarray(p).tobytes()).hexdigest() for p in pictures),
            tuple(counts),
        )
        first = next(iter(named_masks.values()))
        self.supports = [
            Support(p, np.zeros(p.shape[:2], np.uint8) if m is None else m, f"example {i + 1}")
            for i, (p, m) in enumerate(zip(pictures, first, strict=True))
        ]
        self._superpixels = superpixels or []
        return self

    @overload
    def predict(self, image: str | os.PathLike[str] | Picture) -> Prediction: ...
    @overload
    def predict(self, image: Iterable[Any]) -> Iterator[Prediction]: ...
    def predict(self, image: Any) -> Prediction | Iterator[Prediction]:
        """Find what was learnt.

        Args:
            image: a picture (path, PIL image, ``h w 3`` uint8) or any iterable of pictures.

        Returns:
            its :class:`~asgnet.types.Prediction`, or an iterator of them in the same order.

        Raises:
            UsageError: nothing was fitted.
            PictureError: the picture cannot be read.
        """
        if self._knowledge is None:
            raise UsageError("Nothing is learnt yet: call fit(images, masks), or set a concept.")
        if not is_one(image):
            return map(self.predict, iter(image))
        return self._predict(read_picture(image))

    def superpixels(self) -> list[NDArray[np.int32]]:
        """Per support ``h w`` at its own size: the superpixel of the (first class's) object, else -1."""
        return self._superpixels

    def _predict(self, picture: Picture) -> Prediction:
        assert self._concept is not None
        size = picture.shape[:2]
        with torch.inference_mode():
            seen = self._see(self._prepare(picture)[None])
            logits, presence, guides = self._ask(seen)  # n h w, n, n h' w'
        logits = follow_edges(logits, picture)  # n H W
        found = {}
        for i, name in enumerate(self._concept.classes):
            adaptation = self._adaptations[i]
            probability = adaptation.calibrated(logits[i])  # H W
            here = adaptation.presence(float(presence[i]))
            found[name] = Prediction(probability > 0.5, probability, here, _nearest(guides[i], size), (name,))
        return _merged(found) if len(found) > 1 else next(iter(found.values()))

    def _ask(self, seen: Seen) -> tuple[Tensor, Tensor, Tensor]:
        """Per class: object logits ``n h w``, presence logits ``n``, guide maps ``n h' w'``."""
        assert self._knowledge is not None
        query = [m.expand(len(self._adaptations), -1, -1, -1) for m in seen.maps]
        found = self.net.find(query, self._knowledge)
        outputs = self.net.decide(query, self._knowledge, appearance=self._trusts, found=found)
        assert outputs.presence is not None
        logits = outputs.logits[:, 1] - outputs.logits[:, 0]
        logits = mix(logits, fine_scores(seen, self._readout, self.net.read), self._shares)
        return logits.cpu(), outputs.presence.cpu(), found.guide_map.cpu()

    def _prepare(self, picture: Picture) -> Tensor:
        """``h w 3`` uint8 -> ``3 s s`` uint8."""
        return torch.from_numpy(squash(picture, SIDE)).permute(2, 0, 1)

    def _see(self, pictures: Tensor) -> Seen:
        """``b 3 s s`` uint8 -> the backbone's answer, one picture at a time to bound memory."""
        normalise = self.net.backbone.normalise
        with torch.inference_mode():
            each = [self.net.see(normalise(p[None].to(self.device))) for p in pictures]
        maps = tuple(torch.cat(level) for level in zip(*(e.maps for e in each), strict=True))
        return Seen(maps, torch.cat([e.fine for e in each]))


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"There is no device {name!r}; take cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("No CUDA device is available here; take --device cpu.")
    return device


def _stacked(parts: Sequence[Tensor]) -> NDArray:
    """Knowledge of several classes side by side; missing prototypes are padding, which is not valid."""
    most = [max(sizes) for sizes in zip(*(p.shape for p in parts), strict=True)]
    padded = [
        F.pad(
            p, [end for size, to in zip(p.shape[:0:-1], most[:0:-1], strict=True) for end in (0, to - size)]
        )
        for p in parts
    ]
    return torch.cat(padded).cpu().numpy()


def _spread(labels: Tensor, painted: Sequence[Mask | None], shown: Sequence[int]) -> list[NDArray[np.int32]]:
    """Superpixels on the grid -> at each support's own size, -1 outside the painted object."""
    maps = []
    for i, mask in enumerate(painted):
        if mask is None:
            continue
        label = _nearest_label(labels[shown.index(i)].cpu().numpy(), mask)
        maps.append(label)
    return maps


def _nearest_label(label: NDArray, mask: Mask) -> NDArray[np.int32]:
    """Every object pixel takes the label of the nearest grid pixel that has one."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(label < 0, return_distances=False, return_indices=True)
    full = _nearest(torch.from_numpy(label[rows, columns]), mask.shape)
    return np.where(mask == 1, full, -1).astype(np.int32)


def _nearest(grid: Tensor, size: Sequence[int]) -> NDArray[np.int32]:
    """``h w`` labels at another size."""
    rows, columns = (
        torch.div(torch.arange(to) * of, to, rounding_mode="floor")
        for to, of in zip(size, grid.shape, strict=True)
    )
    return grid.to(torch.int32)[rows[:, None], columns].numpy()


def _merged(found: dict[str, Prediction]) -> Prediction:
    """Each pixel goes to the most probable class, or to none if all are at most one half."""
    names = tuple(found)
    probabilities = np.stack([p.probability for p in found.values()])  # n h w
    winner = probabilities.argmax(0)
    best = probabilities.max(0)
    guides = np.stack([p.guide for p in found.values()])
    return Prediction(
        np.where(best > 0.5, winner + 1, 0).astype(np.int32),
        best,
        max(p.presence for p in found.values()),
        np.take_along_axis(guides, winner[None], 0)[0],
        names,
        found,
    )
