"""The figures of the page on the paper: superpixels of real supports, and the guide map of an occluded object.

    python -m benchmarks.accuracy.paper_figures --out docs/images

Photographs of scikit-image; features of EfficientNet-Lite0 (blocks 2 and 4, every pixel's vector 4 long) on a grid of
60 by 60, as the paper's network sees 473 pixels. Nothing is trained: they show what clustering and allocation do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.common import arguments
from numpy.typing import NDArray
from torch import Tensor, nn

from asgnet.apply.examples.samples import coins, eye, motorcycle, photograph
from asgnet.imaging.colours import heat
from asgnet.imaging.drawing import coloured
from asgnet.imaging.resize import nearest, resized
from asgnet.model.paper.asgnet import ASGNet, Encoded, grid_masks
from asgnet.model.paper.config import Config
from asgnet.model.paper.gpa import allocate
from asgnet.model.paper.masked_features import mask_features, seed_features, to_distances
from asgnet.model.paper.seeds import count_prototypes, seed_masks
from asgnet.model.paper.sgc import refined
from asgnet.types import Picture

SIDE, COMPACTNESS = 473, 10.0
Mask = NDArray[np.bool_]


def main() -> None:
    """Draw the three figures."""
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    folder = parser.parse_args().out
    net = untrained()
    scene = motorcycle()
    bike = squared(scene.support.image), squared(scene.support.mask == 1)
    many_prototypes(net, [bike, cat()], folder / "paper-superpixels.jpg")
    adaptive(net, [*small_ones(), bike], folder / "paper-adaptive.jpg")
    occluded(net, bike, squared(scene.query), squared(scene.truth), folder / "paper-occluded.jpg")


def untrained() -> ASGNet:
    """The paper's network on lite0; its projection changes nothing."""
    config = Config(levels=(2, 4), channels=152, length=4.0, rounding="floor")
    net = ASGNet.from_config(config).eval()
    nn.init.dirac_(net.projection[0].weight)
    return net


def cat() -> tuple[Picture, Mask]:
    """A cat's face, painted as an ellipse."""
    picture = photograph("chelsea.png")
    row, column = np.indices(picture.shape[:2])
    return squared(picture), squared(((row - 150) / 125) ** 2 + ((column - 240) / 125) ** 2 <= 1)


def small_ones() -> list[tuple[Picture, Mask]]:
    """One eye of the cat, and two rows of three coins."""
    one, many = eye().support, coins().support
    row = (many.mask == 1) & (np.arange(len(many.mask))[:, None] < 155)
    return [(squared(one.image), squared(one.mask == 1)), (squared(many.image), squared(row))]


def squared(picture: NDArray[Any]) -> NDArray[Any]:
    """Long side to 473, zeros below or beside."""
    h, w = (round(side * SIDE / max(picture.shape[:2])) for side in picture.shape[:2])
    small = nearest(picture.astype(np.uint8), (h, w)) > 0 if picture.ndim == 2 else resized(picture, (h, w))
    out = np.zeros((SIDE, SIDE, *picture.shape[2:]), small.dtype)
    out[:h, :w] = small
    return out


@torch.inference_mode()
def encoded(net: ASGNet, picture: Picture) -> Encoded:
    """Features of one picture."""
    return net.encode(net.backbone.normalise(torch.from_numpy(picture).permute(2, 0, 1)[None]))


@torch.inference_mode()
def superpixels(
    net: ASGNet, picture: Picture, mask: Mask, **changes: Any
) -> tuple[Tensor, NDArray[np.int64]]:
    """SGC of one support under a changed configuration: prototypes ``n c``, and each cell's nearest one.

    The latter is ``h w``, -1 outside the object; near by equation 1, coordinates included.
    """
    config = replace(net.config, **changes)
    features = encoded(net, picture).features
    inside = grid_masks(torch.from_numpy(mask.astype(np.uint8))[None], features.shape[-2:], "area")[1]
    seeds, valid = seed_masks(inside, config.area, config.most)
    masked = mask_features(features, inside, COMPACTNESS)
    centroids = refined(seed_features(features, seeds[valid][None], COMPACTNESS), masked, 5)
    if len(centroids[0]) == 1:  # one alone is the average
        centroids = masked.centre
    nearest_one = to_distances(centroids - masked.centre, masked)[0].argmin(0)
    cells = torch.full(inside.shape[1:], -1)
    cells[inside[0]] = nearest_one
    return centroids[0, :, :-2], cells.numpy()


