"""One picture's results as files, and back: what a page shows and a download is made of.

Beside ``<stem>.picture`` lie ``<stem>.p1.png`` .. (a class's probabilities, 255 is 1), ``<stem>.guide.png``
(number of the prototype, for colours), ``<stem>.mask.png`` (class indices, 0 background), and, where a person
painted over it, ``<stem>.corrected.png``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.png import save_png
from asgnet.data.read import read_labels
from asgnet.errors import PictureError
from asgnet.files import save_bytes
from asgnet.types import IGNORE, Prediction


class Files:
    """Where one picture and its results are.

    Args:
        folder: of the job.
        position: of the picture in it.
    """

    def __init__(self, folder: Path, position: int):
        self.picture = folder / f"{position}.picture"
        self.mask = folder / f"{position}.mask.png"
        self.corrected = folder / f"{position}.corrected.png"
        self.guide = folder / f"{position}.guide.png"
        self._probability = f"{position}.p{{}}.png"

    def probability(self, number: int) -> Path:
        """Of a class, counted from 1."""
        return self.picture.with_name(self._probability.format(number))

    def put(self, source: bytes | Path, name: str) -> None:
        """Keep the picture: bytes, or a file that is kept already, the same once more where the disk can.

        Raises:
            PictureError: that file is gone; ``name`` is what messages call it.
        """
        try:
            if isinstance(source, Path):
                self.picture.parent.mkdir(parents=True, exist_ok=True)
                self.picture.unlink(missing_ok=True)
                try:
                    os.link(source, self.picture)
                except OSError:
                    save_bytes(self.picture, source.read_bytes())
            else:
                save_bytes(self.picture, source)
        except FileNotFoundError as error:
            raise PictureError(f"{name!r} is no longer there; upload it again.") from error

    def write(self, prediction: Prediction) -> None:
        """Keep a prediction; its mask comes last."""
        for number, one in enumerate(_each(prediction), 1):
            save_png(self.probability(number), eight_bits(one.probability))
        known = prediction.guide >= 0
        save_png(self.guide, np.where(known, prediction.guide % IGNORE, IGNORE).astype(np.uint8))
        save_png(self.mask, prediction.mask.astype(np.uint8))

    def read(
        self, classes: Sequence[str], presences: Sequence[float], presence: float, corrected: bool
    ) -> Prediction:
        """What was kept, as a prediction.

        Args:
            classes: names in order.
            presences: of each class.
            presence: of any.
            corrected: take the mask that a person painted.
        """
        mask = read_labels(self.corrected if corrected else self.mask)
        mask[mask == IGNORE] = 0
        maps = [self.probabilities(number) for number in range(1, len(classes) + 1)]
        if corrected:  # who painted it is sure
            maps = [(mask == number).astype(np.float32) for number in range(1, len(classes) + 1)]
            presences = [float(bool(one.any())) for one in maps]
            presence = max(presences)
        guide = read_labels(self.guide).astype(np.int32)
        ones = {
            name: Prediction(mask == number, maps[number - 1], presences[number - 1], guide, (name,))
            for number, name in enumerate(classes, 1)
        }
        if len(ones) == 1:
            return next(iter(ones.values()))
        top = np.maximum.reduce(maps)
        return Prediction(mask.astype(np.int32), top, presence, guide, tuple(classes), ones)

    def probabilities(self, number: int) -> NDArray[np.float32]:
        """A class's probability map, ``h w`` in [0, 1]."""
        return read_labels(self.probability(number)).astype(np.float32) / np.float32(255)


def eight_bits(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Probabilities in 8 bits: v stands for v / 255, so that v > 127.5 as the probability > 0.5."""
    return (probability * 255 + 0.5).astype(np.uint8)


def record_of(prediction: Prediction) -> dict[str, Any]:
    """What is known of one picture's result: a :class:`asgnet.apply.output.records.Found`, ready for JSON."""
    from asgnet.apply.output.save import summary

    said = summary(prediction, "")
    return {name: value for name, value in said.items() if name not in ("picture", "mask", "seconds")}


def _each(prediction: Prediction) -> list[Prediction]:
    return list(prediction.by_class.values()) or [prediction]
