"""How many pixels of which class each picture holds: counted once, in parallel, kept in the user's cache.

A row holds while the label file's name, size and times are what they were, the time of its last change
included, which no program can set back. Otherwise its bytes are hashed, and counted again if they are others.
What the cache cannot hold (a read-only home) is counted at every start.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from asgnet.data.benchmarks.layouts import Item
from asgnet.errors import AsgnetError, DataError
from asgnet.files import atomic_path, cache_folder, named
from asgnet.progress import with_bar
from asgnet.types import IGNORE

Counts = dict[int, int]
"""Class index (0 background and 255 ignore included) → pixels at the label's own size."""

_Row = tuple[list, str, Counts]
"""Signature, SHA-256 of the label file's bytes, counts."""
_In = TypeVar("_In")
_Out = TypeVar("_Out")

WORTH_A_POOL = 512
"""Below so many pictures, starting processes costs more than it saves."""


def read_item_labels(item: Item) -> np.ndarray:
    """A picture's class indices: ``h w`` uint8, or uint16 where the class index needs it; 255 is ignore.

    Raises:
        DataError: the label file cannot be read.
    """
    from asgnet.data.read import read_labels, read_mask

    try:
        if item.labels.suffix == ".mat":
            return _read_sbd(item.labels)
        if not item.value:
            return read_labels(item.labels)
        mask = read_mask(item.labels)
    except (AsgnetError, OSError) as problem:
        raise DataError(f"The labels of {item.name!r} cannot be read: {problem}") from problem
    labels = mask.astype(np.uint8 if item.value < IGNORE else np.uint16)
    labels[mask == 1] = item.value
    return labels


def count_classes(item: Item) -> Counts:
    """Pixels per class index in one picture."""
    totals = np.bincount(read_item_labels(item).ravel())
    return {int(value): int(totals[value]) for value in np.flatnonzero(totals)}


def build_index(
    items: Sequence[Item], root: Path, *, cache_dir: str | Path | None = None, workers: int | None = None
) -> dict[str, Counts]:
    """Pixel counts of every picture, from the cache where its label file has not changed.

    Args:
        items: the pictures.
        root: the dataset's folder; one cache file serves all its splits.
        cache_dir: where the cache lies; the user's cache when None.
        workers: processes to count with; None: one per core.
    """
    file = cache_folder(cache_dir) / f"index-{short_hash(str(root.resolve()))}.json"
    known = _load(file)
    signatures = {item.name: _signature(item, root) for item in items}
    missing = [i for i in items if i.name not in known or known[i.name][0] != signatures[i.name]]
    if missing:
        asked = [(item, known.get(item.name)) for item in missing]
        counted = parallel(_count_if_changed, asked, f"indexing {root.name}", workers)
        for item, (digest, counts) in zip(missing, counted, strict=True):
            known[item.name] = (signatures[item.name], digest, counts)
        _store(file, known)
    return {item.name: known[item.name][2] for item in items}


def parallel(
    function: Callable[[_In], _Out], items: Sequence[_In], title: str, workers: int | None = None
) -> Iterator[_Out]:
    """``function`` of each item in order, over processes when there are many items, with a bar on stderr."""
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(items) < WORTH_A_POOL:
        yield from with_bar(map(function, items), len(items), title)
        return
    with multiprocessing.get_context().Pool(workers, _obey) as pool:
        yield from with_bar(pool.imap(function, items, chunksize=32), len(items), title)


def _obey() -> None:
    """A worker ends when told to, without a word; Ctrl-C is its parent's matter."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def short_hash(text: str) -> str:
    """Sixteen hex digits that name a cache file."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _count_if_changed(asked: tuple[Item, _Row | None]) -> tuple[str, Counts]:
    """Hash and counts of a label file; what is known of the same bytes is not counted again."""
    item, row = asked
    try:
        digest = hashlib.sha256(item.labels.read_bytes()).hexdigest()
    except OSError:
        digest = ""  # counting says what is wrong
    if row is not None and row[1] == digest != "" and row[0][-1] == item.value:
        return digest, row[2]
    return digest, count_classes(item)


def _signature(item: Item, root: Path) -> list:
    try:
        stat = item.labels.stat()
    except OSError as problem:
        raise DataError(
            f"The labels of {item.name!r} are gone: {named(item.labels)} ({problem.strerror})."
        ) from problem
    where = item.labels.relative_to(root) if item.labels.is_relative_to(root) else item.labels
    return [where.as_posix(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, item.value]


def _read_sbd(path: Path) -> np.ndarray:
    from scipy.io import loadmat

    try:
        return np.asarray(loadmat(path)["GTcls"]["Segmentation"][0, 0], np.uint8)
    except OSError:
        raise
    except Exception as problem:  # a damaged file makes scipy raise anything
        raise DataError(
            f"{named(path)} is no SBD label file (GTcls.Segmentation): {problem!s:.99}"
        ) from problem


def _load(file: Path) -> dict[str, _Row]:
    """The cache's rows; an unreadable cache is an empty one, since it can always be counted again."""
    try:
        rows = json.loads(file.read_text("utf-8"))["pictures"]
        return {
            n: (list(sign), str(digest), {int(k): int(v) for k, v in counts.items()})
            for n, (sign, digest, counts) in rows.items()
            if sign
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _store(file: Path, rows: dict[str, _Row]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as partial:
            partial.write_text(json.dumps({"pictures": rows}), "utf-8")
    except (OSError, AsgnetError) as problem:
        print(f"The index is not kept for the next start: {problem}", file=sys.stderr)
