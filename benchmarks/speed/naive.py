"""The published algorithms done the straightforward way, written from the paper: what ours is held against.

One picture, one shot and one prototype after the other; features repeated for every prototype; a distance
transform for every seed; the network's layers one by one, its auxiliary classifiers included. Tests check
that the answers are equal, ``benchmarks`` by how much they come sooner.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.fem import FEM, scale_size

Size = tuple[int, int]


def seeds(region: NDArray[np.bool_], count: int, border: bool = True) -> NDArray[np.int64]:
    """As :func:`asgnet.model.paper.seeds.place_seeds`: transform, take the maximum, remove that pixel, again."""
    rows, columns = np.nonzero(region)
    top, left = (-1, -1) if border else (rows.min(), columns.min())
    box = np.pad(region, 1) if border else region[top : rows.max() + 1, left : columns.max() + 1].copy()
    placed = []
    for _ in range(count):
        y, x = np.unravel_index(distance_transform_edt(box).argmax(), box.shape)
        box[y, x] = False
        placed.append((y + top, x + left))
    return np.array(placed, np.int64)


def cluster(
    features: Tensor, region: Tensor, seeds: Tensor, iterations: int = 5, compactness: float = 10.0
) -> Tensor:
    """SGC of one picture with the features of the region's p pixels repeated for each of n prototypes.

    Args:
        features: ``c h w``.
        region: ``h w`` bool.
        seeds: ``n 2``.
        iterations: of association and update.
        compactness: r.

    Returns:
        ``n c``.
    """
    height, width = region.shape
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    everything = torch.cat([features, torch.stack([row, column]).to(features)])  # c+2 h w
    pixels = everything[:, region]  # c+2 p
    centres = everything[:, seeds[:, 0], seeds[:, 1]]  # c+2 n
    for _ in range(iterations):
        repeated = pixels[:, :, None].repeat(1, 1, len(seeds))  # c+2 p n
        apart = (repeated - centres[:, None]) ** 2  # c+2 p n
        distance = torch.sqrt(apart[:-2].sum(0) + apart[-2:].sum(0) / compactness**2)  # p n
        association = torch.exp(-distance)
        centres = (repeated * association).sum(1) / association.sum(0)
    return centres[:-2].T


def allocate(query: Tensor, prototypes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """GPA of one picture with every prototype spread over the picture.

    Args:
        query: ``c h w``.
        prototypes: ``n c``.

    Returns:
        guide feature ``c h w``, guide map ``h w``, summed map ``1 h w``.
    """
    size = query.shape[-2:]
    spread = prototypes[:, :, None, None].repeat(1, 1, *size)  # n c h w
    fits = torch.stack([F.cosine_similarity(query, one, dim=0, eps=1e-7) for one in spread])  # n h w
    guide_map = fits.argmax(0)  # h w
    index = guide_map[None, None].expand(1, spread.shape[1], *size)
    return spread.gather(0, index)[0], guide_map, fits.sum(0)[None]


def features(net: ASGNet, image: Tensor) -> Tensor:
    """``3 H W`` of one picture -> ``c h w``, layer by layer, normalisations as layers of their own."""
    with torch.no_grad():
        maps = net.backbone(image[None])
        joined = torch.cat([maps[2], F.interpolate(maps[1], maps[2].shape[-2:])], 1)
        return net.projection(joined)[0]


def prototypes(features: Tensor, mask: Tensor, iterations: int = 5) -> Tensor:
    """One shot, ``c h w`` features and ``H W`` mask in {0, 1} -> ``n c``, published rules."""
    grid = features.shape[-2:]
    soft = F.interpolate(mask[None, None].float(), tuple(grid), mode="bilinear", align_corners=True)[0, 0]
    near = F.interpolate(mask[None, None].float(), tuple(grid), mode="nearest")[0, 0].numpy() == 1
    count = min(round(near.sum() / 100), 5)
    placed = seeds(near, count, border=False) if count else np.zeros((0, 2), np.int64)
    used = np.count_nonzero(placed, axis=0).max(initial=0)  # what lies at 0 is taken for padding
    placed = torch.from_numpy(placed[:used])
    if len(placed) < 2:
        return ((features * soft).sum((1, 2)) / (soft.sum() + 0.0005))[None]
    return cluster(features, soft > 1 - 1e-5, placed, iterations)


def decode(fem: FEM, guided: Tensor, fits: Tensor) -> Tensor:
    """FEM: ``1 2c h w``, ``1 1 h w`` -> logits ``1 2 h w``; every scale enlarged, every classifier asked."""
    grid, enlarged = guided.shape[-2:], []
    for scale, fraction in enumerate(fem.fractions):
        size = scale_size(grid, fraction, fem.published)
        x = torch.cat([F.adaptive_avg_pool2d(guided, size), _resized(fits, size)], 1)
        x = F.relu(fem.merge[scale](x))
        if scale > 0:
            finer = _resized(enlarged[-1], size)
            x = x + F.relu(fem.inflow[scale - 1](torch.cat([x, finer], 1)))
        x = x + fem.refine[scale](x)
        if len(fem.inner):
            fem.inner[scale](x)
        enlarged.append(_resized(x, grid))
    x = F.relu(fem.fuse(torch.cat(enlarged, 1)))
    return fem.classifier(x + fem.smooth(x))


@torch.no_grad()
def segment(net: ASGNet, query: Tensor, support_images: Tensor, support_masks: Tensor) -> Tensor:
    """The published forward of a paper preset with FEM, for one episode.

    Args:
        net: in eval mode.
        query: ``1 3 H W``.
        support_images: ``1 k 3 H W``.
        support_masks: ``1 k H W`` in {0, 1}.

    Returns:
        ``1 2 H W`` logits.
    """
    found = [
        prototypes(features(net, image), mask)
        for image, mask in zip(support_images[0], support_masks[0], strict=True)
    ]
    return answer(net, query, torch.cat(found))


@torch.no_grad()
def answer(net: ASGNet, query: Tensor, fitted: Tensor) -> Tensor:
    """``1 3 H W`` and prototypes ``n c`` of all shots -> ``1 2 H W`` logits."""
    seen = features(net, query[0])
    guide, _, fits = allocate(seen, fitted)
    assert isinstance(net.decoder, FEM)
    logits = decode(net.decoder, torch.cat([seen, guide])[None], fits[None])
    return _resized(logits, query.shape[-2:])


def _resized(x: Tensor, size: Size | torch.Size) -> Tensor:
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)
