"""Features of a frozen backbone, computed once per picture and kept on disk.

A store is a folder of ``.npy`` files that are mapped into memory, so that a batch reads only its own rows. It
is named after everything it depends on (backbone, dataset, side, variant): runs that differ only in
fold, shots or left-out datasets share it. Building may be killed at any time and goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.errors import DataError, OutputError
from asgnet.files import cache_folder, named
from asgnet.model.backbones.backbone import Backbone
from asgnet.progress import with_bar
from asgnet.study.sampling.augment import seed_of, squash, vary
from asgnet.study.sampling.prefetch import in_processes
from asgnet.types import IGNORE

THUMB = 96
CHUNK = 8
FORMAT = 1
"""Part of every store's name: raise it when what a store holds changes."""


@dataclass(frozen=True)
class FeatureStore:
    """One variant of every picture of a dataset.

    Attributes:
        names: the pictures, in the order of the rows.
        levels: per level ``n c h w`` float16.
        labels: ``n s s`` class indices, 255 ignore.
        thumbs: ``n 96 96 3`` uint8.
        counts: ``n classes+1`` int32, pixels per class index in ``labels``.
    """

    names: tuple[str, ...]
    levels: tuple[NDArray[np.float16], ...]
    labels: NDArray
    thumbs: NDArray[np.uint8]
    counts: NDArray[np.int32]


def open_features(
    backbone: Backbone,
    dataset: Dataset,
    side: int,
    variant: int = 0,
    *,
    cache_dir: str | Path | None = None,
    device: torch.device | str = "cpu",
) -> FeatureStore:
    """The features of a dataset, computed where they are not in the cache yet.

    One more process reads and augments pictures while this one runs the backbone.

    Args:
        backbone: frozen; ``b 3 s s`` normalised images → maps ``b c h w``, with ``normalise``.
        dataset: its pictures, all of them.
        side: of the square input.
        variant: 0 is the plain picture, every other number an augmented one.
        cache_dir: where stores are kept; None: the user's cache folder.
        device: where the backbone runs.

    Raises:
        PictureError, DataError: a picture or labels that cannot be read.
        OutputError: the disk cannot hold the store.
    """
    from filelock import FileLock

    root = cache_folder(cache_dir) / "features"
    root.mkdir(parents=True, exist_ok=True)
    folder = root / store_key(backbone, dataset, side, variant)
    names = tuple(dataset.pictures)
    with FileLock(f"{folder}.lock"):  # of several runs that want it, one builds
        if not (folder / "complete.json").is_file():
            _build(folder, backbone.to(device), dataset, names, side, variant, torch.device(device))
    return _open(folder, names)


def store_key(backbone: Backbone, dataset: Dataset, side: int, variant: int) -> str:
    """The store's folder name: what its content depends on, hashed."""
    sizes = [item.picture.stat().st_size for item in dataset.pictures.values()]
    parts = (FORMAT, fingerprint(backbone), dataset.hash, sizes, side, variant)
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return f"{dataset.name}-{side}-v{variant}-{digest}"


