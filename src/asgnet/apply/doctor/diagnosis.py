"""Is each example worth its place? Leave-one-out agreement, and what is wrong where it is low.

Every example is segmented by the others. Masks that are inverted, moved or swapped are told by how the
examples find each other (:mod:`asgnet.apply.doctor.mistakes`). An example alone is tried on an altered view of
itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.doctor.checks import altered, confusion, looks, shrunk, twins, where
from asgnet.apply.doctor.mistakes import Field, Mistake, find_mistakes, on_small_grid
from asgnet.apply.doctor.quality import Expected, expected
from asgnet.apply.examples.read import ONE_CLASS, absent, check_numbers, listed
from asgnet.errors import AsgnetWarning, SupportError, UsageError
from asgnet.imaging.iou import iou
from asgnet.types import Mask, Support

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter

GOOD, HARD = 0.6, 0.4
"""IoU from which an example is called good, and below which it is called hard."""

_FOLDS = 10
"""Examples are left out one by one, or in this many groups if they are more."""
_PUPILS = 8
"""Each example alone teaches at most so many others."""
_MUCH = 0.15
"""Share of the object from which what was missed, or wrongly taken, is worth a remark."""


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
        missed: share of the object that the others take for background, in [0, 1].
        spilled: background that the others take for the object, as a share of the object's area.
        label: the class, where there are several.
    """

    name: str
    usable: bool
    area: float | None = None
    iou: float | None = None
    wrong: bool = False
    remarks: tuple[str, ...] = ()
    missed: float | None = None
    spilled: float | None = None
    label: str = ""

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
        of = f" ({self.label})" if self.label else ""
        line = f"{self.name}{of}: {self.verdict}"
        if self.area is not None and self.iou is not None:
            line += f" (found with IoU {self.iou:.2f}; painted {self.area:.1%} of the picture)"
        return "\n".join([line, *(f"    {remark}" for remark in self.remarks)])

    @property
    def record(self) -> dict[str, Any]:
        """The finding as plain values for ``json.dumps``."""
        return {**asdict(self), "verdict": self.verdict, "remarks": list(self.remarks)}


@dataclass(frozen=True)
class Seen:
    """An example as it was examined, for a figure: at most 1,024 pixels wide.

    Attributes:
        support: as read, or as altered if it is the only one.
        found: ``h w`` bool, what the others found in it.
        finding: its position among the findings.
    """

    support: Support
    found: NDArray[np.bool_]
    finding: int


@dataclass(frozen=True)
class Diagnosis:
    """All findings in the order of the examples, and the sentence that sums them up.

    Attributes:
        findings: one an example; of several classes one after the other.
        advice: what to do next.
        expected: quality on new pictures with the examples that are not wrong, None without any; of several
            classes the worst.
        seen: the readable examples and what was found in them.
    """

    findings: tuple[Finding, ...]
    advice: str
    expected: Expected | None = None
    seen: tuple[Seen, ...] = ()

    @property
    def usable(self) -> bool:
        """Every example can be used."""
        return all(finding.usable for finding in self.findings)


def diagnose(segmenter: Segmenter, images: Any, masks: Any) -> Diagnosis:
    """Examine examples before relying on them.

    Args:
        segmenter: any Segmenter; what it was fitted on stays as it is.
        images: as for ``fit``.
        masks: as for ``fit``, as many; for several classes ``{name: masks}``.

    Returns:
        One finding an example; unreadable ones are findings, not errors.

    Raises:
        UsageError: there is no example, or numbers of pictures and masks differ.
    """
    from asgnet.apply.engines.feature_cache import remembering

    twin, images = remembering(segmenter), listed(images, "pictures")
    if not images:
        raise UsageError("There are no examples to examine: give images and masks, or call fit first.")
    named = masks if isinstance(masks, Mapping) else {ONE_CLASS: masks}
    each = {name: listed(own, f"masks of {name}") for name, own in named.items()}
    for name, painted in each.items():
        check_numbers(images, painted, name)
    if not isinstance(masks, Mapping):
        return _of_one_class(twin, images, each[ONE_CLASS])
    parts = []
    for label, painted in each.items():
        shown = [i for i, mask in enumerate(painted) if not absent(mask)]
        part = _of_one_class(twin, [images[i] for i in shown], [painted[i] for i in shown])
        parts.append(replace(part, findings=tuple(replace(f, label=str(label)) for f in part.findings)))
    return _joined(parts)


