"""Is each example worth its place? Leave-one-out agreement, and what is wrong where it is low.

Every example is segmented by the others. One that they do not find is compared with what would explain it:
a mask inside out, moved, or belonging to another picture. An example alone is tried on an altered view of
itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import AsgnetWarning, SupportError
from asgnet.types import IGNORE, Mask, Picture, Support

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter

GOOD, HARD = 0.6, 0.4
"""IoU from which an example is called good, and below which it is called hard."""

_CLEARER = 0.25
"""By so much IoU a supposed mistake must explain an example better than its mask as it is."""
_SMALL = 0.005
_TWINS = 0.995


@dataclass(frozen=True)
class Finding:
    """What the doctor says of one example.

    Attributes:
        name: the picture.
        usable: it can be read, and something is painted.
        area: share of the picture that is painted, in [0, 1]; None if unusable.
        iou: how well the other examples find it, in [0, 1] (the only one: itself on an altered view).
        wrong: the mask looks inverted, moved or swapped.
        remarks: sentences, the gravest first; empty if all is well.
    """

    name: str
    usable: bool
    area: float | None = None
    iou: float | None = None
    wrong: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``good``, ``fair``, ``hard``, ``wrong`` or ``unusable``."""
        if not self.usable or self.iou is None:
            return "unusable"
        if self.wrong:
            return "wrong"
        return "good" if self.iou >= GOOD else "fair" if self.iou >= HARD else "hard"

    @property
    def words(self) -> str:
        """The finding for a person: a line, and an indented one for each remark."""
        line = f"{self.name}: {self.verdict}"
        if self.area is not None and self.iou is not None:
            line += f" (found with IoU {self.iou:.2f}; painted {self.area:.1%} of the picture)"
        return "\n".join([line, *(f"    {remark}" for remark in self.remarks)])

    @property
    def record(self) -> dict[str, Any]:
        """The finding as plain values for ``json.dumps``."""
        return {**asdict(self), "verdict": self.verdict, "remarks": list(self.remarks)}


@dataclass(frozen=True)
class Diagnosis:
    """All findings in the order of the examples, and the sentence that sums them up."""

    findings: tuple[Finding, ...]
    advice: str

    @property
    def usable(self) -> bool:
        """Every example can be used."""
        return all(finding.usable for finding in self.findings)


