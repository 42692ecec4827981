"""A concept file: what fitting learned of one or several classes, as safetensors.

Tensors keep the names that the first version gave them (``adapted_trust``, ``closer`` ...), whatever the
program calls their contents: renaming them would break the files that people have.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.scale import CLOSER, Scale, is_usual, with_scale
from asgnet.apply.concept.shots import Shot, packed, patch_boxes, unpacked
from asgnet.errors import WeightsError
from asgnet.files import named, save_bytes
from asgnet.imaging.interior import Interior
from asgnet.imaging.separation import Separation
from asgnet.types import Rendering, Unpainted

CONCEPT_FORMAT = "asgnet-concept-1"
SHOTS_FORMAT = "asgnet-concept-2"
"""Of a concept that keeps its supports."""
CLOSER_FORMAT = "asgnet-concept-3"
"""Of earlier asgnets: with a class at the larger view, whether it keeps its supports or not."""
SCALE_FORMAT = "asgnet-concept-4"
"""Of a concept with a class at another working scale than the usual one, or that keeps windows."""
SPATIAL_FORMAT = "asgnet-concept-5"
"""Of a concept with spatial heads, whatever else it has."""
FORMATS = (CONCEPT_FORMAT, SHOTS_FORMAT, CLOSER_FORMAT, SCALE_FORMAT, SPATIAL_FORMAT)
Effort = Literal["quick", "auto", "best"]
"""How much fitting does: see ``Segmenter.fit``."""
EFFORTS: tuple[Effort, ...] = get_args(Effort)


def stated_words(words: Sequence[Unpainted]) -> tuple[Unpainted, ...]:
    """What unpainted pixels are, as a Concept has it: empty where they are background everywhere."""
    return tuple(words) if set(words) - {"background"} else ()


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class Concept:
    """What fitting learned of one or several classes: a small file to save, share and apply.

    Attributes:
        classes: names, in order.
        tensors: arrays by name, each ``n …`` with one entry per class.
        network: fingerprint of the weights it was fitted with; no others understand it.
        supports: SHA-256 of every support picture's pixels.
        counts: of each class, how many supports show it.
        shots: the supports themselves, one for each of ``supports``; empty if they were not kept.
        adapt, seed, effort: how it was fitted, see ``Segmenter.fit``.
        made: when, ISO 8601 in UTC; version: of asgnet. Empty where unknown.
        rendering: how deep values and other channels were shown, and are in every later picture; None: all
            supports were of 8 bits.
        scale: the working scale that was asked for; None: each class has the one that was best.
        separations: how the objects of a class are told apart, by its name; of the others each connected
            piece is one.
        unpainted: of each support, what its unpainted pixels are, see ``Segmenter.fit``; empty: background.
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
    rendering: Rendering | None = None
    separations: Mapping[str, Separation] = field(default_factory=dict)
    scale: Scale | None = None
    unpainted: tuple[Unpainted, ...] = ()
    effort: Effort = "quick"

    @property
    def of_each(self) -> tuple[Unpainted, ...]:
        """What the unpainted pixels of each support are."""
        return self.unpainted or tuple("background" for _ in self.supports)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file, whole or not at all; OutputError if that cannot be."""
        from safetensors.numpy import save

        header = {
            "format": _format_of(self.tensors, self.shots),
            "classes": json.dumps(self.classes),
            "network": self.network,
            "supports": json.dumps(self.supports),
            "counts": json.dumps(self.counts),
            "sizes": json.dumps([shot.size for shot in self.shots]),
            "patches": json.dumps(patch_boxes(self.shots)),
            "fitting": json.dumps([bool(self.adapt), int(self.seed)]),
            "effort": self.effort,
            "made": self.made,
            "version": self.version,
        }
        if self.rendering is not None:
            header["rendering"] = json.dumps([self.rendering.channels, self.rendering.values])
        if self.scale is not None:
            header["scale"] = json.dumps(astuple(self.scale))
        if self.separations:
            header["separations"] = json.dumps({name: astuple(one) for name, one in self.separations.items()})
        if self.unpainted:
            header["unpainted"] = json.dumps(self.unpainted)
        arrays = {name: np.ascontiguousarray(array) for name, array in self.tensors.items()}
        everything = arrays | packed(self.shots)
        header["checksum"] = _checksum(header, everything)
        save_bytes(path, save(everything, header))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Concept:
        """Read what :meth:`save` wrote; nothing in the file is ever executed.

        Raises:
            WeightsError: missing, truncated, damaged, something else, or of a newer asgnet.
        """
        if not isinstance(path, str | os.PathLike):
            raise WeightsError(f"A concept is read from its path, not from a {type(path).__name__}.")
        name = named(path, "concept")
        header, tensors = _read(path, name)
        kind = header.get("format", "")
        if kind.startswith("asgnet-concept-") and kind not in FORMATS:
            raise WeightsError(f"{name} was written by a newer asgnet ({kind}); update asgnet.")
        # Files of older versions have none.
        if "checksum" in header and header["checksum"] != _checksum(header, tensors):
            raise WeightsError(
                f"{name} is damaged: its contents are not those that were saved; fit it again."
            )
        if not all(np.isfinite(array).all() for array in tensors.values() if array.dtype.kind == "f"):
            raise WeightsError(f"{name} holds numbers that are not finite; fit it again.")
        stranger = f"{name} is a safetensors file, but not a concept of asgnet; fit it again."
        try:
            concept = _concept_of(header, tensors)
        except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise WeightsError(stranger) from error
        expected = CLOSER_FORMAT if np.any(tensors.get(CLOSER, False)) else _format_of(tensors, concept.shots)
        if kind != expected or not _is_consistent(concept):
            raise WeightsError(stranger)
        if CLOSER in concept.tensors:
            return replace(concept, tensors=with_scale(concept.tensors, len(concept.classes)))
        return concept


def _read(path: str | os.PathLike[str], name: str) -> tuple[dict[str, str], dict[str, NDArray]]:
    """A safetensors file's header and tensors; WeightsError if it is missing or none."""
    from safetensors import SafetensorError, safe_open

    if not os.path.isfile(path):
        raise WeightsError(f"There is no concept {name}; make one with: asgnet fit --support IMG MASK")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            return header, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{name} is not a concept, or is damaged; fit it again.") from error


