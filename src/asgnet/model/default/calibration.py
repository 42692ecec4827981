"""Every tuned number of the default network: of its maps, and of fitting, fusion, presence and edges.

They travel with the weights, in ``config.json``; ``asgnet info --weights`` prints them. A number of the network's
own maps (the first group) only suits weights that were trained with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

FOLD_2 = (
    "asgnet evaluate voc:VOC2012 --split val --protocol pascal-5i --fold 2 --min-pictures 14 -k 1 -k 5 "
    "--presence --weights runs/fold2"
)
"""Chooses by three classes of photographs, with weights that have seen none of them."""
FOLDS = "asgnet evaluate voc:VOC2012 --split val --protocol pascal-5i --fold F --min-pictures 14 -k 1 -k 5"
SCENES = "python -m benchmarks.accuracy.scenes --episodes 12 --shots 1 --shots 2 --shots 3 --shots 5"
"""Chooses by eight sets of pictures that are no photographs of animals: pages, cells, galaxies, cracks."""
FACADES = "asgnet evaluate folder:LabelMeFacade --split all --protocol all --min-pictures 20 -k 1 -k 5"
CLOTHES = "asgnet evaluate folder:CCP --split all --protocol all --min-pictures 20 -k 5"
WORLDS = "python -m benchmarks.accuracy.worlds --data DATA --episodes 2 --engine onnx"
"""Chooses by twenty small sets of other kinds of pictures and one of micrographs."""
SINGLE = SCENES.split(" --shots 2")[0]
WEEDS = "python -m benchmarks.accuracy.worlds --data DATA --only weeds"
"""Chooses by field photographs of 8 megapixels with small plants."""
DOTS = "python -m benchmarks.accuracy.dots --size 1024 --size 2048 --size 4096"
"""Chooses by dots of 21 pixels, made on textures, in pictures of several sizes."""
UNRECORDED = ""
"""No command is recorded: the number is of the first experiments."""


def _number(default: Any, unit: str, does: str, command: str) -> Any:
    """A field that says what it is."""
    return field(default=default, metadata={"unit": unit, "does": does, "command": command})


@dataclass(frozen=True)
class Calibration:
    """The numbers. Each field's metadata says its ``unit``, what it ``does``, and the ``command`` that chose it."""

    # The network's own maps: weights are trained with them.
    clustering_length: float = _number(
        10.0,
        "feature length",
        "of the features that SGC clusters: on unit vectors exp(-D) is almost flat",
        UNRECORDED,
    )
    readout_penalty: float = _number(
        0.01,
        "per squared weight",
        "ridge of the linear readouts, on features of unit length per level",
        UNRECORDED,
    )
    memory_bank: int = _number(
        256, "pixels a side", "support pixels kept for queries to be compared with", UNRECORDED
    )
    support_sample: int = _number(
        256, "cells a side", "of a support on which its own similarity is measured", UNRECORDED
    )
    similarity_limit: float = _number(
        6.0, "standard deviations", "standardised similarity maps and separations are cut there", UNRECORDED
    )
    self_similarity: float = _number(
        15.0, "per cosine", "inverse temperature of a query's similarity to itself", UNRECORDED
    )
    self_object: float = _number(
        0.6, "of the highest probability", "pixels above it make the query's own object prototype", UNRECORDED
    )
    self_background: float = _number(
        0.4, "probability", "pixels below it make the query's own background prototype", UNRECORDED
    )
    presence_strongest: int = _number(
        100, "part of the pixels", "the strongest 1/n of the logits stand for the prediction", UNRECORDED
    )
    presence_similar: int = _number(
        20, "part of the pixels", "the most similar 1/n of the pixels stand for the picture", UNRECORDED
    )
    reference_bank: int = _number(64, "objects", "of training whose ImageNet logits are kept", UNRECORDED)

    # The same weights with other numbers.
    coarser_rounds: int = _number(
        2, "fine cells a side", "grid of the decoder's rounds before the last, outside of training", FOLDS
    )
    class_similarity_least: float = _number(
        0.35,
        "cosine",
        "any two objects' ImageNet logits may be so similar: what is less does not count",
        UNRECORDED,
    )

    # The pixel head.
    pixel_surroundings: int = _number(
        4,
        "cells of stride 4",
        "to each side: the surroundings whose mean colour a pixel is compared with",
        FOLDS,
    )
    pixel_samples: int = _number(2500, "pixels a support", "drawn to fit it on, half of them object", FOLDS)
    pixel_penalty: float = _number(1e-3, "per squared weight", "its ridge", UNRECORDED)
    pixel_valid: float = _number(
        0.9, "part of a cell", "cells of which less counts are not drawn", UNRECORDED
    )
    pixel_gain: float = _number(4.0, "logits per score", "its score is ±1 on the supports", UNRECORDED)

    # The spatial head.
    spatial_channels: int = _number(128, "channels", "of the whitened features that it reads", WORLDS)
    spatial_hidden: int = _number(64, "channels", "of its hidden layer", WORLDS)
    spatial_steps: int = _number(100, "steps", "of Adam on 512 pixels each", WORLDS)
    spatial_samples: int = _number(2700, "pixels a support", "of all its views, to fit it on", WORLDS)
    spatial_views: int = _number(8, "views", "of a support, beside itself, that it is fitted on", WORLDS)
    spatial_weights: tuple[float, ...] = _number(
        (0.0, 0.2, 0.4), "weights", "of the spatial head, tried in leave-one-out", WORLDS
    )

    # Fitting and fusion.
    relit: tuple[float, ...] = _number(
        (1.5, 0.67),
        "gamma",
        "a single support is shown darker and brighter too, to fit the pixel head",
        SINGLE,
    )
    folds: int = _number(5, "groups", "leave-one-out by groups where there are more supports", UNRECORDED)
    fusion_weights: tuple[float, ...] = _number(
        (0.0, 0.25, 0.5, 0.75),
        "weights",
        "of the pixel head, tried in leave-one-out; alone it is never best",
        SCENES,
    )
    appearance_margin: float = _number(
        0.07,
        "IoU",
        "by which the decoder without appearance must be better in leave-one-out to be taken",
        FOLD_2,
    )
    similar_surroundings: float = _number(
        0.75,
        "cosine",
        "of an object's and its surroundings' ImageNet logits that counts as half similar",
        SCENES,
    )
    similar_surroundings_gain: float = _number(20.0, "per cosine", "steepness of that", SCENES)
    single_fusion_weight: float = _number(
        0.4, "weight", "of the pixel head with a single support in similar surroundings", SINGLE
    )
    prior_bonus: float = _number(
        0.3,
        "IoU",
        "the pixel head has in advance in similar surroundings, at full weight, over all supports",
        SCENES,
    )
    scale_breadth: float = _number(
        0.3, "of the longer side", "objects so broad are never seen at the larger working scale", FACADES
    )
    scale_margin: float = _number(
        1.1, "ratio of IoU", "by which the larger working scale must be better in leave-one-out", CLOTHES
    )
    window_breadth: float = _number(
        32.0, "of 512 network pixels", "windows show small objects so broad, but never enlarged", WEEDS
    )
    window_gain: float = _number(
        1.4, "ratio", "by which windows must be closer than one view to be worth their time", WEEDS
    )
    window_margin: float = _number(
        1.03, "ratio of IoU", "by which windows must be better in leave-one-out than one view", WEEDS
    )
    window_supports: int = _number(8, "windows", "of a picture that a class is learned from, at most", WEEDS)
    window_overlap: float = _number(0.25, "of a window", "that neighbouring windows share", DOTS)
    window_edges: float = _number(
        2.0,
        "ratio",
        "by which the windows along edges are larger, in network pixels, than in one view",
        WEEDS,
    )
    context_weight: float = _number(
        0.4, "weight", "of the view of the whole picture beside its windows", WEEDS
    )
    context_breadths: tuple[float, ...] = _number(
        (4.0, 8.0),
        "network pixels",
        "narrower objects are not seen in the view of the whole picture, and from the second on well",
        DOTS,
    )
    window_shift: float = _number(0.0, "logits", "added to the decoder's in windows", DOTS)
    window_skip: float = _number(
        -3.0, "logits", "of the whole view, below which a window is passed over", WEEDS
    )
    logit_shift: float = _number(0.3, "logits", "added to the decoder's, which finds too little", FOLD_2)
    background_gain: float = _number(
        2.0, "ratio", "logits below 0 are multiplied by it: probabilities, never masks", FOLD_2
    )

    # Presence.
    presence_peak: float = _number(
        0.8, "per logit", "of the strongest logits, beside the trained head", FOLD_2
    )
    presence_peak_part: int = _number(
        400, "part of the cells", "the strongest 1/n of the cells are meant", FOLD_2
    )
    presence_per_shot: float = _number(
        0.2, "weight a support", "of head and strongest logits, at most 1, beside class similarity", FOLD_2
    )
    presence_class_similarity: float = _number(8.0, "per cosine", "weight of class similarity", FOLD_2)
    presence_bias: float = _number(
        3.8, "logits", "of head and strongest logits that leave presence open", FOLD_2
    )
    presence_bias_gain: float = _number(0.7, "logits", "more for each e-fold of supports", FOLD_2)
    class_bias: float = _number(
        -2.0,
        "logits",
        "the same of class similarity: -2.4 is best on fold 2, -0.5 here",
        SCENES,
    )

    # Edges.
    thin_fusion_weight: float = _number(
        0.3, "weight", "of the pixel head from which a class may be a thin structure", FACADES
    )
    wide_window: float = _number(
        1 / 14, "of the longer side", "radius of the windows along objects' edges", SCENES
    )
    narrow_window: float = _number(1 / 26, "of the longer side", "the same along thin structures", SCENES)
    window_step: int = _number(2, "cells", "between windows", UNRECORDED)
    flat_variance: float = _number(
        1e-4, "squared colour in [0, 1]", "a window of less counts as flat", UNRECORDED
    )
    edge_limit: float = _number(
        2.0, "logits", "what goes beyond is certain: colours need not explain it", UNRECORDED
    )
    speck: float = _number(0.5, "of a cell", "smaller pieces and smaller holes are closed", UNRECORDED)
    speck_margin: float = _number(0.01, "probability", "what is closed lies so far from one half", UNRECORDED)


def described(numbers: Calibration) -> Iterator[tuple[str, Any, str]]:
    """Of every number: name, value, and what it is in a line."""
    for one in fields(numbers):
        says, command = one.metadata, one.metadata["command"]
        chosen = f" (chosen by: {command})" if command else ""
        yield one.name, getattr(numbers, one.name), f"{says['unit']}: {says['does']}{chosen}"