def painted(picture: Picture, cells: NDArray[np.int64], mask: Mask) -> Picture:
    """The superpixels over their picture."""
    labels = nearest(cells.astype(np.int32), picture.shape[:2])
    return cropped(coloured(labels, picture, mask & (labels >= 0)), picture)


def cropped(shown: Picture, picture: Picture) -> Picture:
    """What is shown of the picture, without the padding."""
    return shown[picture.any((1, 2))][:, picture.any((0, 2))]


def many_prototypes(net: ASGNet, supports: Sequence[tuple[Picture, Mask]], file: Path) -> None:
    """Rows of supports, columns of N = 1, 2, 3, 5, 7, 9."""
    rows = []
    for picture, mask in supports:
        row = []
        for most in (1, 2, 3, 5, 7, 9):
            _, cells = superpixels(net, picture, mask, most=most, area=1)
            row.append((f"N = {most}", painted(picture, cells, mask)))
        rows.append(row)
    save(rows, file)


def adaptive(net: ASGNet, supports: Sequence[tuple[Picture, Mask]], file: Path) -> None:
    """Above N as large as the object deserves, below always five."""
    rows: list[list[tuple[str, Picture]]] = [[], []]
    for picture, mask in supports:
        cells_of = grid_masks(torch.from_numpy(mask.astype(np.uint8))[None], (60, 60), "area")[1][0].numpy()
        number = max(count_prototypes(cells_of), 1)
        for row, told, changes in (
            (rows[0], f"{cells_of.sum()} cells: N = {number}", {}),
            (rows[1], "always N = 5", {"area": 1}),
        ):
            _, cells = superpixels(net, picture, mask, **changes)
            row.append((told, painted(picture, cells, mask)))
    save(rows, file)


def occluded(net: ASGNet, support: tuple[Picture, Mask], query: Picture, truth: Mask, file: Path) -> None:
    """A support's superpixels, a query and the same half hidden behind a wall, and what their pixels choose."""
    wall = np.zeros_like(truth)
    wall[: query.any((1, 2)).sum(), 150:255] = True
    hidden, seen = query.copy(), truth & ~wall
    hidden[wall] = squared(photograph("brick.png"))[wall]
    prototypes, cells = superpixels(net, *support)
    tiles = [("the support's superpixels", painted(support[0], cells, support[1]))]
    for told, picture, there in (("the query", query, truth), ("half hidden", hidden, seen)):
        guide, likely = choice(net, prototypes, picture, there)
        tiles += [(f"{told}: guide map", guide), ("how well they fit", likely)]
    save([tiles], file)


@torch.inference_mode()
def choice(net: ASGNet, prototypes: Tensor, picture: Picture, there: Mask) -> tuple[Picture, Picture]:
    """Guide map in the prototypes' colours, strong where the object is; the best cosine of every pixel."""
    query, valid = encoded(net, picture), torch.ones(1, len(prototypes), dtype=torch.bool)
    found = allocate(query.features, prototypes[None], valid, "max")
    best = found.probability_map[0, 0, : round(60 * picture.any((1, 2)).mean())]  # without the padding
    low, high = best.quantile(0.05), best.quantile(0.99)
    shown = (found.probability_map[0, 0] - low) / (high - low)
    labels = nearest(found.guide_map[0].numpy().astype(np.int32), picture.shape[:2])
    fit = heat(nearest(shown.numpy(), picture.shape[:2]))
    return cropped(coloured(labels, picture, there), picture), cropped(fit, picture)


def save(rows: Sequence[Sequence[tuple[str, Picture]]], file: Path) -> None:
    """Rows of titled pictures."""
    from matplotlib.figure import Figure

    wide = max(len(row) for row in rows)
    figure = Figure(figsize=(2.1 * wide, 1.75 * len(rows)), layout="constrained")
    for axes, (told, picture) in zip(
        figure.subplots(len(rows), wide, squeeze=False).flat,
        (one for row in rows for one in row),
        strict=True,
    ):
        axes.imshow(picture)
        axes.set_title(told, fontsize=8)
        axes.set_axis_off()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, pil_kwargs={"quality": 85})


if __name__ == "__main__":
    main()
