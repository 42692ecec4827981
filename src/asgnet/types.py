"""Every shape that crosses a room's door is named here once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import WeightsError
from asgnet.files import named, save_bytes

IGNORE = 255
"""Mask value of pixels that count neither as object nor as background."""

Picture = NDArray[np.uint8]
"""``h w 3``, uint8, sRGB, upright (EXIF orientation already applied)."""

Mask = NDArray[np.uint8]
"""``h w``, uint8 in {0, 1, 255}: background, object, ignore."""


@dataclass(frozen=True)
class Rendering:
    """How values of more than 8 bits, or of other channels, are shown; decided once for pictures that belong together.

    Attributes:
        channels: which ones become the colours, as ``--channels`` has it; empty: the first ones.
        values: (black, white); None: as each picture's own values suggest.
    """

    channels: str = ""
    values: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Support:
    """One example: a picture with the object painted.

    Attributes:
        image: ``h w 3`` uint8.
        mask: ``h w`` uint8 in {0, 1, 255}, the same height and width.
        name: where it came from, for messages; may be empty.
    """

    image: Picture
    mask: Mask
    name: str = ""


@dataclass(frozen=True)
class Episode:
    """One question of a benchmark: find ``target`` in the query, given these supports.

    Attributes:
        target: class index in its dataset.
        query: picture name in its dataset.
        supports: ``k`` distinct picture names, none of them the query.
    """

    target: int
    query: str
    supports: tuple[str, ...]

    @property
    def targets(self) -> tuple[int, ...]:
        """The only target, as an episode of several classes has them."""
        return (self.target,)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The supports of each target."""
        return (self.supports,)


Separate = Callable[[NDArray[np.bool_], NDArray[np.float32]], NDArray[np.integer]]
"""``h w`` mask and probability -> ``h w`` objects numbered from 1; 0 is no object."""


def connected_pieces(mask: NDArray[np.bool_], probability: NDArray[np.float32]) -> NDArray[np.integer]:
    """Each piece of the mask, connected by sides, is an object."""
    from scipy.ndimage import label

    return label(mask)[0]


