"""What both decoders are made of."""

from __future__ import annotations

from torch import nn

CLASSES = 2
"""Background, object."""


def pair(channels: int, last: bool = True) -> nn.Sequential:
    """Two 3×3 convolutions, a ReLU after each (``last``: after the second too)."""
    layers = [
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if last else []))


def classifier(channels: int) -> nn.Sequential:
    """Channels -> logits."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Dropout2d(0.1),
        nn.Conv2d(channels, CLASSES, 1),
    )