def fingerprint(backbone: Backbone) -> str:
    """SHA-256 of a backbone's tensors and of which maps it gives."""
    digest = hashlib.sha256(f"{getattr(backbone, 'indices', '')} {getattr(backbone, 'finest', 0)}".encode())
    for name, tensor in (*backbone.named_parameters(), *backbone.named_buffers()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class _Chunks:
    """Number of a chunk → its pictures ``b 3 s s`` uint8 and labels ``b s s``."""

    def __init__(
        self, dataset: Dataset, names: Sequence[str], chunks: Sequence[NDArray], side: int, variant: int
    ) -> None:
        self.dataset, self.names, self.chunks, self.side, self.variant = dataset, names, chunks, side, variant

    def __call__(self, number: int) -> tuple[Tensor, Tensor]:
        images, labels = zip(*(self._read(self.names[row]) for row in self.chunks[number]), strict=True)
        return torch.stack(images), torch.stack(labels)

    def _read(self, name: str) -> tuple[Tensor, Tensor]:
        picture, labels = self.dataset.pair(name)
        if self.variant:
            return vary(picture, labels, self.side, seed_of(self.variant, name))
        return squash(picture, labels, self.side)


def _build(
    folder: Path,
    backbone: Backbone,
    dataset: Dataset,
    names: Sequence[str],
    side: int,
    variant: int,
    device: torch.device,
) -> None:
    """Fill the store's rows that are not marked done, then say that it is complete."""
    if not (folder / "done.npy").is_file():
        _allocate(folder, _maps(backbone, torch.zeros(1, 3, side, side, device=device)), dataset, side)
    done = np.load(folder / "done.npy", mmap_mode="r+")
    store = _open(folder, tuple(names), "r+")
    chunks = [c for c in np.array_split(np.arange(len(names)), -(-len(names) // CHUNK)) if not done[c].all()]
    read = _Chunks(dataset, names, chunks, side, variant)
    pairs = in_processes(read, range(len(chunks)), workers=1 if len(chunks) > 2 else 0)
    title = f"features of {dataset.name}, " + (f"variant {variant}" if variant else "plain")
    for rows, (images, labels) in zip(chunks, with_bar(pairs, len(chunks), title), strict=True):
        _fill(store, rows, images, labels, _maps(backbone, images.to(device)))
        done[rows] = True
    for array in (*store.levels, store.labels, store.thumbs, store.counts, done):
        array.flush()
    (folder / "complete.json").write_text(json.dumps({"pictures": len(names)}))


@torch.inference_mode()
def _maps(backbone: Backbone, images: Tensor) -> list[Tensor]:
    """``b 3 s s`` pixel values → maps ``b c h w``."""
    images = backbone.normalise(images).contiguous(memory_format=torch.channels_last)
    return list(backbone(images))


def _fill(store: FeatureStore, rows: NDArray, images: Tensor, labels: Tensor, maps: Sequence[Tensor]) -> None:
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    for level, m in zip(store.levels, maps, strict=True):
        level[part] = m.contiguous().half().cpu().numpy()
    store.labels[part] = labels.numpy()
    small = F.interpolate(images.float(), (THUMB, THUMB), mode="bilinear", antialias=True)
    store.thumbs[part] = small.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    for row, values in zip(rows, labels.numpy(), strict=True):
        found = np.bincount(values.ravel(), minlength=store.counts.shape[1])
        found[IGNORE:][:1] = 0
        store.counts[row] = found[: store.counts.shape[1]]


def _allocate(folder: Path, maps: Sequence[Tensor], dataset: Dataset, side: int) -> None:
    """The files at full size, ``done.npy`` last: where it is, all are."""
    n, classes = len(dataset.pictures), max(dataset.classes)
    shapes: dict[str, tuple[tuple[int, ...], type[np.generic]]]
    shapes = {f"level{i}": ((n, *m.shape[1:]), np.float16) for i, m in enumerate(maps)}
    shapes["labels"] = ((n, side, side), np.uint8 if classes < IGNORE else np.int32)
    shapes["thumbs"] = ((n, THUMB, THUMB, 3), np.uint8)
    shapes["counts"] = ((n, classes + 1), np.int32)
    shapes["done"] = ((n,), np.bool_)
    needed = sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in shapes.values())
    free = shutil.disk_usage(folder.parent).free
    if needed > free:
        raise OutputError(
            f"The features of {dataset.name} need {needed / 1e9:.1f} GB and {named(folder.parent)} has "
            f"{free / 1e9:.1f} GB free; free some, name another --cache-dir, or lower side or variants."
        )
    folder.mkdir(exist_ok=True)
    for name, (shape, kind) in shapes.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, shape).flush()


def _open(folder: Path, names: tuple[str, ...], mode: Literal["r", "r+"] = "r") -> FeatureStore:
    try:
        count = len(list(folder.glob("level*.npy")))
        levels = tuple(np.load(folder / f"level{i}.npy", mmap_mode=mode) for i in range(count))
        rest = [np.load(folder / f"{name}.npy", mmap_mode=mode) for name in ("labels", "thumbs", "counts")]
    except (OSError, ValueError) as problem:
        raise DataError(
            f"The feature cache {named(folder)} is damaged ({problem}); delete that folder."
        ) from problem
    return FeatureStore(names, levels, *rest)
