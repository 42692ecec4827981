"""The four steps that every network offers: encode, learn, allocate, decode.

    learned = net.learn(net.encode(supports), masks)  # once: bk pictures, b k masks
    query = net.encode(pictures)
    logits = net.decode(query, net.allocate(query, learned), size).logits

``net(query, supports, masks)`` is these four, for whole episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor

from asgnet.errors import UsageError

Features = TypeVar("Features")
"""Of a batch of pictures."""
Learned = TypeVar("Learned")
"""Of the supports of a batch of episodes: prototypes, statistics."""
Allocated = TypeVar("Allocated")
"""What a query's pixels have to do with it: guide map, similarities."""


class Outputs(NamedTuple):
    """A network's output.

    Attributes:
        logits: ``b 2 h w``: background, object.
        auxiliary: logits of the auxiliary classifiers, each ``b 2 h' w'`` at a grid of its own; empty
            unless asked for.
        presence: ``b`` logit that the object is in the picture at all, where the network gives one.
    """

    logits: Tensor
    auxiliary: tuple[Tensor, ...] = ()
    presence: Tensor | None = None


class FourSteps(Protocol[Features, Learned, Allocated]):
    """A network whose supports are learned once, and any number of queries decoded."""

    def encode(self, images: Tensor) -> Features:
        """``b 3 H W`` normalised images -> their features."""
        ...

    def learn(self, supports: Features, masks: Tensor) -> Learned:
        """Features of ``bk`` supports and their masks ``b k H W`` in {0, 1, 255} -> what they show."""
        ...

    def allocate(self, query: Features, learned: Learned) -> Allocated:
        """Features of ``b`` queries -> what of the learned fits each of their pixels."""
        ...

    def decode(self, query: Features, allocation: Allocated, size: Sequence[int]) -> Outputs:
        """Logits ``b 2 H W`` at ``size``."""
        ...


def check_episode(query: Tensor, support_images: Tensor, support_masks: Tensor) -> None:
    """The tensors of a batch of episodes belong together.

    Raises:
        UsageError: they do not.
    """
    expected = (
        ("query", query, 4, "(b, 3, H, W)"),
        ("support_images", support_images, 5, "(b, k, 3, H, W)"),
        ("support_masks", support_masks, 4, "(b, k, H, W)"),
    )
    for name, tensor, dimensions, shape in expected:
        if tensor.dim() != dimensions:
            raise UsageError(f"{name} must have the shape {shape}, not {tuple(tensor.shape)}.")
    for name, tensor, axis in (("query", query, 1), ("support_images", support_images, 2)):
        if tensor.shape[axis] != 3:
            raise UsageError(f"{name} must have 3 colour channels, not {tensor.shape[axis]}.")
    if support_images.shape[:2] != support_masks.shape[:2] or len(query) != len(support_images):
        raise UsageError(
            "query, support_images and support_masks must agree in episodes, the latter two in shots; "
            f"they have {len(query)}, {tuple(support_images.shape[:2])} and {tuple(support_masks.shape[:2])}."
        )
    if support_images.shape[1] == 0:
        raise UsageError("An episode needs at least one support, and there is none.")