def _checksum(header: dict[str, str], tensors: dict[str, NDArray]) -> str:
    """SHA-256 of a file's header, but for the checksum, and of its tensors."""
    said = sorted((key, value) for key, value in header.items() if key != "checksum")
    found = hashlib.sha256(json.dumps(said).encode())
    for name in sorted(tensors):
        array = tensors[name]
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _concept_of(header: dict[str, str], tensors: dict[str, NDArray]) -> Concept:
    """What a file says; KeyError, ValueError and the like if it is not as :meth:`Concept.save` writes it."""
    classes, supports = (tuple(map(str, _listed(header[key]))) for key in ("classes", "supports"))
    "".join(classes).encode("utf-8", "surrogateescape")  # half a character is no name
    adapt, seed = _listed(header.get("fitting", "[true, 0]"))
    shots, tensors = unpacked(
        tensors, _listed(header.get("sizes", "[]")), len(classes), _listed(header.get("patches", "[]"))
    )
    separations = json.loads(header.get("separations", "{}"))
    if not isinstance(separations, dict) or not set(separations) <= set(classes):
        raise ValueError("separations of other classes")
    return Concept(
        classes,
        tensors,
        header["network"],
        supports,
        tuple(map(int, _listed(header["counts"]))),
        shots,
        bool(adapt),
        int(seed),
        header.get("made", ""),
        header.get("version", ""),
        _rendering_of(_listed(header["rendering"])) if "rendering" in header else None,
        {str(name): _separation_of(*numbers) for name, numbers in separations.items()},
        Scale(*map(float, _listed(header["scale"]))) if "scale" in header else None,
        _unpainted_of(_listed(header.get("unpainted", "[]"))),
        EFFORTS[EFFORTS.index(header.get("effort", "quick"))],  # as earlier asgnets fitted
    )


def _unpainted_of(said: list[Any]) -> tuple[Unpainted, ...]:
    if not set(said) <= set(get_args(Unpainted)):
        raise ValueError(said)
    return tuple(said)


def _separation_of(
    depth: Any, smooth: Any, least: Any, ratios: Any = None, interior: Sequence[Any] = ()
) -> Separation:
    if ratios is not None:
        low, high = map(float, ratios)
        ratios = (low, high)
    numbers = tuple(map(float, interior))
    if numbers:
        Interior.of(numbers)  # checks them
    return Separation(float(depth), float(smooth), float(least), ratios, numbers)


def _rendering_of(said: list[Any]) -> Rendering:
    channels, values = said
    if not isinstance(channels, str):
        raise ValueError(channels)
    low, high = map(float, values) if values is not None else (0.0, 1.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(values)
    return Rendering(channels, None if values is None else (low, high))


def _is_consistent(concept: Concept) -> bool:
    """Its parts are of the same classes and supports."""
    classes, counts, shots = concept.classes, concept.counts, concept.shots
    if not classes or len(set(classes)) != len(classes) or len(counts) not in (0, len(classes)):
        return False
    if len(concept.unpainted) not in (0, len(concept.supports)):
        return False
    if shots:
        shown = tuple(sum(s.masks[i] is not None for s in shots) for i in range(len(classes)))
        if shown != counts or len(shots) != len(concept.supports):
            return False
    # onnx teaches numpy bfloat16 and its like: only numpy's own types are a concept's
    return all(t.shape[:1] == (len(classes),) and t.dtype.isbuiltin == 1 for t in concept.tensors.values())


def _format_of(tensors: dict[str, NDArray], shots: tuple[Shot, ...]) -> str:
    """The oldest one that says all: earlier asgnets refuse what they would misunderstand."""
    if any(name.startswith("spatial_") for name in tensors):
        return SPATIAL_FORMAT
    if not is_usual(tensors) or any(shot.patches for shot in shots):
        return SCALE_FORMAT
    return SHOTS_FORMAT if shots else CONCEPT_FORMAT


def _listed(text: str) -> list[Any]:
    """A JSON list; ValueError if it is something else."""
    values = json.loads(text)
    if not isinstance(values, list):
        raise ValueError(f"{type(values).__name__}, not a list")
    return values