def _of_one_class(segmenter: Segmenter, images: Sequence[Any], masks: Sequence[Any]) -> Diagnosis:
    from asgnet.data.read import read_support
    from asgnet.files import named

    findings: list[Finding] = []
    supports: dict[int, Support] = {}
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        given = isinstance(image, np.ndarray) or hasattr(image, "convert")
        name = f"example {i + 1}" if given else named(image)
        try:
            support = read_support(image, mask, name=name)
        except SupportError as error:
            findings.append(Finding(name, False, remarks=(str(error),)))
            continue
        findings.append(Finding(name, True, float((support.mask == 1).mean())))
        supports[i] = shrunk(support)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AsgnetWarning)  # said when the examples were read
        mistakes = _mistakes(segmenter, supports) if len(supports) > 1 else {}
        seen = _left_out(segmenter, supports, set(mistakes)) if supports else []
    repeated = twins(supports)
    for one in seen:
        i = one.finding
        told = _remarks(one, mistakes.get(i), supports, [] if len(supports) == 1 else repeated.get(i, []))
        missed, spilled = confusion(one.found, one.support.mask)
        findings[i] = replace(
            findings[i],
            iou=iou(one.found, one.support.mask),
            wrong=i in mistakes,
            remarks=tuple(told),
            missed=missed,
            spilled=spilled,
        )
    ious = [f.iou for f in findings if f.iou is not None and not f.wrong]
    return Diagnosis(tuple(findings), _advice(findings), expected(ious) if ious else None, tuple(seen))


def _joined(parts: Sequence[Diagnosis]) -> Diagnosis:
    """Several classes' diagnoses as one."""
    findings = tuple(f for part in parts for f in part.findings)
    worst = min((p.expected for p in parts if p.expected), key=lambda e: e.iou, default=None)
    seen, start = [], 0
    for part in parts:
        seen += [replace(one, finding=one.finding + start) for one in part.seen]
        start += len(part.findings)
    return Diagnosis(findings, _advice(findings), worst, tuple(seen))


def _left_out(segmenter: Segmenter, supports: dict[int, Support], wrong: Set[int]) -> list[Seen]:
    """Every example as the others find it, without those that are wrong; a single one in an altered view."""
    if len(supports) == 1:
        ((i, support),) = supports.items()
        other = altered(support)
        segmenter.fit(support.image, support.mask)
        return [Seen(other, segmenter.predict(other.image).mask, i)]
    order = list(supports)
    folds = min(len(order), _FOLDS)
    seen = {}
    for fold in range(folds):
        tested = order[fold::folds]
        others = [supports[i] for i in order if i not in wrong and i not in tested]
        others = others or [supports[i] for i in order if i not in tested]
        segmenter.fit([s.image for s in others], [s.mask for s in others])
        for i in tested:
            seen[i] = Seen(supports[i], segmenter.predict(supports[i].image).mask, i)
    return [seen[i] for i in order]


def _mistakes(segmenter: Segmenter, supports: dict[int, Support]) -> dict[int, Mistake]:
    """Inverted, moved and swapped masks, by the examples' positions."""
    order = list(supports)

    def testify(teacher: int, mask: Mask) -> dict[int, Field]:
        segmenter.fit(supports[order[teacher]].image, mask)
        pupils = [(teacher + step) % len(order) for step in range(1, min(len(order), _PUPILS + 1))]
        return {p: _field(segmenter, supports[order[p]]) for p in pupils}

    found = find_mistakes([supports[i].mask for i in order], testify)
    return {
        order[i]: replace(m, partner=None if m.partner is None else order[m.partner])
        for i, m in found.items()
    }


def _field(segmenter: Segmenter, pupil: Support) -> Field:
    """Log odds of the object on the small grid."""
    probability = on_small_grid(segmenter.predict(pupil.image).probability).clip(0.005, 0.995)
    return np.log(probability / (1 - probability))


def _remarks(
    one: Seen, mistake: Mistake | None, supports: Mapping[int, Support], repeated: Sequence[str]
) -> list[str]:
    support = supports[one.finding]
    if mistake is not None:
        return [_accused(mistake, support, supports), *repeated]
    told = looks(support)
    found, mask = one.found, one.support.mask
    if iou(found, mask) < HARD and not told:
        told.append("The others find little of it: check that the same object is painted, and all of it.")
    missed, spilled = confusion(found, mask)
    if missed > _MUCH:
        place = where((mask == 1) & ~found, mask == 1)
        told.append(f"{missed:.0%} of the object is taken for background, mostly {place}.")
    if spilled > _MUCH:
        place = where((mask == 0) & found, mask == 1)
        told.append(f"Background is taken for the object ({spilled:.0%} of its area), mostly {place}.")
    return [*told, *repeated]


def _accused(mistake: Mistake, support: Support, supports: Mapping[int, Support]) -> str:
    """The mistake in words."""
    if mistake.kind == "inverted":
        return "The mask looks inverted: background and object are swapped."
    if mistake.partner is not None:
        other = supports[mistake.partner].name
        return f"The mask of {other} fits this picture better than its own: swapped?"
    down, right = mistake.shift
    sides = [f"{abs(right):.0%} to the {'right' if right > 0 else 'left'}"] if round(right, 2) else []
    sides += [f"{abs(down):.0%} {'down' if down > 0 else 'up'}"] if round(down, 2) else []
    return f"The mask looks moved by about {' and '.join(sides)} (of the picture's width and height)."


def _advice(findings: Sequence[Finding]) -> str:
    """One sentence: what to do next."""

    def names(*verdicts: str) -> str:
        return ", ".join(dict.fromkeys(f.name for f in findings if f.verdict in verdicts))

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