@dataclass(frozen=True, eq=False)
class Instance:
    """One object of a prediction.

    Attributes:
        name: its class.
        crop: bool, the object within its window.
        window: rows and columns of the picture that enclose it.
        size: ``(h, w)`` of the picture.
        score: mean probability of its pixels, in [0, 1].
    """

    name: str
    crop: NDArray[np.bool_]
    window: tuple[slice, slice]
    size: tuple[int, ...]
    score: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``h w`` at the picture's own size."""
        mask = np.zeros(self.size, bool)
        mask[self.window] = self.crop
        return mask

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width and height in pixels."""
        rows, columns = self.window
        return columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start

    @property
    def area(self) -> int:
        """In pixels; :func:`asgnet.measure` says more."""
        return int(np.count_nonzero(self.crop))


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Prediction:
    """What the model found in one picture.

    Attributes:
        mask: ``h w`` bool at the picture's own size; with several classes ``h w`` int32, 0 background
            and 1.. in the order the classes were given.
        probability: ``h w`` float32 in [0, 1]: the pixel belongs to the object (to any of the classes).
        presence: in [0, 1]: the object (any of the classes) is in this picture at all.
        guide: ``h w`` int32: which prototype each pixel chose (index into the class's prototypes).
        classes: the classes' names in order; ``("object",)`` for a single unnamed one.
        by_class: the same per class, for several classes; empty for a single one.
        separate: tells the objects in a class's mask apart; by default each connected piece is one.
    """

    mask: NDArray
    probability: NDArray[np.float32]
    presence: float
    guide: NDArray[np.int32]
    classes: tuple[str, ...] = ("object",)
    by_class: dict[str, Prediction] = field(default_factory=dict)
    separate: Separate = connected_pieces

    @cached_property
    def instances(self) -> list[Instance]:
        """The single objects: class by class in their order, the larger ones of each first."""
        found = []
        for number, name in enumerate(self.classes, 1):
            one = self.by_class.get(name, self)
            region = self.mask == number
            labels = one.separate(region, one.probability) if region.any() else np.zeros(region.shape, int)
            found += _instances(labels, one.probability, name)
        return found

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """``h w``: the place of each pixel's object in :attr:`instances`, counted from 1; 0 where none is."""
        labels = np.zeros(self.mask.shape, np.int32)
        for number, one in enumerate(self.instances, 1):
            labels[one.window][one.crop] = number
        return labels


def _instances(labels: NDArray[np.integer], probability: NDArray[np.float32], name: str) -> list[Instance]:
    """The objects of ``h w`` labels (0: none), the larger ones first."""
    from scipy.ndimage import find_objects

    windows = find_objects(labels)
    areas = np.bincount(labels.ravel(), minlength=len(windows) + 1)[1:]
    found = []
    for index in np.argsort(-areas, kind="stable"):
        window = windows[index]
        if window is not None:
            crop = labels[window] == index + 1
            score = float(probability[window].mean(where=crop, dtype=np.float64))
            found.append(Instance(name, crop, window, labels.shape, round(score, 6)))
    return found


CONCEPT_FORMAT = "asgnet-concept-1"
SHOTS_FORMAT = "asgnet-concept-2"
"""Of a concept that keeps its supports."""
CLOSER_FORMAT = "asgnet-concept-3"
"""Of a concept with a class that is seen closer, whether it keeps them or not."""


@dataclass(frozen=True)
class Shot:
    """A support as a Concept keeps it: as small as the network can see it.

    Attributes:
        picture: a PNG's bytes, ``h w 3`` once decoded; all that the network sees is made of it.
        masks: per class a PNG's bytes, ``h w`` in {0, 1, 255}; None where the class is not shown.
        size: ``(h, w)`` of the picture itself.
    """

    picture: bytes
    masks: tuple[bytes | None, ...]
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Concept:
    """What fitting learnt of one or several classes: a small file to save, share and apply.

    Attributes:
        classes: names, in order.
        tensors: arrays by name, each ``n …`` with one entry per class.
        network: fingerprint of the weights it was fitted with; no others understand it.
        supports: SHA-256 of every support picture's pixels.
        counts: of each class, how many supports show it.
        shots: the supports themselves, one for each of ``supports``; empty if they were not kept.
        adapt, seed: how it was fitted, see ``Segmenter.fit``.
        made: when, ISO 8601 in UTC; version: of asgnet. Empty where unknown.
    """

    classes: tuple[str, ...]
    tensors: dict[str, NDArray]
    network: str
    supports: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    shots: tuple[Shot, ...] = ()
    adapt: bool = True
    seed: int = 0
    made: str = ""
    version: str = ""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file, whole or not at all; OutputError if that cannot be."""
        from safetensors.numpy import save

        facts = {
            "format": _format_of(self.tensors, self.shots),
            "classes": json.dumps(self.classes),
            "network": self.network,
            "supports": json.dumps(self.supports),
            "counts": json.dumps(self.counts),
            "sizes": json.dumps([shot.size for shot in self.shots]),
            "fitting": json.dumps([bool(self.adapt), int(self.seed)]),
            "made": self.made,
            "version": self.version,
        }
        arrays = {name: np.ascontiguousarray(array) for name, array in self.tensors.items()}
        save_bytes(path, save(arrays | _packed(self.shots), facts))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Concept:
        """Read what :meth:`save` wrote; nothing in the file is ever executed.

        Raises:
            WeightsError: missing, truncated, something else, or of a newer asgnet.
        """
        from safetensors import SafetensorError, safe_open

        if not isinstance(path, str | os.PathLike):
            raise WeightsError(f"A concept is read from its path, not from a {type(path).__name__}.")
        name = named(path, "concept")
        if not os.path.isfile(path):
            raise WeightsError(f"There is no concept {name}; make one with: asgnet fit --support IMG MASK")
        try:
            with safe_open(path, framework="numpy") as file:
                facts = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise WeightsError(f"{name} is not a concept, or is damaged; fit it again.") from error
        kind = facts.get("format", "")
        if kind.startswith("asgnet-concept-") and kind not in (CONCEPT_FORMAT, SHOTS_FORMAT, CLOSER_FORMAT):
            raise WeightsError(f"{name} was written by a newer asgnet ({kind}); update asgnet.")
        stranger = WeightsError(f"{name} is a safetensors file, but not a concept of asgnet; fit it again.")
        try:
            classes, supports = (tuple(map(str, _listed(facts[key]))) for key in ("classes", "supports"))
            "".join(classes).encode("utf-8", "surrogateescape")  # half a character is no name
            counts = tuple(map(int, _listed(facts["counts"])))
            network = facts["network"]
            adapt, seed = _listed(facts.get("fitting", "[true, 0]"))
            origin = (bool(adapt), int(seed), facts.get("made", ""), facts.get("version", ""))
            sizes = _listed(facts.get("sizes", "[]"))
            shots = _unpacked(tensors, sizes, len(classes))
        except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise WeightsError(
                f"{name} is a safetensors file, but not a concept of asgnet; fit it again."
            ) from error
        fitting = len(set(classes)) == len(classes) and len(counts) in (0, len(classes))
        # onnx teaches numpy bfloat16 and its like: only numpy's own types are a concept's
        per_class = all(t.shape[:1] == (len(classes),) and t.dtype.isbuiltin == 1 for t in tensors.values())
        if shots:
            shown = tuple(sum(s.masks[i] is not None for s in shots) for i in range(len(classes)))
            fitting &= shown == counts and len(shots) == len(supports)
        known = kind == _format_of(tensors, shots)
        if not known or not classes or not fitting or not per_class:
            raise stranger
        return cls(classes, tensors, network, supports, counts, shots, *origin)


def _format_of(tensors: dict[str, NDArray], shots: tuple[Shot, ...]) -> str:
    """The oldest one that says all: earlier asgnets refuse what they would misunderstand."""
    if np.any(tensors.get("closer", False)):
        return CLOSER_FORMAT
    return SHOTS_FORMAT if shots else CONCEPT_FORMAT


def _packed(shots: tuple[Shot, ...]) -> dict[str, NDArray]:
    """Shots as a file holds them: bytes by name."""
    parts = {f"shot.{i}.picture": shot.picture for i, shot in enumerate(shots)}
    parts |= {
        f"shot.{i}.mask.{c}": mask
        for i, shot in enumerate(shots)
        for c, mask in enumerate(shot.masks)
        if mask is not None
    }
    return {name: np.frombuffer(data, np.uint8) for name, data in parts.items()}


def _unpacked(tensors: dict[str, NDArray], sizes: list[Any], classes: int) -> tuple[Shot, ...]:
    """Take the shots out of a file's tensors; KeyError or ValueError if they are not as :func:`_packed`."""

    def taken(name: str) -> bytes | None:
        array = tensors.pop(name, None)
        if array is not None and (array.dtype != np.uint8 or array.ndim != 1 or not array.size):
            raise ValueError(f"{name} holds no bytes")
        return None if array is None else array.tobytes()

    shots = []
    for i, size in enumerate(sizes):
        h, w = map(int, size)
        picture, masks = (
            taken(f"shot.{i}.picture"),
            tuple(taken(f"shot.{i}.mask.{c}") for c in range(classes)),
        )
        if picture is None or min(h, w) < 1:
            raise ValueError(f"shot {i} is not whole")
        shots.append(Shot(picture, masks, (h, w)))
    return tuple(shots)


def _listed(text: str) -> list[Any]:
    """A JSON list; ValueError if it is something else."""
    values = json.loads(text)
    if not isinstance(values, list):
        raise ValueError(f"{type(values).__name__}, not a list")
    return values
