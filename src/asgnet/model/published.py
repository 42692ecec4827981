"""Published checkpoints as our networks: their state dicts by our names."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch
from torch import Tensor

from asgnet.errors import UsageError, WeightsError, reason
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.config import Config
from asgnet.model.presets import preset_config

_BACKBONE = {
    r"layer0\.([0346])\.": r"backbone.net.conv1.\1.",
    r"layer0\.1\.": "backbone.net.conv1.1.",
    r"layer0\.7\.": "backbone.net.bn1.",
    r"layer([123])\.": r"backbone.net.layer\1.",
    r"down_conv\.0\.": "projection.0.",
    r"cls\.": "decoder.classifier.",
}
_BARE = {  # the stem's three convolutions, each with its normalisation
    r"conv1\.": "conv1.0.",
    r"bn1\.": "conv1.1.",
    r"conv2\.": "conv1.3.",
    r"bn2\.": "conv1.4.",
    r"conv3\.": "conv1.6.",
    r"bn3\.": "bn1.",
}
_FEM = {
    r"corr_conv\.(\d)\.0\.": r"decoder.merge.\1.",
    r"alpha_conv\.(\d)\.0\.": r"decoder.inflow.\1.",
    r"beta_conv\.(\d)\.": r"decoder.refine.\1.",
    r"inner_cls\.(\d)\.": r"decoder.inner.\1.",
    r"res1\.0\.": "decoder.fuse.",
    r"res2\.": "decoder.smooth.",
}
_ASPP = {
    r"corr_conv\.0\.": "decoder.merge.",
    r"skip1\.1\.": "decoder.residual.0.0.",
    r"skip1\.3\.": "decoder.residual.0.2.",
    r"skip2\.1\.": "decoder.residual.1.0.",
    r"skip2\.3\.": "decoder.residual.1.2.",
    r"skip3\.1\.": "decoder.residual.2.0.",
    r"skip3\.3\.": "decoder.residual.2.2.",
    r"ASPP\.layer6_0\.0\.": "decoder.whole.",
    r"ASPP\.layer6_1\.0\.": "decoder.point.",
    r"ASPP\.layer6_2\.0\.": "decoder.dilated.0.",
    r"ASPP\.layer6_3\.0\.": "decoder.dilated.1.",
    r"ASPP\.layer6_4\.0\.": "decoder.dilated.2.",
    r"ASPP\.layer7\.0\.": "decoder.fuse.",
    r"decoder\.conv1\.": "decoder.low.0.",
    r"decoder\.bn1\.": "decoder.low.1.",
    r"decoder\.last_conv\.": "decoder.join.",
    r"cls_aux\.": "decoder.inner.",
}


def load_published(path: str | os.PathLike[str], preset: str = "paper-r50") -> ASGNet:
    """A published checkpoint as our network, in eval mode.

    Args:
        path: a ``.pth`` file, ``{"state_dict": {name: tensor}}``, names with or without ``module.``.
            Only tensors are read; pickled code is refused, never run. Stage 4 is ignored.
        preset: ``paper-r50``, ``paper-r101`` or ``paper-r50-aspp``.

    Raises:
        UsageError: unknown preset, or one that was not published.
        WeightsError: the file is missing, unreadable, unsafe, or of another network.
    """
    config = preset_config(preset)
    if not isinstance(config, Config) or not config.backbone.startswith("published-"):
        raise UsageError(f"Nothing was published for the preset {preset!r}; take one of the paper presets.")
    renames = _BACKBONE | (_ASPP if config.decoder == "aspp" else _FEM)
    named = {_rename(name, renames): (name, t) for name, t in _read_published(Path(path)).items()}
    net = ASGNet.from_config(config)
    own = net.state_dict()
    remedy = f"; is {path} really a published {preset} checkpoint?"
    for ours, (theirs, tensor) in named.items():
        if ours not in own:
            raise WeightsError(f"{preset} has no tensor {theirs!r}{remedy}")
        if tensor.shape != own[ours].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(own[ours].shape)}"
            raise WeightsError(f"The tensor {theirs!r} has the shape {shapes}{remedy}")
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    missing = [name for name in own if name not in named and name not in counters]
    if missing:
        raise WeightsError(f"The tensor for {missing[0]!r} is missing{remedy}")
    net.load_state_dict({ours: tensor for ours, (_, tensor) in named.items()}, strict=False)
    return net.eval()


def load_bare_resnet(path: Path) -> dict[str, Tensor] | None:
    """``{name in timm's deep-stem ResNet: tensor}`` of a file that holds a ResNet alone, such as ``resnet50_v2.pth``.

    Returns:
        None where the file holds something else.

    Raises:
        WeightsError: see :func:`load_published`.
    """
    found = _read_published(path)
    if "conv3.weight" not in found:
        return None
    return {_rename(name, _BARE).removeprefix("published."): tensor for name, tensor in found.items()}


def _read_published(path: Path) -> dict[str, Tensor]:
    """``{published name: tensor}`` without ``module.`` and without stage 4."""
    if not path.is_file():
        raise WeightsError(f"There is no checkpoint {path}; check the path.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in a dozen ways
        raise WeightsError(
            f"{path} cannot be read as a checkpoint of tensors ({reason(error)}); "
            "it is truncated, something else, or holds code, which is never run."
        ) from error
    state = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()) or not state:
        raise WeightsError(f"{path} holds no 'state_dict' of named tensors; is it a published checkpoint?")
    bare = {str(name).removeprefix("module."): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in bare.items() if not name.startswith("layer4.")}


def _rename(name: str, renames: dict[str, str]) -> str:
    """Our name of a published tensor; its own where there is none."""
    for pattern, ours in renames.items():
        renamed, hits = re.subn(rf"^{pattern}", ours, name)
        if hits:
            return renamed
    return f"published.{name}"
