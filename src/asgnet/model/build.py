"""A configuration becomes a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgnet.model.default.config import DefaultConfig
from asgnet.model.default.network import DefaultNet
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.config import Config

Network = ASGNet | DefaultNet
"""Both offer :class:`~asgnet.model.steps.FourSteps`; the type checker holds them to it."""

if TYPE_CHECKING:
    from asgnet.model.default.network import SimilarityMaps
    from asgnet.model.default.pixel_head import FeatureMaps
    from asgnet.model.default.pooled_tensors import PooledTensors
    from asgnet.model.paper.asgnet import Encoded, Prototypes
    from asgnet.model.paper.gpa import Allocation
    from asgnet.model.steps import FourSteps

    _PAPER: type[FourSteps[Encoded, Prototypes, Allocation]] = ASGNet
    _DEFAULT: type[FourSteps[FeatureMaps, PooledTensors, SimilarityMaps]] = DefaultNet


def build(config: Config | DefaultConfig) -> Network:
    """Compose the parts that a configuration names. All but lite0 starts random.

    Raises:
        UsageError: a backbone or level that does not exist, or a decoder that does not fit it.
        WeightsError: lite0's weights are not installed.
    """
    if isinstance(config, DefaultConfig):
        return DefaultNet.from_config(config)
    return ASGNet.from_config(config)
