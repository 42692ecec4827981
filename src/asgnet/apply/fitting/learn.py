"""What fitting makes of supports: a Concept's tensors, the superpixels, the supports as it keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import asgnet
from asgnet.apply.concept.tensors import CLOSER, stacked
from asgnet.apply.fitting.rules.adaptation import Adaptation, Measured, adapt_to_supports
from asgnet.apply.inference.grid import breadth, kept, kept_mask, seen_mask, side_of, spread_labels
from asgnet.apply.inference.preprocess import Views, side_by_side
from asgnet.data.png import png_bytes
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.support_statistics import SupportStatistics
from asgnet.types import Mask, Picture, Shot, Support

GAMMAS = (1.5, 0.67)
"""A single support says nothing of light, unless it is shown darker and brighter too."""
BROAD = 0.3
"""Breadth, as a share of a picture's longer side, from which no closer look is tried: of such objects the
decoder would see too little at once.
"""
LEAD = 1.1
"""By how much better left-out supports must be found for a closer look to be believed. By less it was wrong
more often than right about clothing (CCP) and cracks; by as much it helped with clothing and facades.
"""
Painted = Mapping[str, Sequence[Mask | None]]
"""Of each class a mask ``h w`` per support, None where it is not shown."""


class Taught(NamedTuple):
    """One class (n = 1): what its supports taught, what was measured on them, were they seen closer?"""

    knowledge: SupportStatistics
    measured: Measured
    closer: bool


def learn_classes(
    net: DefaultNet, views: Views, painted: Painted, adapt: bool, seed: int, device: torch.device
) -> dict[str, NDArray]:
    """A Concept's tensors. Every class is learnt from the supports that show it, whatever others there are.

    Args:
        net: in eval mode.
        views: of the k supports.
        painted: k masks a class, at least one of them there, of the pictures' sizes.
        adapt: as for ``Segmenter.fit``.
        seed: the same.
        device: of ``net``.
    """
    classes = []
    for masks in painted.values():
        shown = {i: mask for i, mask in enumerate(masks) if mask is not None}
        look = partial(learn_class, net, views, shown, adapt, seed, device)
        classes.append(closest(look, list(shown.values())) if adapt else look(closer=False))
    arrays = {
        name: stacked([getattr(one.knowledge, name) for one in classes]) for name in SupportStatistics._fields
    }
    arrays |= Adaptation.to_arrays([one.measured.adaptation for one in classes])
    return arrays | {CLOSER: np.array([one.closer for one in classes])}


def closest(look: Callable[..., Taught], masks: Sequence[Mask]) -> Taught:
    """A class seen as usual or closer, whichever is better.

    It is measured how well each support is found by the others: a single one is seen as usual.

    Args:
        look: learns it, ``closer`` or not.
        masks: of its supports.
    """
    usual = look(closer=False)
    if len(masks) == 1 or np.mean([breadth(mask) for mask in masks]) > BROAD:
        return usual
    closer = look(closer=True)
    return closer if closer.measured.agreement > LEAD * usual.measured.agreement else usual


def learn_class(
    net: DefaultNet,
    views: Views,
    masks: Mapping[int, Mask],
    adapt: bool,
    seed: int,
    device: torch.device,
    closer: bool,
) -> Taught:
    """One class from the supports of those numbers; the rest as for :func:`learn_classes`."""
    side = side_of(views.side, closer)
    seen = [views(i, closer) for i in masks]
    grid_masks = [torch.from_numpy(seen_mask(mask, side)).to(device) for mask in masks.values()]  # k of h w
    lights = GAMMAS if adapt and len(masks) == 1 else ()
    relit = [[views(i, closer, gamma) for i in masks] for gamma in lights]
    with torch.inference_mode():
        knowledge = net.learn(*side_by_side(seen, grid_masks))
        kinds, examples = knowledge.kinds[0], [(views.pictures[i], mask) for i, mask in masks.items()]
        measured = adapt_to_supports(net, seen, grid_masks, kinds, examples, adapt, seed, views=relit)
    return Taught(knowledge, measured, closer)


def kept_examples(
    pictures: Sequence[Picture], painted: Painted, side: int
) -> tuple[list[Picture], dict[str, list[Mask | None]]]:
    """Supports at :func:`~asgnet.apply.inference.grid.kept_size`: all that fitting looks at is made of these."""
    masks = {name: [None if m is None else kept_mask(m, side) for m in own] for name, own in painted.items()}
    return [kept(picture, side) for picture in pictures], masks


def shots_of(
    pictures: Sequence[Picture], painted: Painted, sizes: Sequence[tuple[int, int]]
) -> tuple[Shot, ...]:
    """Supports at :func:`~asgnet.apply.inference.grid.kept_size`, for a Concept to keep; ``sizes`` are their own."""
    return tuple(
        Shot(
            png_bytes(picture),
            tuple(None if masks[i] is None else png_bytes(masks[i]) for masks in painted.values()),
            (int(size[0]), int(size[1])),
        )
        for i, (picture, size) in enumerate(zip(pictures, sizes, strict=True))
    )


def superpixels_of(
    net: DefaultNet,
    views: Views,
    closer: bool,
    masks: Sequence[Mask | None],
    supports: Sequence[Support],
    device: torch.device,
) -> list[NDArray[np.int32]]:
    """Per support ``h w`` at its own size: the superpixel of its object, else -1.

    Args:
        net: in eval mode.
        views: of the k supports.
        closer: they are seen so.
        masks: theirs, as the Concept keeps them, None where there is no object.
        supports: the same, at their own sizes.
        device: of ``net``.
    """
    parts = [np.full(support.mask.shape, -1, np.int32) for support in supports]
    side = side_of(views.side, closer)
    shown = [(i, seen_mask(mask, side)) for i, mask in enumerate(masks) if mask is not None]
    for shot, (i, mask) in enumerate(shown):
        with torch.inference_mode():
            grid_mask = torch.from_numpy(mask)[None].to(device)
            found = net.superpixels(views(i, closer).maps, grid_mask)[0].cpu().numpy()
        numbered = np.where(found < 0, -1, found + shot * net.config.most)
        parts[i] = spread_labels(numbered, supports[i].mask)
    return parts


def picture_hash(picture: Picture) -> str:
    """SHA-256 of the pixels: the same picture in another file format has the same."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


def origin() -> tuple[str, str]:
    """When a Concept is made, and by which asgnet."""
    return datetime.now(UTC).isoformat(timespec="seconds"), asgnet.__version__
