"""The network that training starts from: a fresh head on a backbone with weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from asgnet.errors import UsageError, WeightsError
from asgnet.files import named
from asgnet.model.backbones.backbone import Backbone
from asgnet.model.build import Network, build
from asgnet.model.checkpoint import load_weights
from asgnet.model.paper.aspp import ASPP
from asgnet.model.presets import preset_config
from asgnet.model.published import load_bare_resnet, load_published
from asgnet.study.recipe import Recipe

IMAGENET = "imagenet"


def make_net(recipe: Recipe, backbone_weights: str | None = None, seed: int = 0) -> Network:
    """The recipe's network; its head follows from the seed alone.

    Args:
        recipe: its ``network`` and ``backbone``.
        backbone_weights: ``imagenet`` downloads timm's; or a weights folder, a published checkpoint, a bare
            ResNet's (``resnet50_v2.pth``), or a ``.safetensors`` file of the timm network. lite0 brings its own
            and needs none.
        seed: of the head.

    Raises:
        UsageError: no weights for a backbone that has none.
        WeightsError: they cannot be had, or are another network's.
    """
    config = preset_config(recipe.network)
    if recipe.backbone:
        config = replace(config, backbone=recipe.backbone)
    torch.manual_seed(seed)
    net = build(config)
    if recipe.decoder_start == "kaiming" and isinstance(net.decoder, ASPP):
        for layer in (net.decoder.low[0], net.decoder.join[0]):
            nn.init.kaiming_normal_(cast(nn.Conv2d, layer).weight)
    if backbone_weights is not None:
        _fill(net.backbone.net, _tensors(backbone_weights, recipe.network, net.backbone), backbone_weights)
    elif config.backbone != "lite0":
        raise UsageError(
            f"The frozen backbone {config.backbone!r} comes without weights; "
            "give --backbone-weights imagenet, which downloads them, or a file."
        )
    return net


def _tensors(given: str, network: str, backbone: Backbone) -> dict[str, Tensor]:
    """``{name in the timm network: tensor}``."""
    path = Path(given).expanduser()
    if given == IMAGENET:
        return Backbone(backbone.name, indices=backbone.indices, pretrained=True).net.state_dict()
    if path.is_dir():
        return load_weights(path).backbone.net.state_dict()
    if path.suffix in (".pth", ".pt"):
        return load_bare_resnet(path) or load_published(path, network).backbone.net.state_dict()
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"The backbone's weights {named(given)} cannot be read: {error}.") from error


def _fill(net: nn.Module, found: dict[str, Tensor], given: str) -> None:
    """Every tensor of the network must be there; more may be, such as a classifier."""
    for name, own in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in found or found[name].shape != own.shape:
            what = "is missing from" if name not in found else f"has the shape {tuple(found[name].shape)} in"
            raise WeightsError(
                f"The backbone's tensor {name!r} {what} {named(given)}; it is of another network."
            )
    net.load_state_dict({name: t for name, t in found.items() if name in net.state_dict()}, strict=False)
