"""A configuration becomes a network."""

from __future__ import annotations

from asgnet.model.default.config import DefaultConfig
from asgnet.model.default.network import DefaultNet
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.config import Config

Network = ASGNet | DefaultNet
"""Both offer :class:`~asgnet.model.steps.FourSteps`."""


def build(config: Config | DefaultConfig) -> Network:
    """Compose the parts that a configuration names. All but lite0 starts random.

    Raises:
        UsageError: a backbone or level that does not exist, or a decoder that does not fit it.
        WeightsError: lite0's weights are not installed.
    """
    if isinstance(config, DefaultConfig):
        return DefaultNet.from_config(config)
    return ASGNet.from_config(config)
