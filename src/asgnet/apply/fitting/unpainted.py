"""What nobody painted in the examples: background, or more of the object, as the class itself says.

Two fits disagree about unpainted pixels. One takes all of them for background: it ranks them well, but its level is
too high, for there are objects among its background. The other does without them: its level is right on the whole,
its ranking is poor. Where the first one's ranking is cut so that it agrees best with the second is a first mask; a
third fit, on that mask, gives the masks. No picture but the examples has a part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.scale import USUAL
from asgnet.apply.concept.tensors import decode_inputs
from asgnet.apply.engines.backend import Backend
from asgnet.apply.fitting.class_supports import ClassSupports
from asgnet.apply.fitting.examples import Example, Painted
from asgnet.apply.fitting.partial import partial_ones
from asgnet.apply.fitting.patches import Patch
from asgnet.apply.fitting.support_features import SupportFeatures
from asgnet.apply.inference.working_scale import picture_box
from asgnet.errors import note
from asgnet.imaging.resize import bilinear, nearest
from asgnet.types import IGNORE, Mask, Unpainted

LEVELS = 64
"""So many places are tried at which a ranking may be cut."""
LEAST_GROUND = 0.05
"""Share of the unknown pixels, the least likely ones, that is background in any case."""
Masks = Mapping[int, Mask]
"""Of one class, by the supports' numbers."""


class Filled(NamedTuple):
    """Masks to learn from, and those that say what is known.

    Attributes:
        masks: k masks a class in {0, 1, 255}, None where it is not shown; what was unknown is filled in.
        known: the same before: 255 where it was not known what a pixel is.
        partial: k times, were unknown pixels filled in?
    """

    masks: dict[str, list[Mask | None]]
    known: dict[str, list[Mask | None]]
    partial: list[bool]


def filled(features: SupportFeatures, painted: Painted, unpainted: Sequence[Unpainted], seed: int) -> Filled:
    """Fill in what is unknown.

    Args:
        features: of the k supports.
        painted: k masks a class in {0, 1, 255}, None where it is not shown.
        unpainted: k times what unpainted pixels are. In ``"unknown"`` pictures 255 is filled in; in ``"auto"``
            ones everything that is not painted, if it looks as if more of the object were there.
        seed: of what fitting draws.
    """
    masks, known = ({name: list(own) for name, own in painted.items()} for _ in range(2))
    partial = [False] * len(unpainted)
    for name, own in painted.items():
        shown = {i: mask for i, mask in enumerate(own) if mask is not None}
        for i, (before, after) in _filled_class(features, shown, unpainted, seed).items():
            known[name][i], masks[name][i], partial[i] = before, after, True
    return Filled(masks, known, partial)


def filled_examples(
    backend: Backend,
    examples: Sequence[Example],
    classes: Sequence[str],
    unpainted: Sequence[Unpainted],
    seed: int,
) -> tuple[list[Example], Filled]:
    """Examples with what is unknown filled in, in their windows as in the whole pictures.

    Args:
        backend: of the network.
        examples: as they are kept.
        classes: all of them.
        unpainted: as for :func:`filled`.
        seed: the same.
    """
    features = SupportFeatures(backend, [one.picture for one in examples])
    own = filled(
        features, {name: [one.masks.get(name) for one in examples] for name in classes}, unpainted, seed
    )
    said(own, unpainted)
    new = []
    for i, one in enumerate(examples):
        masks = {name: own.masks[name][i] for name in classes}
        patches = one.patches
        if own.partial[i]:
            patches = {
                name: [_filled_patch(patch, masks[name], one.size) for patch in windows]
                for name, windows in one.patches.items()
            }
        new.append(one._replace(masks=masks, patches=patches))
    return new, own


def _filled_patch(patch: Patch, whole: Mask | None, size: tuple[int, int]) -> Patch:
    """A window filled in as the whole picture is."""
    if whole is None:
        return patch
    top, left, bottom, right = picture_box(patch.box, whole.shape, size)
    inside = nearest(whole[top:bottom, left:right], patch.mask.shape)
    return patch._replace(mask=np.where(patch.mask == 1, 1, inside).astype(np.uint8))


def said(completed_masks: Filled, unpainted: Sequence[Unpainted]) -> None:
    """Say in which pictures it was decided that more of the object is there than is painted."""
    uncertain = [
        i for i, word in enumerate(unpainted, 1) if word == "auto" and completed_masks.partial[i - 1]
    ]
    if uncertain:
        which = f"example{'s' * (len(uncertain) > 1)} {', '.join(map(str, uncertain))}"
        note(
            f"More of the object seems to be unpainted in {which}: there, what is not painted is taken for unknown, "
            "not for background. Paint all of it, or say that unpainted is background."
        )


