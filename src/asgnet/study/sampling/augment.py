"""One random draw for a picture and its labels together, so that they stay aligned to the pixel.

Two augmentations: :func:`vary`, strong, for cached features that must serve pictures of any kind, and
:func:`published`, the mild one of the paper's training. Both draw from a seed of their own and leave torch's
generator as it was, so that a variant is the same on every run and in every process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from asgnet.types import IGNORE, Picture

GREY = 127
BLUR_SIGMA = 1.1
"""What a 5×5 kernel's sigma is where the published code lets OpenCV choose it."""


def seed_of(*parts: object) -> int:
    """A seed that depends on the parts' text alone: the same on every machine and in every process."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def squash(picture: Picture, labels: NDArray, side: int) -> tuple[Tensor, Tensor]:
    """``h w 3`` and ``h w`` → ``3 s s`` uint8 and ``s s`` labels, both sides resized to ``side``."""
    image, mask = _pair(picture, labels)
    image, mask = _resize(image, mask, (side, side))
    return image.as_subclass(Tensor), mask[0].as_subclass(Tensor)


def vary(picture: Picture, labels: NDArray, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """A strongly augmented square: crop, flips, rotation, then colours of another world.

    Args:
        picture: ``h w 3`` uint8.
        labels: ``h w`` class indices or a mask.
        side: of the result.
        seed: another seed, another variant.

    Returns:
        ``3 s s`` uint8 and ``s s`` labels; what a rotation brings in from outside is grey and ignored.
    """
    with _seeded(seed):
        image, mask = _pair(picture, labels)
        place = v2.RandomResizedCrop(side, scale=(0.25, 1), ratio=(0.6, 1.67)).make_params([image])
        box = (place["top"], place["left"], place["height"], place["width"])
        image, mask = _resize(v2.functional.crop(image, *box), v2.functional.crop(mask, *box), (side, side))
        image, mask = _turn_and_flip()(image, mask)
        image = _recolour()(image)
    return image.as_subclass(Tensor), mask[0].as_subclass(Tensor)


def published(
    picture: Picture,
    mask: NDArray,
    side: int,
    seed: int,
    *,
    scale: Sequence[float] = (0.9, 1.1),
    rotation: float = 10.0,
    rotation_share: float = 0.5,
    blur_share: float = 0.5,
    mirror: float = 0.5,
    keep: float = 0.85,
    fill: Sequence[float] = (GREY, GREY, GREY),
    centred: bool = False,
) -> tuple[Tensor, Tensor]:
    """The published augmentation: scale, rotation, blur, mirror, and a crop that keeps the object.

    Args:
        picture: ``h w 3`` uint8.
        mask: ``h w`` in {0, 1, 255}.
        side: of the crop; a smaller picture is padded, the padding ignored.
        seed: another seed, another crop.
        scale: range of the factor on both sides.
        rotation: degrees either way, of ``rotation_share`` of the pictures.
        rotation_share: see there.
        blur_share: share of pictures blurred by a 5×5 Gaussian.
        mirror: share of pictures mirrored.
        keep: the crop holds so much of the object's pixels, or as much as any crop can.
        fill: RGB in [0, 255] of padding.
        centred: padding lies all around, as published; else below and beside.

    Returns:
        ``3 s s`` uint8, ``s s`` uint8 in {0, 1, 255}.
    """
    with _seeded(seed):
        image, target = _pair(picture, mask)
        factor = float(torch.empty(()).uniform_(scale[0], scale[1]))
        image, target = _resize(image, target, [max(1, round(n * factor)) for n in image.shape[-2:]])
        fills = {tv_tensors.Image: list(fill), tv_tensors.Mask: IGNORE}
        turn = v2.RandomRotation(rotation, v2.InterpolationMode.BILINEAR, fill=fills)
        image, target = v2.RandomApply([turn], rotation_share)(image, target)
        image = v2.RandomApply([v2.GaussianBlur(5, BLUR_SIGMA)], blur_share)(image)
        image, target = v2.RandomHorizontalFlip(mirror)(image, target)
        image, target = _padded(image, target, side, fill, centred)
        top, left = _crop_place(target[0], side, keep)
        image = v2.functional.crop(image, top, left, side, side)
        target = v2.functional.crop(target, top, left, side, side)
    return image.as_subclass(Tensor), target[0].as_subclass(Tensor)


def framed(picture: Picture, mask: NDArray, side: int, fill: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Nothing random: long side to ``side``, padded below and beside, the padding ignored."""
    image, target = _pair(picture, mask)
    longest = max(image.shape[-2:])
    image, target = _resize(image, target, [max(1, round(n * side / longest)) for n in image.shape[-2:]])
    image, target = _padded(image, target, side, fill)
    return image.as_subclass(Tensor), target[0].as_subclass(Tensor)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _pair(picture: Picture, labels: NDArray) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """``3 h w`` and ``1 h w``."""
    image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).contiguous()
    values = labels.astype(np.int32) if labels.dtype == np.uint16 else labels
    return tv_tensors.Image(image), tv_tensors.Mask(torch.from_numpy(np.ascontiguousarray(values))[None])


def _resize(image: Tensor, mask: Tensor, size: Sequence[int]) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """Pixel centres stay where they are in both; v2 resizes a mask half a pixel beside its image."""
    small = F.interpolate(mask[None].float(), tuple(size), mode="nearest-exact")[0].to(mask.dtype)
    return tv_tensors.Image(v2.functional.resize(image, list(size), antialias=True)), tv_tensors.Mask(small)


def _turn_and_flip() -> v2.Transform:
    fill = {tv_tensors.Image: GREY, tv_tensors.Mask: IGNORE}
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(0.15),
            v2.RandomApply([v2.RandomRotation(30, v2.InterpolationMode.BILINEAR, fill=fill)], 0.3),
        ]
    )


def _recolour() -> v2.Transform:
    return v2.Compose(
        [
            v2.RandomApply([v2.ColorJitter(0.5, 0.5, 0.6, 0.3)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomInvert(0.08),
            v2.RandomApply([v2.GaussianBlur(9, (0.3, 2.5))], 0.25),
        ]
    )


def _padded(
    image: Tensor, mask: Tensor, side: int, fill: Sequence[float], centred: bool = False
) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """At least ``side`` by ``side``, padded below and on the right, or all around."""
    h, w = image.shape[-2:]
    right, below = max(side - w, 0), max(side - h, 0)
    left, above = (right // 2, below // 2) if centred else (0, 0)
    margins = [left, above, right - left, below - above]
    if not any(margins):
        return image, mask
    return (
        v2.functional.pad(image, margins, fill=list(fill)),
        v2.functional.pad(mask, margins, fill=IGNORE),
    )


def _crop_place(mask: Tensor, side: int, keep: float) -> tuple[int, int]:
    """(top, left) of a crop of ``h w``: one of all that hold ``keep`` of the object, or most of it."""
    sums = F.pad((mask == 1).to(torch.int64).cumsum(0).cumsum(1), (1, 0, 1, 0))
    held = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    enough = min(keep * int(sums[-1, -1]), int(held.max()))
    places = (held >= enough).nonzero()
    top, left = places[torch.randint(len(places), ())].tolist()
    return top, left
