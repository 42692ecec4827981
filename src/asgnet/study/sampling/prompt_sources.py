"""What prompts are trained on: the folders of pictures with masks, less what is measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from asgnet.errors import DataError
from asgnet.files import named
from asgnet.study.sampling.windows import Source

WEEDS_HELD_OUT, PARTICLES_HELD_OUT = 3, 2
"""Of their pictures in the order of their names, the last of each 3 and the second of each 2 are measured."""


def prompt_sources(data: Path) -> tuple[Source, ...]:
    """The sources of a folder that holds ``VOC2012``, ``CCP``, ``LabelMeFacade``, ``regions``, ``particles``,
    ``weeds`` and ``worlds``; a tenth of the windows is left to made pictures.

    Raises:
        DataError: one of them is missing.
    """
    voc = data / "VOC2012"
    for folder in ("VOC2012", "CCP", "LabelMeFacade", "regions", "particles", "weeds", "worlds"):
        if not (data / folder).is_dir():
            raise DataError(
                f"{named(data)} has no folder {folder}; it is one of those that prompts are trained on."
            )
    train = (voc / "ImageSets/Segmentation/train.txt").read_text().split()
    return (
        Source(
            tuple((voc / f"JPEGImages/{n}.jpg", voc / f"SegmentationClassAug/{n}.png") for n in train), 0.42
        ),
        Source(_pairs(data / "CCP"), 0.06, whole=False),
        Source(_pairs(data / "LabelMeFacade"), 0.04, whole=False),
        Source(_pairs(data / "regions", "segments"), 0.09, all_values=True, whole=False),
        Source(trained(_pairs(data / "particles", "instances"), PARTICLES_HELD_OUT), 0.07),
        Source(trained(_pairs(data / "weeds"), WEEDS_HELD_OUT), 0.10, least=1000),
        *(Source(_pairs(one), 0.14 / 20) for one in sorted((data / "worlds").iterdir()) if one.is_dir()),
    )


def trained(pairs: Iterable[tuple[Path, Path]], every: int) -> tuple[tuple[Path, Path], ...]:
    """All but each ``every``-th."""
    return tuple(pair for number, pair in enumerate(pairs, 1) if number % every)


def _pairs(folder: Path, masks: str = "masks") -> tuple[tuple[Path, Path], ...]:
    return tuple(
        (picture, folder / masks / f"{picture.stem}.png") for picture in sorted((folder / "images").iterdir())
    )
