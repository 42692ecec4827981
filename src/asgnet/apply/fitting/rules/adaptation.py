"""What fitting measures on the supports: whose opinion to trust, and how far.

Three opinions exist about a picture: the decoder's with appearance (it knows objects in photographs), the
decoder's without, and the fine readout's (it knows pixels). They are asked about supports that they have not
learnt from, and overlap with the painted masks decides between the first two, and how much of the third to
mix in. With a single support nothing can be left out: appearance is trusted, and pixels count where what was
painted is of the same kind as what surrounds it, as a crack is and a cow is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.apply.concept.adaptation import Adaptation, is_thin
from asgnet.apply.concept.tensors import decode_inputs
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Features
from asgnet.apply.fitting.cross_predict import cross_predict
from asgnet.apply.fitting.patches import Patch
from asgnet.apply.fitting.rules.prior import asked_of_presence, kinship, shifted
from asgnet.apply.inference.edges import follow_edges
from asgnet.imaging.iou import iou, overlap
from asgnet.imaging.resize import bilinear
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.pooling import PooledStatistics, pixel_head, pooled
from asgnet.model.default.support import SupportStatistics
from asgnet.types import Box, Mask, Picture


class Measured(NamedTuple):
    """What was measured on one class's supports.

    Attributes:
        adaptation: with what follows from it.
        agreement: mean overlap of left-out supports with what is found in them by that adaptation; 0 where
            none was left out.
        without_windows: of supports that are seen in windows the same, by the view of the whole picture alone.
    """

    adaptation: Adaptation
    agreement: float
    without_windows: float = 0.0


class Seen(NamedTuple):
    """A support, as it is seen.

    Attributes:
        features: of the one view of the whole picture.
        picture, mask: as they are kept.
        size: ``(h, w)`` of the picture itself.
        patches: its windows with their features; none if one view is all.
        context: how much the one view counts beside windows.
        around: ``h w``, the logits of the one view beside the windows, by what the other supports teach.
    """

    features: Features
    picture: Picture
    mask: Mask
    size: tuple[int, int]
    patches: tuple[tuple[Patch, Features], ...] = ()
    context: float = 1.0
    around: NDArray[np.float32] | None = None


def adapt_to_supports(
    backend: Backend,
    groups: Sequence[Sequence[SupportStatistics]],
    statistics: PooledStatistics,
    examples: Sequence[Seen],
    enabled: bool = True,
) -> Measured:
    """Fit the fine readout and measure whom to trust.

    Args:
        backend: of the network.
        groups: statistics of each of k pictures, and of its windows.
        statistics: those of all of them, pooled.
        examples: the supports.
        enabled: False: the prior's numbers, the readout has no share.
    """
    numbers = backend.numbers
    weights, bias = pixel_head([one for group in groups for one in group], numbers.pixel_penalty)
    trust, share, agreement, without = 1.0, 0.0, 0.0, 0.0
    similarity = float(statistics.kinds[0, 0] @ statistics.kinds[0, 1])
    alike = kinship(similarity, numbers)
    if enabled and len(groups) > 1:
        (appearance, plain), whole = _left_out(backend, groups, examples, similarity)
        # Mixing the two, at any ratio, was no better than the one that leads, and takes twice the time.
        trust = float(plain[0] - appearance[0] < numbers.appearance_margin)
        credit = numbers.prior_bonus * alike / len(groups) * np.array(numbers.fusion_weights)
        overlaps = appearance if trust else plain
        best = int((overlaps + credit).argmax())
        share, agreement, without = numbers.fusion_weights[best], float(overlaps[best]), float(whole.max())
    elif enabled:
        # What readout and decoder reach on other pixels of that support foretold nothing about other pictures.
        share = numbers.single_fusion_weight * alike
    doubt = asked_of_presence(len(groups), numbers)
    shift = shifted(share, numbers, any(one.patches for one in examples))
    adaptation = Adaptation(trust, share, weights[0], float(bias[0]), shift, doubt)
    return Measured(adaptation, agreement, without)


def _left_out(
    backend: Backend,
    groups: Sequence[Sequence[SupportStatistics]],
    examples: Sequence[Seen],
    similarity: float,
) -> NDArray[np.float64]:
    """Mean overlap with supports that were not learnt from: ``2 2 s``, of the decoder with appearance and
    without it, mixed with each of the fusion weights; as supports are seen, and without their windows.
    """
    numbers = backend.numbers

    def fit(others: Sequence[int]) -> dict[str, NDArray]:
        chosen = [one for i in others for one in groups[i]]
        weights, bias = pixel_head(chosen, backend.numbers.pixel_penalty)
        both = [Adaptation(trust, 0.0, weights[0], float(bias[0])) for trust in (1.0, 0.0)]
        statistics = pooled(chosen, backend.network.levels, backend.numbers, len(others))
        twice = {name: np.repeat(array, 2, 0) for name, array in statistics._asdict().items()}
        return decode_inputs(statistics._replace(**twice), both)

    windows = any(one.patches for one in examples)

    def mixed(features: Features, inputs: dict[str, NDArray]) -> NDArray[np.float32]:
        """``2s h w``."""
        decoded = backend.decode(features, inputs)
        every = [
            (1 - share) * logits
            + share * numbers.pixel_gain * decoded.scores[0]
            + shifted(share, numbers, windows)
            for logits in decoded.logits
            for share in numbers.fusion_weights
        ]
        return np.stack(every)

    def overlaps(inputs: dict[str, NDArray], i: int) -> list[list[float]]:
        seen = examples[i]
        if not seen.patches or seen.around is None:
            logits = mixed(seen.features, inputs)
            found = [iou(m, seen.mask) for m in _drawn(logits, seen.picture, similarity, numbers)]
            return [found, found]
        both, each = [], 2 * len(numbers.fusion_weights)
        for patch, features in seen.patches:
            around = _part(np.stack([seen.around] * each), patch.box, seen.size, patch.mask.shape)
            own = bilinear(mixed(features, inputs), around.shape[-2:])
            fused = (1 - seen.context) * own + seen.context * around
            both.append(
                [
                    [overlap(m, patch.mask)[:2] for m in _drawn(one, patch.picture, similarity, numbers)]
                    for one in (fused, around)
                ]
            )
        inside, either = np.sum(both, axis=0).transpose(2, 0, 1)  # 2 2s each
        return (inside / np.maximum(either, 1)).tolist()

    found = cross_predict(len(groups), fit, overlaps, numbers.folds)
    return np.mean(found, axis=0).reshape(2, 2, len(numbers.fusion_weights))


def left_out_logits(
    backend: Backend, supports: Sequence[SupportStatistics], examples: Sequence[Seen], adaptation: Adaptation
) -> list[NDArray[np.float32]]:
    """``h w`` of each support's one view, by what the others teach, combined and shifted as adapted."""
    numbers = backend.numbers

    def fit(others: Sequence[int]) -> dict[str, NDArray]:
        chosen = [supports[i] for i in others]
        weights, bias = pixel_head(chosen, numbers.pixel_penalty)
        own = replace(adaptation, weights=weights[0], bias=float(bias[0]))
        return decode_inputs(pooled(chosen, backend.network.levels, numbers), [own])

    def logits(inputs: dict[str, NDArray], i: int) -> NDArray[np.float32]:
        return backend.decode(examples[i].features, inputs).logits[0] + np.float32(adaptation.shift)

    return cross_predict(len(supports), fit, logits, numbers.folds)


