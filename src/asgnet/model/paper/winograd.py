"""3×3 convolutions with a quarter of the multiplications (Winograd's F(4×4, 3×3); Lavin and Gray 2016).

For inference in float32 on a CPU, whose libraries multiply out every window. The function is the same to
about 1e-5 of its largest value. A tile of 6×6 inputs becomes 36 numbers per channel, on which the convolution
is a product of matrices per number; those become 4×4 outputs.
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TILE, PATCH = 4, 6
CHUNK_BYTES = 1 << 22
"""Tiles are worked on in chunks of this size, so that they stay in the processor's cache."""
FEWEST, WIDEST = 64, 2
"""Channels below which, and dilation beyond which, moving tiles about costs more than it saves."""

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
        and module.dilation[0] == module.dilation[1] <= WIDEST
        and module.padding_mode == "zeros"
        and min(module.in_channels, module.out_channels) >= FEWEST
        and max(module.in_channels, module.out_channels) > FEWEST
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
        down, across = (-(-side // (TILE * d)) for side in (height, width))  # tiles of a phase
        beyond = [d * (TILE * n + 1) - side for n, side in ((across, width), (down, height))]
        x = F.pad(x, (0, 0, d, beyond[0], d, beyond[1]))
        batch, channels, filters = x.shape[0], x.shape[3], self.weight.shape[-1]
        y = x.new_empty(batch, TILE * d * down, TILE * d * across, filters)
        b, h, w, c = x.stride()
        shape = (batch, d, d, down, PATCH, PATCH, across, channels)
        # Overlapping patches of every phase, without a copy.
        patches = x.as_strided(shape, (b, h, w, TILE * d * h, d * h, d * w, TILE * d * w, c))
        places = y.view(batch, down, TILE, d, across, TILE, d, filters).permute(0, 3, 6, 1, 2, 4, 5, 7)
        chunks = -(-down * PATCH**2 * across * channels * x.element_size() // CHUNK_BYTES)
        rows = -(-down // min(chunks, down))
        for one in product(range(batch), range(d), range(d)):
            for chunk, answer in zip(patches[one].split(rows), places[one].split(rows), strict=True):
                self._convolve(chunk, answer)
        return y[:, :height, :width].permute(0, 3, 1, 2)

    def _convolve(self, patches: Tensor, answer: Tensor) -> None:
        """``r 6 6 t c`` patches of t tiles in r rows -> ``r 4 t 4 k``, written into ``answer``."""
        rows, *_, across, channels = patches.shape
        points = self.into @ patches.permute(1, 2, 0, 3, 4).reshape(PATCH**2, -1)
        points = points.view(PATCH**2, -1, channels) @ self.weight  # 36 rt k
        values = (self.out @ points.flatten(1)).view(TILE, TILE, rows, across, -1).permute(2, 0, 3, 1, 4)
        if self.bias is None:
            answer.copy_(values)
        else:
            torch.add(values, self.bias, out=answer)
