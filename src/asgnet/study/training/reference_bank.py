"""What a trained network remembers of the kinds of things that it was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.model.default.network import DefaultNet
from asgnet.progress import with_bar
from asgnet.study.sampling.augment import squash
from asgnet.study.sampling.source import Source

ROUNDS = 10
"""Of k-means."""
PICTURES = 5000
"""So many are looked at, drawn by chance where there are more."""


@torch.no_grad()
def known_kinds(net: DefaultNet, sources: Sequence[Source], side: int) -> Tensor:
    """Typical scores of the things in the plain training pictures, for ``net.reference_bank``.

    Every class that a picture shows well enough is a part; of all parts' scores the k-means centres are kept.

    Args:
        net: whose backbone and classifier look, in eval mode.
        sources: the training pictures.
        side: pictures that are not cached are squares of so many pixels.

    Returns:
        ``m s``, unit length; zeros where there are fewer parts.

    Raises:
        DataError, PictureError: a picture that is not cached cannot be read.
    """
    rows = [(source, row) for source in sources for row in source.showing[0].tolist()]
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:PICTURES])
    pictures = (_parts(net, *rows[int(i)], side) for i in chosen)
    scores = [
        net.imagenet(deepest.to(net.reference_bank.device), parts.to(net.reference_bank.device)).cpu()
        for deepest, parts in with_bar(pictures, len(chosen), "known kinds")
        if len(parts)
    ]
    centres = _centres(np.unique(torch.cat(scores).numpy(), axis=0), len(net.reference_bank))
    return F.pad(
        F.normalize(torch.from_numpy(centres), dim=1), (0, 0, 0, len(net.reference_bank) - len(centres))
    )


def _parts(net: DefaultNet, source: Source, row: int, side: int) -> tuple[Tensor, Tensor]:
    """Of a picture the backbone's deepest map ``1 c h w`` and its parts ``n 1 s s``."""
    if source.stores:
        plain = source.stores[0]
        labels = torch.from_numpy(plain.labels[row].astype(np.int64))
        deepest = torch.from_numpy(plain.levels[-1][row].astype(np.float32))[None]
    else:
        image, labels = squash(*source.dataset.pair(list(source.dataset.pictures)[row]), side)
        deepest = net.backbone(net.backbone.normalise(image[None].to(net.reference_bank.device)))[-1]
    parts = torch.stack([labels == c for c, rows in source.shown[0].items() if row in rows])
    return deepest, parts[parts.flatten(1).any(1)][:, None].float()  # squashed, a thin one may be gone


def _centres(scores: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """``p s``, no two alike -> at most ``m s``."""
    from scipy.cluster.vq import kmeans2

    if len(scores) <= most:
        return scores
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a cluster that lost its last member: it stays where it was
        return kmeans2(scores, most, iter=ROUNDS, minit="++", seed=0)[0]
