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
from asgnet.data.images import png_bytes
from asgnet.model.evidence import Knowledge
from asgnet.model.evidence_net import EvidenceNet
from asgnet.model.fine import Seen
from asgnet.types import Mask, Picture, Shot, Support

See = Callable[[NDArray[np.uint8]], Seen]
GAMMAS = (1.5, 0.67)
"""A single support says nothing of light, unless it is shown darker and brighter too."""
Painted = Mapping[str, Sequence[Mask | None]]
"""Of each class a mask ``s s`` per support, None where it is not shown."""


def learn_classes(
    net: EvidenceNet,
    see: See,
    pictures: NDArray[np.uint8],
    seen: Seen,
    painted: Painted,
    adapt: bool,
    seed: int,
    device: torch.device,
) -> dict[str, NDArray]:
    """A Concept's tensors. Every class is learnt from the supports that show it, whatever others there are.

    Args:
        net: in eval mode.
        see: ``n s s 3`` uint8 -> what the backbone sees in them.
        pictures: ``k s s 3`` uint8, the supports.
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
        own, grid_masks = seen[shown], torch.stack([torch.from_numpy(m) for m in masks if m is not None])
        grid_masks = grid_masks.to(device)  # k' s s
        with torch.inference_mode():
            learnt = net.learn([m[None] for m in own.maps], grid_masks[None])
            knowledge.append(learnt)
            others = views(shown[0]) if adapt and len(shown) == 1 else ()
            kinds = learnt.kinds[0]
            adaptations.append(adapt_to_supports(net, own, grid_masks, kinds, adapt, seed, views=others))
    arrays = {name: stacked([getattr(one, name) for one in knowledge]) for name in Knowledge._fields}
    return arrays | Adaptation.to_arrays(adaptations)


def relit(see: Callable[[NDArray[np.uint8]], Seen], pictures: NDArray[np.uint8], which: int) -> list[Seen]:
    """What ``see`` answers about one of ``k s s 3`` pictures when it is darker and brighter."""
    tables = [(255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8) for gamma in GAMMAS]
    return [see(table[pictures[which : which + 1]]) for table in tables]


def shots_of(
    prepared: NDArray[np.uint8], painted: Painted, sizes: Sequence[tuple[int, int]]
) -> tuple[Shot, ...]:
    """Supports ``k s s 3``, as the network saw them, for a Concept to keep."""
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
    seen: Seen,
    grid_masks: Sequence[Mask | None],
    supports: Sequence[Support],
    device: torch.device,
) -> list[NDArray[np.int32]]:
    """Per support ``h w`` at its own size: the superpixel of its object, else -1.

    Args:
        net: in eval mode.
        seen: the k supports.
        grid_masks: their masks ``s s``, None where there is no object.
        supports: the same, at their own sizes.
        device: of ``net``.
    """
    shown = [i for i, mask in enumerate(grid_masks) if mask is not None]
    masks = torch.stack([torch.from_numpy(mask) for mask in grid_masks if mask is not None])  # k' s s
    with torch.inference_mode():
        found = net.superpixels(seen[shown].maps, masks.to(device)).cpu().numpy()
    parts = [np.full(support.mask.shape, -1, np.int32) for support in supports]
    for shot, i in enumerate(shown):
        numbered = np.where(found[shot] < 0, -1, found[shot] + shot * net.config.most)
        parts[i] = spread_labels(numbered, supports[i].mask)
    return parts


def picture_hash(picture: Picture) -> str:
    """SHA-256 of the pixels: the same picture in another file format has the same."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


def origin() -> tuple[str, str]:
    """When a Concept is made, and by which asgnet."""
    return datetime.now(UTC).isoformat(timespec="seconds"), asgnet.__version__
