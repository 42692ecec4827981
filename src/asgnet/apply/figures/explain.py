"""One picture that explains a prediction: supports, superpixels, guide map, probability map, mask.

The colours are the argument: a superpixel of the painted object and the pixels of the new picture that chose
its prototype have the same colour (paper figure 2 and figure 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from asgnet.imaging import drawing, sheet
from asgnet.imaging.colours import colours, heat
from asgnet.imaging.resize import nearest, resized
from asgnet.types import Picture, Prediction

if TYPE_CHECKING:
    from asgnet.apply.concept.file import Concept
    from asgnet.types import Support

SHOWN = 4
"""At most this many supports are drawn; the caption says how many there are."""


class Fitted(Protocol):
    """What an explanation needs of a fitted Segmenter."""

    @property
    def supports(self) -> Sequence[Support]:
        """The painted examples; empty if only a Concept was loaded."""

    @property
    def concept(self) -> Concept | None:
        """What fitting made of them."""

    def superpixels(self) -> Sequence[NDArray[np.int32]]:
        """Per support ``h w``: −1 outside the object, else the index of its prototype."""


def explain(segmenter: Fitted, image: Picture, prediction: Prediction, cell: int = 460) -> Picture:
    """Draw how a prediction came about, from the painted supports to the mask.

    Args:
        segmenter: the fitted Segmenter that predicted.
        image: ``h w 3`` uint8, the picture that was segmented.
        prediction: what the segmenter found in it.
        cell: width of one panel in pixels.

    Returns:
        ``H W 3`` uint8: two rows of three panels, the second from the new picture; without the first two
        panels if the segmenter has a loaded Concept and therefore no supports to show.
    """
    return sheet.rows_of(explaining_rows(segmenter, image, prediction, cell))


def explaining_rows(
    segmenter: Fitted, image: Picture, prediction: Prediction, cell: int = 460
) -> list[list[Picture]]:
    """The panels of :func:`explain`, row by row, to be put on a page of one's own."""
    maps = list(segmenter.superpixels()) if segmenter.supports else []
    first_class = prediction.by_class.get(prediction.classes[0], prediction)
    parts, guide = numbered(maps, first_class.guide, segmenter.concept)
    known = max(int(m.max(initial=-1)) for m in [*parts, guide]) + 1
    low = sheet.natural_height([image], cell)
    high = max(low, sheet.natural_height([s.image for s in segmenter.supports[:SHOWN]], cell))
    shape = sheet.fitted(image.shape, cell, low)
    small, found = resized(image, shape), nearest(first_class.mask > 0, shape)
    guide = drawing.rounded(nearest(guide, shape))
    probability = nearest(first_class.probability, shape)

    def framed(tile: Picture) -> Picture:
        return sheet.mosaic([tile], cell, low)

    first = support_panels(segmenter.supports, parts, known, cell, high) if parts else []
    number = len(first)
    shown = sheet.mosaic([small], cell, high if first else low)
    query = sheet.panel(shown, f"{number + 1}  A new picture", "Nobody painted anything here.")
    choice = sheet.panel(
        framed(drawing.coloured(guide, small, found)),
        f"{number + 2}  Each pixel picks its prototype",
        "The guide map: every pixel takes the colour of the part it resembles most, in full colour where the "
        "object was found. The bar shows how many percent of it chose each part.",
        sheet.share_bar(_shares(guide[found], known), cell),
    )
    likely = sheet.panel(
        framed(heat(probability)),
        f"{number + 3}  How sure it is",
        "The probability map: bright pixels belong to the object, dark ones do not.",
        sheet.heat_bar(cell),
        ("0  surely not", "surely  1"),
    )
    result = sheet.panel(
        framed(_lit(small, nearest(prediction.mask, shape))),
        f"{number + 4}  The result",
        verdict(prediction),
    )
    return [[*first, query], [choice, likely, result]] if first else [[query, choice], [likely, result]]


