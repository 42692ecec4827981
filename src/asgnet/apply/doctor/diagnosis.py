"""Is each example worth its place? Its leave-one-out IoU, and what is wrong where that is low.

Every example is segmented by the others. Masks that are inverted, moved or swapped are told by how the
examples find each other (:mod:`asgnet.apply.doctor.mistakes`). An example alone is tried on an altered view of
itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.doctor.checks import altered, confusion, repetitions, shrunk
from asgnet.apply.doctor.correlation import LogOdds, on_small_grid
from asgnet.apply.doctor.findings import Diagnosis, Examined, Finding, advice
from asgnet.apply.doctor.look_alikes import counts, fit_partly
from asgnet.apply.doctor.mistakes import Mistake, find_mistakes
from asgnet.apply.doctor.quality import expected
from asgnet.apply.doctor.remarks import describe_mistake, remarks_on, remarks_on_more
from asgnet.apply.examples.read import ONE_CLASS, absent, check_numbers, listed
from asgnet.apply.examples.unpainted import stated, three_valued
from asgnet.apply.fitting.cross_predict import cross_predict
from asgnet.errors import AsgnetWarning, SupportError, UsageError
from asgnet.imaging.iou import iou
from asgnet.types import Mask, Support, Unpainted

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter

_FOLDS = 10
"""At most so many models are fitted for the leave-one-out IoU."""
_QUERIES = 8
"""Each example alone is tried on at most so many others."""


def diagnose(
    segmenter: Segmenter,
    images: Any = None,
    masks: Any = None,
    unpainted: Unpainted | Sequence[Unpainted] = "background",
    background: Any = None,
) -> Diagnosis:
    """Examine examples before relying on them.

    Args:
        segmenter: any Segmenter; what it was fitted on stays as it is.
        images: as for ``fit``; by default the examples of the last fit.
        masks: as for ``fit``, as many; for several classes ``{name: masks}``.
        unpainted: as for ``fit``. Examples are only tried where it is known what a pixel is, and not for
            inverted, moved and swapped masks if any is unknown.
        background: as for ``fit``.

    Returns:
        One finding an example; unreadable ones are findings, not errors.

    Raises:
        UsageError: there is no example, or numbers of pictures and masks differ.
    """
    if images is None:
        images, masks = [s.image for s in segmenter.supports], [s.mask for s in segmenter.supports]
    twin, images = segmenter.with_feature_cache(), listed(images, "pictures")
    if not images:
        raise UsageError("There are no examples to examine: give images and masks, or call fit first.")
    by_class = masks if isinstance(masks, Mapping) else {ONE_CLASS: masks}
    each = {name: listed(own, f"masks of {name}") for name, own in by_class.items()}
    for name, painted in each.items():
        check_numbers(images, painted, name)
    words = stated(unpainted, len(images))
    grounds = [None] * len(images) if background is None else listed(background, "masks of background")
    check_numbers(images, grounds, "background")
    partly = list(zip(words, grounds, strict=True))
    if not isinstance(masks, Mapping):
        return _of_one_class(twin, images, each[ONE_CLASS], partly)
    parts = []
    for label, painted in each.items():
        shown = [i for i, mask in enumerate(painted) if not absent(mask)]
        part = _of_one_class(
            twin, [images[i] for i in shown], [painted[i] for i in shown], [partly[i] for i in shown]
        )
        parts.append(replace(part, findings=tuple(replace(f, label=str(label)) for f in part.findings)))
    return _joined(parts)


def cross_predicted(
    segmenter: Segmenter,
    supports: Sequence[Support],
    wrong: Set[int] = frozenset(),
    unpainted: Sequence[Unpainted] = (),
) -> list[tuple[Support, NDArray[np.bool_]]]:
    """Every example with the mask that the others find in it; a single one in an altered view.

    Args:
        segmenter: fitted anew, several times.
        supports: the examples, at least one.
        wrong: numbers of those that teach the others nothing, unless there are no others.
        unpainted: what their unpainted pixels are; empty: background.
    """
    words = unpainted or ["background"] * len(supports)

    def fit(others: Sequence[int]) -> Segmenter:
        used = [i for i in others if i not in wrong] or others
        fit_partly(segmenter, [supports[i] for i in used], [words[i] for i in used])
        return segmenter

    if len(supports) == 1:
        view = altered(supports[0])
        return [(view, fit([0]).predict(view.image).mask)]
    found = cross_predict(len(supports), fit, lambda model, i: model.predict(supports[i].image).mask, _FOLDS)
    return list(zip(supports, found, strict=True))


def log_odds(segmenter: Segmenter, query: Support) -> LogOdds:
    """Log odds of the object in a picture, on the small grid of :mod:`asgnet.apply.doctor.correlation`."""
    probability = on_small_grid(segmenter.predict(query.image).probability).clip(0.005, 0.995)
    return np.log(probability / (1 - probability))


Partly = tuple[Unpainted, Any]
"""What an example's unpainted pixels are, and where its background is painted."""


