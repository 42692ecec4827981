"""A concept and its examples, as they arrive and as the index knows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from asgnet.types import Unpainted


class Example(NamedTuple):
    """A painted picture as files hold it.

    Attributes:
        picture: the file's bytes, as given.
        mask: an 8-bit PNG of class indices, 0 unpainted, 254 background, 255 ignore.
        name: what its owner calls it.
        size: ``(h, w)``, upright.
    """

    picture: bytes
    mask: bytes
    name: str
    size: tuple[int, int]


@dataclass(frozen=True)
class KeptExample:
    """Where an example is kept."""

    name: str
    width: int
    height: int
    picture: Path
    mask: Path


@dataclass(frozen=True)
class KeptConcept:
    """What the index knows of a concept.

    Attributes:
        version: counts its fits from 1; the id stays.
        counts: of each class, how many examples show it.
        notes: what was guessed for the user when its examples were read.
        doctor: the diagnosis of this version, once there is one.
        unpainted: what the examples' unpainted pixels are, see ``Segmenter.fit``.
    """

    id: str
    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    network: str
    adapt: str
    version: int
    created: float
    updated: float
    notes: tuple[str, ...]
    doctor: dict[str, Any] | None
    shots: int
    unpainted: Unpainted = "background"
