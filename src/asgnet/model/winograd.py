"""3×3 convolutions with a quarter of the multiplications (Winograd's F(4×4, 3×3); Lavin and Gray 2016).

For inference in float32 on a CPU, whose libraries multiply out every window. The function is the same to
about 1e-5 of its largest value. A tile of 6×6 inputs becomes 36 numbers per channel, on which the convolution
is a product of matrices per number; those become 4×4 outputs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TILE, PATCH = 4, 6
CHUNK_BYTES = 1 << 21
"""Tiles are worked on in chunks of this size, so that they stay in the processor's cache."""
FEWEST = 64
"""Channels below which moving tiles about costs more than it saves."""

_INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_WEIGHT = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def suits(module: nn.Module) -> bool:
    """The module is a convolution that :class:`Winograd` computes, and sooner."""
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (3, 3)
        and module.stride == (1, 1)
        and module.groups == 1
        and module.padding == module.dilation
        and module.dilation[0] == module.dilation[1]
        and module.padding_mode == "zeros"
        and min(module.in_channels, module.out_channels) >= FEWEST
    )


class Winograd(nn.Module):
    """A convolution that :func:`suits`, for inference: ``b c h w`` -> ``b k h w``, channels last.

    Args:
        convolution: its weights are taken as they are now.
    """

    weight: Tensor
    into: Tensor
    out: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        exact = torch.tensor(_WEIGHT, dtype=torch.float64)
        kernel = convolution.weight.detach().double().cpu()
        weight = torch.einsum("ai,bj,ocij->abco", exact, exact, kernel).flatten(0, 1)  # 36 c k
        like = convolution.weight.detach()
        self.register_buffer("weight", weight.to(like), persistent=False)
        for name, rows in (("into", _INPUT), ("out", _OUTPUT)):
            matrix = torch.tensor(rows, dtype=torch.float64)
            self.register_buffer(name, torch.kron(matrix, matrix).to(like), persistent=False)  # 36 36, 16 36
        self.bias = convolution.bias
        self.dilation = int(convolution.dilation[0])

    def forward(self, x: Tensor) -> Tensor:
        """A dilated convolution is a plain one on each phase of the grid."""
        d, (height, width) = self.dilation, x.shape[-2:]
        x = x.permute(0, 2, 3, 1)  # b h w c
        if d == 1:
            y = self._convolved(x)
        else:
            x = F.pad(x, (0, 0, 0, -width % d, 0, -height % d))
            x = x.unflatten(2, (-1, d)).unflatten(1, (-1, d))  # b h/d d w/d d c
            phases = x.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)  # bdd h/d w/d c
            y = self._convolved(phases).unflatten(0, (-1, d, d)).permute(0, 3, 1, 4, 2, 5)
            y = y.flatten(3, 4).flatten(1, 2)[:, :height, :width]
        if self.bias is not None:
            y = y + self.bias
        return y.permute(0, 3, 1, 2)

    def _convolved(self, x: Tensor) -> Tensor:
        """``b h w c`` -> ``b h w k``, undilated."""
        batch, height, width, channels = x.shape
        down, across, filters = -(-height // TILE), -(-width // TILE), self.weight.shape[-1]
        x = F.pad(x, (0, 0, 1, TILE * across + 1 - width, 1, TILE * down + 1 - height))
        b, h, w, c = x.stride()
        shape = (batch, down, PATCH, PATCH, across, channels)
        tiles = x.as_strided(shape, (b, TILE * h, h, w, TILE * w, c))  # overlapping, without a copy
        y = x.new_empty(batch, down, TILE, TILE * across, filters)
        rows = max(CHUNK_BYTES // (PATCH**2 * across * channels * x.element_size()), 1)
        for image in range(batch):
            for chunk, answer in zip(tiles[image].split(rows), y[image].split(rows), strict=True):
                points = self.into @ chunk.permute(1, 2, 0, 3, 4).reshape(PATCH**2, -1)
                points = points.view(PATCH**2, -1, channels) @ self.weight  # 36 t k
                values = (self.out @ points.flatten(1)).view(TILE, TILE, -1, across, filters)
                answer.unflatten(2, (across, TILE)).copy_(values.permute(2, 0, 3, 1, 4))
        return y.view(batch, TILE * down, TILE * across, filters)[:, :height, :width]