def _of_one_class(
    segmenter: Segmenter, images: Sequence[Any], masks: Sequence[Any], partly: Sequence[Partly]
) -> Diagnosis:
    read = [_read(*one, i) for i, one in enumerate(zip(images, masks, partly, strict=True), 1)]
    findings = [finding for finding, _, _ in read]
    positions = [i for i, (_, support, _) in enumerate(read) if support is not None]
    supports = [shrunk(support) for _, support, _ in read if support is not None]
    words = [word for _, support, word in read if support is not None]
    complete = set(words) <= {"background"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AsgnetWarning)  # said when the examples were read
        mistakes = _mistakes(segmenter, supports) if len(supports) > 1 and complete else {}
        tested = cross_predicted(segmenter, supports, set(mistakes), words) if supports else []
        more = counts(segmenter, supports, words) if supports else []
    repeated = repetitions(supports)
    examined = []
    for i, (position, (view, found)) in enumerate(zip(positions, tested, strict=True)):
        wrong = i in mistakes
        said = [describe_mistake(mistakes[i], supports)] if wrong else remarks_on(supports[i], view, found)
        missed, spilled = confusion(found, view.mask)
        findings[position] = replace(
            findings[position],
            iou=iou(found, view.mask),
            wrong=wrong,
            remarks=(*said, *remarks_on_more(more[i]), *repeated[i]),
            more=more[i],
            missed=missed,
            spilled=spilled,
        )
        examined.append(Examined(view, found, position))
    ious = [f.iou for f in findings if f.iou is not None and not f.wrong]
    return Diagnosis(tuple(findings), advice(findings), expected(ious) if ious else None, tuple(examined))


def _read(image: Any, mask: Any, partly: Partly, number: int) -> tuple[Finding, Support | None, Unpainted]:
    """The example as far as it can be read, what reading it shows, and what its unpainted pixels are."""
    from asgnet.data.read import read_mask, read_support
    from asgnet.files import named

    given = isinstance(image, np.ndarray) or hasattr(image, "convert")
    name = f"example {number}" if given else named(image)
    word, given_ground = partly
    try:
        support = read_support(image, mask, name=name)
        ground = None if absent(given_ground) else read_mask(given_ground, support.mask.shape) == 1
        (known,), word = three_valued([support.mask], ground, word, name)
    except SupportError as error:
        return Finding(name, False, remarks=(str(error),)), None, word
    assert known is not None
    return Finding(name, True, float((known == 1).mean())), replace(support, mask=known), word


def _joined(parts: Sequence[Diagnosis]) -> Diagnosis:
    """Several classes' diagnoses as one."""
    findings: list[Finding] = []
    examined: list[Examined] = []
    for part in parts:
        examined += [replace(one, finding=one.finding + len(findings)) for one in part.examined]
        findings += part.findings
    worst = min((p.expected for p in parts if p.expected), key=lambda e: e.iou, default=None)
    return Diagnosis(tuple(findings), advice(findings), worst, tuple(examined))


def _mistakes(segmenter: Segmenter, supports: Sequence[Support]) -> dict[int, Mistake]:
    """Inverted, moved and swapped masks, by the examples' numbers."""

    def predict_others(support: int, mask: Mask) -> dict[int, LogOdds]:
        segmenter.fit(supports[support].image, mask)
        queries = [(support + step) % len(supports) for step in range(1, min(len(supports), _QUERIES + 1))]
        return {query: log_odds(segmenter, supports[query]) for query in queries}

    return find_mistakes([s.mask for s in supports], predict_others)
