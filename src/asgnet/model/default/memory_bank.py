"""The memory bank: some of the supports' pixels kept as they are, for queries to be compared with."""

from __future__ import annotations

import torch
from torch import Tensor


def fill(
    pixels: Tensor, on_object: Tensor, on_background: Tensor, shots: int, size: int
) -> tuple[Tensor, Tensor]:
    """Keep pixels of either side.

    Args:
        pixels: ``b kp c`` features of k shots, one shot after the other.
        on_object: ``b kp`` in [0, 1], how much of each pixel is object; those with at least half as much as
            the one with most stand for it.
        on_background: ``b kp`` in [0, 1], likewise.
        shots: k.
        size: m, pixels to keep of either side.

    Returns:
        ``b 2 m c`` pixels of object and of background, repeated where there are fewer; ``b 2``
        bool, there are any at all. Which they are does not depend on the order of the shots.
    """
    kept, seen = [], []
    slot = torch.arange(size, device=pixels.device)  # m
    for side in (on_object, on_background):
        inside = (side >= 0.5 * side.amax(1, keepdim=True)) & (side > 0)  # b kp
        chosen = evenly(inside.unflatten(1, (shots, -1)), size).flatten(1)  # b kp
        count = chosen.sum(1, keepdim=True)  # b 1
        order = chosen.to(torch.uint8).argsort(dim=1, descending=True, stable=True)  # b kp
        place = order.gather(1, slot % count.clamp(min=1))  # b m
        kept.append(pixels.gather(1, place[..., None].expand(-1, -1, pixels.shape[2])))
        seen.append(count[:, 0] > 0)
    return torch.stack(kept, 1), torch.stack(seen, 1)


def evenly(inside: Tensor, most: int) -> Tensor:
    """At most ``most`` of the pixels inside, evenly spaced in every shot, of each shot in proportion.

    Args:
        inside: ``b k p`` bool.
        most: more than k.

    Returns:
        ``b k p`` bool: all that are inside if they are no more than ``most``, and of every shot at least one.
    """
    total = inside.sum((1, 2), keepdim=True)  # b 1 1
    wanted = torch.where(total > most, max(most - inside.shape[1], 1), total)
    rank = inside.cumsum(2)  # from 1
    after, before = ((r * wanted + total - 1) // total.clamp(min=1) for r in (rank, rank - 1))  # rounded up
    return inside & (after > before)