def diagnose(segmenter: Segmenter, images: Sequence[Any], masks: Sequence[Any]) -> Diagnosis:
    """Examine examples before relying on them.

    Args:
        segmenter: any Segmenter; it is fitted anew and keeps the last of these fits.
        images: as for ``fit``.
        masks: as for ``fit``, as many.

    Returns:
        One finding an example; unreadable ones are findings, not errors.
    """
    from asgnet.data.masks import read_support
    from asgnet.files import named

    findings: list[Finding] = []
    supports: dict[int, Support] = {}
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        try:
            supports[i] = read_support(image, mask)
            findings.append(Finding(named(image), True, float((supports[i].mask == 1).mean())))
        except SupportError as error:
            findings.append(Finding(named(image), False, remarks=(str(error),)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AsgnetWarning)  # said when the examples were read
        for i, finding in _examined(segmenter, supports).items():
            findings[i] = replace(finding, name=findings[i].name, area=findings[i].area)
    return Diagnosis(tuple(findings), _advice(findings))


def overlap(found: NDArray[np.bool_], mask: Mask) -> float:
    """Intersection over union, pixels of value 255 left out; 1 if both are empty."""
    counted = mask != IGNORE
    found, painted = found & counted, mask == 1
    union = np.count_nonzero(found | painted)
    return float(np.count_nonzero(found & painted) / union) if union else 1.0


def _examined(segmenter: Segmenter, supports: dict[int, Support]) -> dict[int, Finding]:
    """IoU, mistakes and remarks of the readable examples."""
    if not supports:
        return {}
    if len(supports) == 1:
        ((i, support),) = supports.items()
        altered = _altered(support)
        segmenter.fit(support.image, support.mask)
        iou = overlap(segmenter.predict(altered.image).mask, altered.mask)
        return {i: Finding("", True, iou=iou, remarks=tuple(_looks(support)))}
    ious = {}
    for i, support in supports.items():
        others = [s for j, s in supports.items() if j != i]
        segmenter.fit([s.image for s in others], [s.mask for s in others])
        ious[i] = overlap(segmenter.predict(support.image).mask, support.mask)
    mistakes = _mistakes(segmenter, supports, ious)
    findings = {}
    for i, support in supports.items():
        told = [mistakes[i]] if i in mistakes else _looks(support)
        if ious[i] < HARD and not told:
            told = ["The others find little of it: check that the same object is painted, and all of it."]
        twins = [s.name for j, s in supports.items() if j < i and _alike(s.image, support.image)]
        told += [f"Nearly the same picture as {name}: it teaches nothing new." for name in twins]
        findings[i] = Finding("", True, iou=ious[i], wrong=i in mistakes, remarks=tuple(told))
    return findings


def _altered(support: Support) -> Support:
    """Mirrored, darker, and with an eighth of each border cut away unless the object is there."""
    image, mask = support.image[:, ::-1], support.mask[:, ::-1]
    rows, columns = np.nonzero(mask == 1)
    h, w = mask.shape
    top, left = min(h // 8, int(rows.min())), min(w // 8, int(columns.min()))
    bottom, right = max(h - h // 8, int(rows.max()) + 1), max(w - w // 8, int(columns.max()) + 1)
    image = (image[top:bottom, left:right] * 0.8).astype(np.uint8)
    return Support(image, np.ascontiguousarray(mask[top:bottom, left:right]), support.name)


def _looks(support: Support) -> list[str]:
    """What can be said of an example by itself."""
    area = float((support.mask == 1).mean())
    if area < _SMALL:
        return [f"The object covers only {area:.2%} of the picture; crop the picture closer around it."]
    if _hugs_the_frame(support.mask):
        return ["The mask covers most of the picture's border: is it inverted?"]
    return []


def _mistakes(segmenter: Segmenter, supports: dict[int, Support], ious: dict[int, float]) -> dict[int, str]:
    """Per example with a mistake that explains it clearly better than its mask as it is, the sentence."""
    suspects = [i for i in supports if ious[i] < GOOD]
    if not suspects:
        return {}
    found = _segmented_by_each(segmenter, supports)
    told = {i: _mistake(i, supports, found[i]) for i in suspects}
    mistakes = {i: sentence for i, sentence in told.items() if sentence}
    if len(supports) == 2 and len(mistakes) == 2:  # each accuses the other; the frame tells
        framed = [i for i in mistakes if _hugs_the_frame(supports[i].mask)]
        mistakes = {i: mistakes[i] for i in framed} if len(framed) == 1 else mistakes
    return mistakes


def _segmented_by_each(segmenter: Segmenter, supports: dict[int, Support]) -> dict[int, NDArray[np.bool_]]:
    """Per example what most of the others, each on its own, find in it: one bad teacher is outvoted."""
    votes = {i: np.zeros(s.mask.shape, np.int32) for i, s in supports.items()}
    for i, teacher in supports.items():
        segmenter.fit(teacher.image, teacher.mask)
        for j, pupil in supports.items():
            if i != j:
                votes[j] += segmenter.predict(pupil.image).mask
    return {i: vote * 2 > len(supports) - 1 for i, vote in votes.items()}


def _mistake(i: int, supports: dict[int, Support], seen: NDArray[np.bool_]) -> str:
    """The mistake that best explains what the others see, if one clearly does."""
    mask = supports[i].mask
    guesses = [
        (overlap(seen, _inverted(mask)), "The mask looks inverted: background and object are swapped.")
    ]
    (dy, dx), shifted = _best_shift(seen, mask)
    if 0 < max(abs(dy) / mask.shape[0], abs(dx) / mask.shape[1]) < 1 / 3:
        guesses.append((shifted, f"The mask looks moved by ({dx}, {dy}) pixels (right, down)."))
    for j, other in supports.items():
        if j != i and other.mask.shape == mask.shape:
            sentence = f"The mask of {other.name} fits this picture better than its own: swapped?"
            guesses.append((overlap(seen, other.mask), sentence))
    likely, sentence = max(guesses)
    return sentence if likely >= max(0.5, overlap(seen, mask) + _CLEARER) else ""


def _hugs_the_frame(mask: Mask) -> bool:
    frame = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool((frame == 1).mean() > 0.8)


def _inverted(mask: Mask) -> Mask:
    return np.where(mask == IGNORE, IGNORE, 1 - mask.clip(max=1)).astype(np.uint8)


def _best_shift(found: NDArray[np.bool_], mask: Mask) -> tuple[tuple[int, int], float]:
    """By how many pixels (down, right) the mask stands away from what was found, and the IoU without that."""
    step = max(1, max(mask.shape) // 128)
    a, b = found[::step, ::step].astype(float), (mask == 1)[::step, ::step].astype(float)
    size = [2 * n for n in a.shape]
    correlation = np.fft.irfft2(np.fft.rfft2(b, size) * np.fft.rfft2(a, size).conj(), size)
    down, right = np.unravel_index(int(correlation.argmax()), correlation.shape)
    dy = int(down if down < a.shape[0] else down - size[0]) * step
    dx = int(right if right < a.shape[1] else right - size[1]) * step
    back = np.zeros_like(mask)
    h, w = mask.shape
    rows = slice(max(dy, 0), min(h + dy, h)), slice(max(-dy, 0), min(h - dy, h))
    columns = slice(max(dx, 0), min(w + dx, w)), slice(max(-dx, 0), min(w - dx, w))
    back[rows[1], columns[1]] = mask[rows[0], columns[0]]
    return (dy, dx), overlap(found, back)


def _alike(one: Picture, two: Picture) -> bool:
    """The two pictures are the same scene from the same place, whatever size and exposure."""
    a, b = _thumbnail(one), _thumbnail(two)
    return float(a @ b) > _TWINS


def _thumbnail(image: Picture) -> NDArray[np.float64]:
    from PIL import Image

    small = np.asarray(Image.fromarray(image).convert("L").resize((24, 24), Image.Resampling.BOX), float)
    small = small.ravel() - small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-9)


def _advice(findings: Sequence[Finding]) -> str:
    """One sentence: what to do next."""

    def names(*verdicts: str) -> str:
        return ", ".join(f.name for f in findings if f.verdict in verdicts)

    if names("unusable", "wrong"):
        return f"Mend or leave out {names('unusable', 'wrong')}."
    if names("hard"):
        return f"Check {names('hard')}: a right mask there adds variety, a wrong one harms."
    if len(findings) == 1:
        return "The example finds itself in an altered view; a second one would show more."
    if names("fair"):
        weakest = min(findings, key=lambda f: f.iou or 0.0)
        return f"The examples work; more like {weakest.name}, the least well found, would help most."
    return "All examples agree."