def _part(
    logits: NDArray[np.float32], box: Box, size: Sequence[int], to: Sequence[int]
) -> NDArray[np.float32]:
    """Logits ``n h w`` of a whole picture -> half as many cells as the window in that box has pixels."""
    height, width = to[0] // 2, to[1] // 2
    (top, left, bottom, right), (h, w) = box, logits.shape[-2:]
    inside = (left * w / size[1], top * h / size[0], right * w / size[1], bottom * h / size[0])
    parts = [
        Image.fromarray(np.ascontiguousarray(one)).resize(
            (width, height), Image.Resampling.BILINEAR, box=inside
        )
        for one in logits
    ]
    return np.stack([np.asarray(part, np.float32) for part in parts])


def _drawn(
    logits: NDArray[np.float32], picture: Picture, similarity: float, numbers: Calibration
) -> NDArray[np.bool_]:
    """Masks ``2s H W`` of logits ``2s h w``: along the picture's edges if one of the mixtures may be of fine
    things, for a line of a pixel is nothing before it follows them. Of others that was found worse.
    """
    fine = [is_thin(share, similarity, numbers) for share in numbers.fusion_weights] * 2
    size = picture.shape[:2]
    return (follow_edges(logits, picture, fine, numbers) if any(fine) else bilinear(logits, size)) > 0
