"""Weights in and out: our own folders (safetensors and a configuration) and the published checkpoints."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asgnet.errors import UsageError, WeightsError
from asgnet.files import save_bytes
from asgnet.model.build import Network, build
from asgnet.model.default.config import FIRST_FORM, NETWORK, DefaultConfig, default_config, typed
from asgnet.model.graph_files import CONFIG_FILE, WEIGHTS_FILE, weights_folder
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.config import Config
from asgnet.model.presets import preset_config

STORED = {
    "imagenet.": "kinds.",
    "reference_bank": "known",
    "decoder.linear_skip.": "decoder.direct.",
    "presence.head.": "presence.judge.",
}
"""Beginnings of tensors' names and what they are in files and fingerprints, which stay as they were first."""

_BACKBONE = {
    r"layer0\.([0346])\.": r"backbone.net.conv1.\1.",
    r"layer0\.1\.": "backbone.net.conv1.1.",
    r"layer0\.7\.": "backbone.net.bn1.",
    r"layer([123])\.": r"backbone.net.layer\1.",
    r"down_conv\.0\.": "projection.0.",
    r"cls\.": "decoder.classifier.",
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


def save_weights(net: Network, folder: str | os.PathLike[str]) -> Path:
    """Write ``config.json`` and ``model.safetensors`` into ``folder``, each whole or not at all.

    The tensors of lite0 stay out: they come with their package. Returns the folder.

    Raises:
        OutputError: a file cannot be written.
    """
    from safetensors.torch import save

    folder = Path(folder)
    tensors = {name: t.detach().cpu().contiguous() for name, t in _named(net).items() if _stored(name, net)}
    save_bytes(folder / WEIGHTS_FILE, save(tensors, {"format": "pt"}))
    save_bytes(folder / CONFIG_FILE, json.dumps(_written(net.config), indent=1).encode() + b"\n")
    return folder


def load_weights(path: str | os.PathLike[str]) -> Network:
    """The network that :func:`save_weights` wrote, in eval mode.

    Args:
        path: the folder, or the safetensors file in it.

    Raises:
        WeightsError: a file is missing, truncated, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    folder, file = (path, path / WEIGHTS_FILE) if path.is_dir() else (path.parent, path)
    if not (folder / CONFIG_FILE).is_file():
        raise WeightsError(
            f"{os.fspath(path)!r} cannot be read as weights: no {CONFIG_FILE} lies there; "
            "give a folder that asgnet train wrote."
        )
    net = build(_read_config(folder / CONFIG_FILE))
    try:
        found = load_file(file)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"The weights {file} cannot be read ({_reason(error)}); copy the folder again."
        ) from error
    own = {name: t for name, t in _named(net).items() if _stored(name, net)}
    for name in sorted(own.keys() | found.keys()):
        if name not in found or name not in own:
            what = "is missing from" if name not in found else "does not belong in"
            raise WeightsError(
                f"The tensor {name!r} {what} {file}; it was written for another configuration or by another "
                "version of asgnet: take both files of one folder that asgnet train of this version wrote."
            )
        if found[name].shape != own[name].shape:
            shapes = f"{tuple(found[name].shape)}, not {tuple(own[name].shape)}"
            raise WeightsError(
                f"The tensor {name!r} of {file} has the shape {shapes}: take both files of one folder that "
                "asgnet train wrote."
            )
    ours = {_in_files(name): name for name in net.state_dict()}
    net.load_state_dict({ours[name]: t for name, t in found.items()}, strict=False)
    return net.eval()


def pretrained(source: str | os.PathLike[str] | None = None) -> Network:
    """Trained weights: the bundled ones, a folder of :func:`save_weights`, or a repository of the Hub.

    Args:
        source: None: the ones that come with the package; no network is needed.

    Raises:
        WeightsError: they cannot be had.
    """
    return load_weights(weights_folder(source))


def fingerprint(net: Network) -> str:
    """SHA-256 of everything that decides what the network computes: configuration and weights."""
    digest = hashlib.sha256(json.dumps(net.config.identity(), sort_keys=True).encode())
    for name, tensor in sorted(_named(net).items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read_published(path: Path) -> dict[str, Tensor]:
    """``{published name: tensor}`` without ``module.`` and without stage 4."""
    if not path.is_file():
        raise WeightsError(f"There is no checkpoint {path}; check the path.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in a dozen ways
        raise WeightsError(
            f"{path} cannot be read as a checkpoint of tensors ({_reason(error)}); "
            "it is truncated, something else, or holds code, which is never run."
        ) from error
    state = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()) or not state:
        raise WeightsError(f"{path} holds no 'state_dict' of named tensors; is it a published checkpoint?")
    bare = {str(name).removeprefix("module."): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in bare.items() if not name.startswith("layer4.")}


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:120]


def _rename(name: str, renames: dict[str, str]) -> str:
    """Our name of a published tensor; its own where there is none."""
    for pattern, ours in renames.items():
        renamed, hits = re.subn(rf"^{pattern}", ours, name)
        if hits:
            return renamed
    return f"published.{name}"


def _named(net: Network) -> dict[str, Tensor]:
    """All tensors, by the names that files give them."""
    return {_in_files(name): tensor for name, tensor in net.state_dict().items()}


def _in_files(name: str) -> str:
    for ours, stored in STORED.items():
        if name.startswith(ours):
            return stored + name.removeprefix(ours)
    return name


def _stored(name: str, net: Network) -> bool:
    return net.config.backbone != "lite0" or not name.startswith(("backbone.", "kinds."))


def _written(config: Config | DefaultConfig) -> dict[str, Any]:
    """A configuration as ``config.json`` holds it."""
    return {NETWORK: "default", **asdict(config)} if isinstance(config, DefaultConfig) else asdict(config)


def _read_config(file: Path) -> Config | DefaultConfig:
    """A configuration, every value of the type it should have."""
    try:
        values: Any = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The configuration {file} cannot be read ({_reason(error)}); copy the folder again."
        ) from error
    says = values if isinstance(values, dict) else {}
    if says.get(NETWORK, says.get("decoder")) not in ("default", FIRST_FORM["decoder"]):
        return Config(**typed(values, asdict(Config()), file))
    return default_config(values, file)
