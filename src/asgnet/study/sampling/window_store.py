"""Windows with their features, drawn once and kept on disk in shards, so that a step of training costs little.

A shard follows from its number alone: making them may be killed at any time and goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet import quiet
from asgnet.files import atomic_path
from asgnet.model.graph_files import weights_folder
from asgnet.model.prompts.channels import READ
from asgnet.study.sampling.windows import Source, draw_window
from asgnet.types import Picture

SIZE = 64
"""Windows of a shard, 48 MB."""


class Encoder:
    """The frozen backbone of the bundled weights, as everyone runs it."""

    def __init__(self) -> None:
        onnxruntime = quiet.onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(weights_folder() / "encode.onnx"), options)

    def __call__(self, picture: Picture) -> list[NDArray[np.float16]]:
        """``256 256 3`` -> of each name in READ ``c h w``."""
        pixels = picture.transpose(2, 0, 1)[None].astype(np.float32)
        return [one[0].astype(np.float16) for one in self._session.run(list(READ), {"pictures": pixels})]


def make_shards(sources: Sequence[Source], folder: Path, count: int, seed: int = 0) -> None:
    """Write shards until there are ``count``: ``00000.npz`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    encode = Encoder()
    for number in range(count):
        file = folder / f"{number:05}.npz"
        if file.exists():
            continue
        rng = np.random.default_rng((seed, number))
        windows = [draw_window(sources, rng) for _ in range(SIZE)]
        features = zip(*(encode(one.picture) for one in windows), strict=True)
        with atomic_path(file) as partial, partial.open("wb") as stream:
            arrays: dict[str, Any] = {name: np.stack(maps) for name, maps in zip(READ, features, strict=True)}
            labels, whole = np.stack([one.labels for one in windows]), np.array([w.whole for w in windows])
            np.savez(stream, labels=labels, whole=whole, **arrays)


def read_shard(file: Path) -> dict[str, NDArray]:
    """Of :func:`make_shards`: ``labels``, ``whole`` and the features by name."""
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}