def _filled_class(
    features: SupportFeatures, shown: Masks, unpainted: Sequence[Unpainted], seed: int
) -> dict[int, tuple[Mask, Mask]]:
    """Of one class's partly painted pictures the mask with 255 where it is unknown, and the one filled in."""
    unknown = {i: mask for i, mask in shown.items() if unpainted[i] == "unknown"}
    auto = {i: _opened(mask) for i, mask in shown.items() if unpainted[i] == "auto"}
    unknown = {i: mask for i, mask in (unknown | auto).items() if (mask == IGNORE).any()}
    if not unknown:
        return {}
    found = completed(features, shown, unknown, seed)
    uncertain = {i: found[i] for i in auto if i in found}
    if uncertain:
        settled = {**shown, **{i: mask for i, mask in found.items() if i not in auto}}

        def probe(masks: Masks) -> dict[int, NDArray[np.float32]]:
            return own_logits(features, {**settled, **masks}, uncertain, seed)

        partial = partial_ones({i: shown[i] for i in uncertain}, uncertain, probe)
        if len(partial) < len(uncertain):  # those that are complete tell the others what background is
            unknown = {i: mask for i, mask in unknown.items() if i not in uncertain or i in partial}
            found = completed(features, shown, unknown, seed) if unknown else {}
    return {i: (unknown[i], found[i]) for i in found}


def completed(features: SupportFeatures, masks: Masks, unknown: Masks, seed: int) -> dict[int, Mask]:
    """One class's masks with unknown pixels, filled in.

    Args:
        features: of all supports.
        masks: ``h w`` in {0, 1, 255}, as painted.
        unknown: those to be filled in, with 255 where it is unknown what a pixel is, anywhere at all.
        seed: of what fitting draws.

    Returns:
        ``unknown`` in {0, 1}.
    """
    known = {**masks, **unknown}
    ground = {i: np.where(mask == IGNORE, 0, mask).astype(np.uint8) for i, mask in unknown.items()}
    ranking = own_logits(features, known | ground, unknown, seed)
    without = own_logits(features, known, unknown, seed)
    level = _agreed_level(ranking, without, unknown)
    first = {i: _cut(mask, ranking[i], level) for i, mask in unknown.items()}
    found = own_logits(features, known | first, unknown, seed)
    return {i: _cut(mask, found[i], 0.0) for i, mask in unknown.items()}


def own_logits(
    features: SupportFeatures, masks: Masks, asked: Masks, seed: int
) -> dict[int, NDArray[np.float32]]:
    """``h w`` each: how a class that was learned from these masks is found in some of the same pictures."""
    examples = [
        Example(picture, {"": masks.get(i)}, (picture.shape[0], picture.shape[1]), {})
        for i, picture in enumerate(features.pictures)
    ]
    fit = ClassSupports(features, examples, "", False, seed).learned(USUAL)
    adaptation = fit.measured.adaptation
    inputs = decode_inputs(fit.statistics, [adaptation])
    found = {}
    for i, mask in asked.items():
        logits = features.backend.decode(features(i), inputs).logits
        found[i] = bilinear(logits, mask.shape)[0] + np.float32(adaptation.shift)
    return found


def _opened(mask: Mask) -> Mask:
    """Nothing is known but the object."""
    return np.where(mask == 1, 1, IGNORE).astype(np.uint8)


def _agreed_level(ranking: Mapping[int, NDArray], without: Mapping[int, NDArray], unknown: Masks) -> float:
    """Where the ranking is cut so that its mask overlaps most with the other fit's; what is painted is in both."""
    scores = np.concatenate([ranking[i][mask == IGNORE] for i, mask in unknown.items()])
    taken = np.concatenate([without[i][mask == IGNORE] > 0 for i, mask in unknown.items()])
    painted = sum(int((mask == 1).sum()) for mask in unknown.values())
    levels = np.quantile(scores, np.linspace(0, 1, LEVELS))
    place = np.searchsorted(levels, scores)  # how many levels lie below
    above, both = (
        np.bincount(place[those], minlength=LEVELS + 1)[:0:-1].cumsum()[::-1]
        for those in (slice(None), taken)
    )
    overlap = (painted + both) / (painted + above + taken.sum() - both)
    return float(levels[overlap.argmax()])


def _cut(mask: Mask, logits: NDArray[np.float32], level: float) -> Mask:
    """Unknown pixels above the level are object, the others background; a part of them always is background."""
    unknown = mask == IGNORE
    least = float(np.quantile(logits[unknown], LEAST_GROUND))
    return np.where(unknown, logits > max(level, least), mask).astype(np.uint8)
