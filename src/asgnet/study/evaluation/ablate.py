"""The paper's ablation tables as rows, each variant asked the same frozen episodes.

All variants share one network's weights: what changes is how prototypes are made, allocated and fused. (The
paper trains each row anew; a row here says what the choice is worth to a network that exists.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.episodes import EpisodeList
from asgnet.model.build import Network
from asgnet.study.evaluation.evaluate import evaluate
from asgnet.study.evaluation.feature_cache import FeatureCache
from asgnet.study.evaluation.predictor import Fusion, NetPredictor, Resize, paper_network

FUSIONS: dict[str, Fusion] = {
    "pooled prototypes": "pooled",
    "mask averaging": "masks",
    "feature averaging": "features",
    "HSNet's vote": "vote",
}


def ablate(
    variants: Mapping[str, Callable[[], Any]],
    dataset: Dataset,
    lists: Mapping[str, EpisodeList | Sequence[EpisodeList]],
    *,
    each: Callable[[str, str], None] = lambda name, column: None,
    **options: Any,
) -> list[dict[str, Any]]:
    """One row per variant, one column per list.

    Args:
        variants: name → a call that makes its predictor or network (made only when its turn comes).
        dataset: where the lists were drawn from.
        lists: column name, such as ``5-shot`` → an episode list, or one a seed.
        each: told the names of variant and column before they are asked.
        options: further options of ``evaluate``.

    Returns:
        ``{"name": variant, "results": {column: Report.summary}}`` each; ``report.markdown`` makes the table.
    """
    rows = []
    for name, make in variants.items():
        predictor, results = make(), {}
        for column, frozen in lists.items():
            each(name, column)
            results[column] = evaluate(
                predictor, dataset, frozen, title=f"{name}, {column}", **options
            ).summary
        rows.append({"name": name, "results": results})
    return rows


def paper_variants(
    net: Network, *, size: int = 473, resize: Resize = "pad"
) -> dict[str, dict[str, Callable[[], NetPredictor]]]:
    """The paper's three tables: title → variant name → a call that makes it.

    The variants keep the features of the pictures asked about: what they do with them is all that differs.
    """
    network = paper_network(net)
    encode = FeatureCache(network.encode)

    def with_config(
        expand: bool = False, fusion: Fusion = "pooled", **changes: Any
    ) -> Callable[[], NetPredictor]:
        def make() -> NetPredictor:
            variant = copy(network)  # the same tensors under another configuration
            variant.config = replace(network.config, **changes)
            return NetPredictor(
                variant, size=size, resize=resize, fusion=fusion, expand=expand, encode=encode
            )

        return make

    return {
        "prototypes and allocation": {
            "masked average, expand": with_config(most=1, expand=True),
            "SGC, expand": with_config(expand=True),
            "masked average, GPA": with_config(most=1),
            "SGC, GPA": with_config(),
        },
        "number of prototypes": {
            **{f"N_max {most}": with_config(most=most) for most in (1, 3, 5, 7, 9)},
            "always five": with_config(most=5, area=1),
        },
        "k-shot fusion": {name: with_config(fusion=fusion) for name, fusion in FUSIONS.items()},
    }
