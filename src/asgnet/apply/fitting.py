"""What fitting makes of supports: a Concept's tensors, the superpixels, the supports as it keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray

import asgnet
from asgnet.apply.adapt import Adaptation, adapt_to_supports
from asgnet.apply.grid import spread_labels
from asgnet.apply.recall import stacked
from asgnet.apply.sight import side_by_side
from asgnet.data.images import png_bytes
from asgnet.model.evidence import Knowledge
from asgnet.model.evidence_net import EvidenceNet
from asgnet.model.fine import Seen
from asgnet.types import Mask, Picture, Shot, Support

See = Callable[[Sequence[Picture]], list[Seen]]
GAMMAS = (1.5, 0.67)
"""A single support says nothing of light, unless it is shown darker and brighter too."""
Painted = Mapping[str, Sequence[Mask | None]]
"""Of each class a mask ``h w`` per support, None where it is not shown."""


def learn_classes(
    net: EvidenceNet,
    see: See,
    pictures: Sequence[Picture],
    seen: Sequence[Seen],
    painted: Painted,
    adapt: bool,
    seed: int,
    device: torch.device,
) -> dict[str, NDArray]:
    """A Concept's tensors. Every class is learnt from the supports that show it, whatever others there are.

    Args:
        net: in eval mode.
        see: pictures ``h w 3`` uint8 -> what the backbone sees in each.
        pictures: the k supports, as the network sees them.
        seen: what ``see`` said of them.
        painted: k masks a class, at least one of them there.
        adapt: as for ``Segmenter.fit``.
        seed: the same.
        device: of ``net``.
    """
    views = cache(partial(relit, see, pictures))  # a support may be the only one of several classes
    knowledge, adaptations = [], []
    for masks in painted.values():
        shown = [i for i, mask in enumerate(masks) if mask is not None]
        own = [seen[i] for i in shown]
        grid_masks = [torch.from_numpy(m).to(device) for m in masks if m is not None]  # k' of h w
        with torch.inference_mode():
            learnt = net.learn(*side_by_side(own, grid_masks))
            knowledge.append(learnt)
            others = views(shown[0]) if adapt and len(shown) == 1 else ()
            kinds = learnt.kinds[0]
            adaptations.append(adapt_to_supports(net, own, grid_masks, kinds, adapt, seed, views=others))
    arrays = {name: stacked([getattr(one, name) for one in knowledge]) for name in Knowledge._fields}
    return arrays | Adaptation.to_arrays(adaptations)


def relit(see: See, pictures: Sequence[Picture], which: int) -> list[list[Seen]]:
    """What ``see`` answers about one of the pictures when it is darker and brighter."""
    tables = [(255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8) for gamma in GAMMAS]
    return [see([table[pictures[which]]]) for table in tables]


def shots_of(
    prepared: Sequence[Picture], painted: Painted, sizes: Sequence[tuple[int, int]]
) -> tuple[Shot, ...]:
    """Supports, as the network saw them, for a Concept to keep; ``sizes`` are their own."""
    return tuple(
        Shot(
            png_bytes(picture),
            tuple(None if masks[i] is None else png_bytes(masks[i]) for masks in painted.values()),
            (int(size[0]), int(size[1])),
        )
        for i, (picture, size) in enumerate(zip(prepared, sizes, strict=True))
    )


def superpixels_of(
    net: EvidenceNet,
    seen: Sequence[Seen],
    grid_masks: Sequence[Mask | None],
    supports: Sequence[Support],
    device: torch.device,
) -> list[NDArray[np.int32]]:
    """Per support ``h w`` at its own size: the superpixel of its object, else -1.

    Args:
        net: in eval mode.
        seen: the k supports.
        grid_masks: their masks, as the network sees them, None where there is no object.
        supports: the same, at their own sizes.
        device: of ``net``.
    """
    parts = [np.full(support.mask.shape, -1, np.int32) for support in supports]
    shown = [(i, torch.from_numpy(mask)[None]) for i, mask in enumerate(grid_masks) if mask is not None]
    for shot, (i, mask) in enumerate(shown):
        with torch.inference_mode():
            found = net.superpixels(seen[i].maps, mask.to(device))[0].cpu().numpy()
        numbered = np.where(found < 0, -1, found + shot * net.config.most)
        parts[i] = spread_labels(numbered, supports[i].mask)
    return parts


def picture_hash(picture: Picture) -> str:
    """SHA-256 of the pixels: the same picture in another file format has the same."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


def origin() -> tuple[str, str]:
    """When a Concept is made, and by which asgnet."""
    return datetime.now(UTC).isoformat(timespec="seconds"), asgnet.__version__
