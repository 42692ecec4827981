"""What tells whether an earlier run's results are those that this run would make."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from asgnet.apply.batch.plan import RunOptions
from asgnet.imaging.units import check_area

if TYPE_CHECKING:
    from asgnet.apply.concept.file import Concept


def run_key(concept: Concept, options: RunOptions) -> str:
    """All that decides what is in the files of a picture."""
    least = options.min_area if check_area(str(options.min_area))[0] else 0
    pieces = (options.instances, least, options.simplify)
    tail = " ".join(["", *map(str, pieces)]) if any(pieces) else ""
    tail += f" {options.pixel_size}" if options.pixel_size else ""
    return f"{fingerprint(concept)} {options.threshold} {options.absent}{tail}"


def fingerprint(concept: Concept) -> str:
    """SHA-256 of all that decides a Concept's answers: classes, weights, tensors."""
    digest = hashlib.sha256(repr((concept.classes, concept.network)).encode())
    if concept.separations:
        digest.update(repr(sorted(concept.separations.items())).encode())
    for name, array in sorted(concept.tensors.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    if concept.rendering is not None:
        digest.update(repr(concept.rendering).encode())
    return digest.hexdigest()
