"""What is measured: each piece of work at the paper's scale, ours and, where there is one, the plain way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.speed.measure import Run
from numpy.typing import NDArray
from torch import Tensor, nn

from asgnet import Segmenter
from asgnet.apply.engines.choose import choose_engine, installed
from asgnet.model import ASGNet
from asgnet.model.paper.asgnet import Prototypes
from asgnet.model.paper.gpa import allocate
from asgnet.model.paper.seeds import place_seeds
from asgnet.model.paper.sgc import cluster
from asgnet.types import Mask, Picture
from benchmarks.speed import naive

CHANNELS, GRID, SIDE = 256, 60, 473


class Work(NamedTuple):
    """The same answer twice."""

    ours: Run
    plain: Run


def region(grid: int = GRID) -> NDArray[np.bool_]:
    """``h w``: an object on a quarter of the grid."""
    inside = np.zeros((grid, grid), bool)
    inside[grid // 6 : grid // 6 + grid // 2, grid // 5 : grid // 5 + grid // 2] = True
    return inside


def seeds(grid: int = GRID, prototypes: int = 5) -> Work:
    """Seeds in an object."""
    inside = region(grid)
    return Work(partial(place_seeds, inside, prototypes), partial(naive.seeds, inside, prototypes))


def sgc(grid: int = GRID, prototypes: int = 5, iterations: int = 10) -> Work:
    """Clustering one support."""
    features = torch.randn(1, CHANNELS, grid, grid, generator=_random()) / 10
    inside = torch.from_numpy(region(grid))
    starts = torch.from_numpy(place_seeds(inside, prototypes))
    valid = torch.ones(1, prototypes, dtype=torch.bool)
    return Work(
        partial(cluster, features, inside[None], starts[None], valid, iterations),
        partial(naive.cluster, features[0], inside, starts, iterations),
    )


def gpa(grid: int = GRID, prototypes: int = 25) -> Work:
    """Allocating prototypes to one query."""
    features = torch.randn(1, CHANNELS, grid, grid, generator=_random())
    vectors = torch.randn(1, prototypes, CHANNELS, generator=_random())
    fitted = Prototypes(vectors, torch.ones(1, prototypes, dtype=torch.bool))
    ours = partial(allocate, features, *fitted)
    return Work(ours, partial(naive.allocate, features[0], vectors[0]))


def decode(grid: int = GRID) -> Work:
    """FEM on one query."""
    net = paper_net()
    guided, fits = (torch.randn(1, c, grid, grid, generator=_random()) for c in (2 * CHANNELS, 1))
    return Work(partial(net.decoder, guided, fits), partial(naive.decode, net.decoder, guided, fits))


@cache
def paper_net() -> ASGNet:
    """``paper-r50`` with made-up weights."""
    torch.manual_seed(0)
    net = ASGNet.from_preset("paper-r50").eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):  # so that folding them has something to do
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    with torch.inference_mode():
        net.encode(torch.zeros(1, 3, 64, 64))  # its fast copy is made before anything is counted
    return net


def paper_episode(shots: int, side: int = SIDE) -> Work:
    """``paper-r50`` on an episode: query and supports."""
    net = paper_net()
    query, supports = (torch.randn(1, *n, 3, side, side, generator=_random()) for n in ((), (shots,)))
    masks = torch.zeros(1, shots, side, side, dtype=torch.uint8)
    masks[..., side // 6 : 2 * side // 3, side // 5 : 7 * side // 10] = 1
    return Work(partial(net, query, supports, masks), partial(naive.segment, net, query, supports, masks))


def paper_predict(prototypes: int = 5, side: int = SIDE) -> Work:
    """``paper-r50`` on a query whose supports are fitted."""
    net = paper_net()
    query = torch.randn(1, 3, side, side, generator=_random())
    vectors = torch.randn(1, prototypes, CHANNELS, generator=_random())
    fitted = Prototypes(vectors, torch.ones(1, prototypes, dtype=torch.bool))

    def ours() -> Tensor:
        encoded = net.encode(query)
        return net.decode(encoded, net.allocate(encoded, fitted), (side, side)).logits

    return Work(ours, partial(naive.answer, net, query, vectors[0]))


def engines() -> list[str]:
    """Installed ones of the default network."""
    return [name for name in ("torch", "onnx", "openvino") if installed(name)]


def fastest() -> str:
    """The one that a Segmenter takes."""
    return choose_engine("auto", "cpu")


@cache
def segmenter(engine: str, shots: int = 1, classes: int = 1) -> Segmenter:
    """The bundled default, fitted."""
    images, masks = examples(shots)
    named = {f"class {i}": masks for i in range(classes)}
    return Segmenter.from_pretrained(engine=engine).fit(images, named, adapt=False)  # type: ignore[arg-type]


@cache
def scene(width: int = 512) -> tuple[Picture, Picture, Mask]:
    """Two photographs, about 3:2, and the object in the first."""
    import skimage
    from PIL import Image

    folder = Path(skimage.__file__).parent / "data"
    size = (width, round(width * 346 / 512))
    left, right = (
        np.asarray(Image.open(folder / f"motorcycle_{side}.png").convert("RGB").resize(size))
        for side in ("left", "right")
    )
    mask = np.zeros(left.shape[:2], np.uint8)
    mask[mask.shape[0] // 4 : 3 * mask.shape[0] // 4, width // 5 : 4 * width // 5] = 1
    return left, right, mask


def examples(shots: int) -> tuple[list[Picture], list[Mask]]:
    """Painted pictures, every one a little different."""
    left, _, mask = scene()
    rolled: Sequence[Sequence[NDArray]] = [[np.roll(a, 9 * i, 1) for i in range(shots)] for a in (left, mask)]
    return list(rolled[0]), list(rolled[1])


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(0)
