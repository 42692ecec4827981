"""Which files runs wrote, as their manifests tell: masks must not be taken for pictures by the next run."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

MANIFEST = "manifest.jsonl"
PARTS = "manifest.parts"
"""The folder of what workers add to the manifest beside it."""
ManifestEntry = dict[str, Any]

_BEGIN = b'{"event": "begin"'
"""Every output has such a line; the others are long and need not be understood here."""


def results_among(files: Iterable[str]) -> dict[str, str]:
    """Those of the files that runs wrote, each with the folder of its run.

    Manifests in the files' folders and in the ones above are asked; one that cannot be read says nothing.
    """
    files = list(files)
    runs = [folder for folder in _folders(files) if os.path.isfile(os.path.join(folder, MANIFEST))]
    written = {
        os.path.abspath(os.path.join(folder, name)): folder or os.curdir
        for folder in runs
        for name in outputs(_lines(folder))
    }
    if not written:
        return {}
    places = {file: os.path.abspath(file) for file in files}
    return {file: written[place] for file, place in places.items() if place in written}


def outputs(lines: Iterable[bytes]) -> Iterator[str]:
    """The files that a manifest's lines claim, relative to its folder, ``/`` between folders."""
    for line in lines:
        event = event_of(line) if line.startswith(_BEGIN) else None
        yield from event["outputs"] if event is not None else ()


def event_of(line: bytes) -> ManifestEntry | None:
    """A manifest line's event; None if it is none: cut short, or of another program's file of that name."""
    try:
        event = json.loads(line)
        outputs = [str(name) for name in event["outputs"]]
        texts = {name: str(event[name]) for name in ("event", "picture", "key")}
        if not isinstance(event["outputs"], list) or any("\0" in name or not name for name in outputs):
            return None
        return {**event, **texts, "outputs": outputs}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _folders(files: Iterable[str]) -> set[str]:
    """The folders that files lie in, and those above."""
    folders: set[str] = set()
    for folder in {os.path.dirname(file) for file in files}:
        while folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    return folders


def _lines(folder: str) -> Iterator[bytes]:
    parts = glob.glob(os.path.join(glob.escape(folder), PARTS, "*.jsonl"))
    for path in (os.path.join(folder, MANIFEST), *parts):
        with suppress(OSError), open(path, "rb") as stream:
            yield from stream