def support_panels(
    supports: Sequence[Support], maps: Sequence[NDArray[np.int32]], known: int, cell: int, height: int
) -> list[Picture]:
    """Two panels: the painted supports, and their superpixels in the prototypes' colours."""
    painted, pieces = [], []
    for support, labels in zip(supports[:SHOWN], maps[:SHOWN], strict=True):
        shape = sheet.fitted(support.image.shape, cell, height)
        small = resized(support.image, shape)
        painted.append(drawing.outlined(small, nearest(support.mask, shape) == 1))
        labels = drawing.rounded(nearest(labels, shape))
        pieces.append(drawing.coloured(labels, small, labels >= 0))
    shots, more = len(supports), len(supports) - SHOWN
    told = "You paint the object once." if shots == 1 else f"You paint the object in {shots} pictures."
    told += f" (The first {SHOWN} are shown.)" if more > 0 else ""
    all_labels = np.concatenate([m.ravel() for m in maps])
    parts = "part" if known == 1 else "parts"
    return [
        sheet.panel(sheet.mosaic(painted, cell, height), f"1  The painted example{'s' * (shots > 1)}", told),
        sheet.panel(
            sheet.mosaic(pieces, cell, height),
            f"2  Superpixels: {known} {parts}",
            "Pixels that look alike to the network and lie together form one part; each part is "
            "remembered as one prototype. The bar shows how many percent of the object each part is.",
            sheet.share_bar(_shares(all_labels[all_labels >= 0], known), cell),
        ),
    ]


def numbered(
    maps: Sequence[NDArray[np.int32]], guide: NDArray[np.int32], concept: Concept | None
) -> tuple[list[NDArray[np.int32]], NDArray[np.int32]]:
    """Superpixels and guide map numbered alike, 0, 1 … without gaps.

    A prototype that no support shows (of a mirrored view, say) counts as the most similar one that is shown.
    """
    shown = np.unique(np.concatenate([m.ravel() for m in maps])) if maps else np.unique(guide)
    shown = shown[shown >= 0]
    number = np.zeros(1 + max([int(guide.max(initial=0)), int(shown.max(initial=0))]), np.int32)
    number[shown] = np.arange(len(shown))
    hidden = np.setdiff1d(np.unique(guide), shown)
    if len(hidden) and len(shown) and concept is not None:
        prototypes = concept.tensors["object"][0]  # n c
        similar = prototypes[hidden] @ prototypes[shown].T
        number[hidden] = similar.argmax(axis=1)
    return [np.where(m >= 0, number[np.maximum(m, 0)], -1) for m in maps], number[guide]


def _lit(image: Picture, mask: NDArray) -> Picture:
    """The found object in its own colours; several classes each in a tint of its own."""
    lit = drawing.spotlight(image, mask > 0)
    if mask.dtype == bool or mask.max(initial=0) < 2:
        return lit
    for index, colour in enumerate(colours(int(mask.max())), 1):
        lit = drawing.outlined(lit, mask == index, colour.tolist())
    return lit


def _shares(labels: NDArray[np.integer], known: int) -> NDArray[np.float64]:
    """Which share of the labels each of the ``known`` prototypes has; all 0 without labels."""
    counts = np.bincount(labels[labels >= 0], minlength=known).astype(float)
    return counts / max(counts.sum(), 1)


def verdict(prediction: Prediction) -> str:
    """The result in words."""
    sure = f"Presence {prediction.presence:.2f} (1: surely there, 0: surely not)."
    if prediction.presence < 0.5 and (prediction.mask > 0).any():
        sure += " So what was found here is probably not the object."
    if not (prediction.mask > 0).any():
        return f"Nothing was found. {sure}"
    if len(prediction.classes) == 1:
        return f"The mask covers {(prediction.mask > 0).mean():.0%} of the picture. {sure}"
    shares = [f"{name} {(prediction.mask == i).mean():.0%}" for i, name in enumerate(prediction.classes, 1)]
    return f"Of the picture: {', '.join(shares)}. {sure} Panels before: {prediction.classes[0]}."
