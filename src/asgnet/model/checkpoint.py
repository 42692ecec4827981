"""Weights in and out: folders of a safetensors file and a configuration."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asgnet.errors import WeightsError, reason
from asgnet.files import save_bytes
from asgnet.model.build import Network, build
from asgnet.model.checksum import refuse_altered, with_checksum
from asgnet.model.default.config import FIRST_FORM, NETWORK, DefaultConfig, default_config, typed
from asgnet.model.graph_files import CONFIG_FILE, WEIGHTS_FILE, weights_folder
from asgnet.model.paper.config import Config

STORED = {
    "imagenet.": "kinds.",
    "reference_bank": "known",
    "decoder.linear_skip.": "decoder.direct.",
    "presence.head.": "presence.judge.",
}
"""Beginnings of tensors' names and what they are in files and fingerprints, which stay as they were first."""


def save_weights(net: Network, folder: str | os.PathLike[str]) -> Path:
    """Write ``config.json`` and ``model.safetensors`` into ``folder``, each whole or not at all.

    The tensors of lite0 stay out: they come with their package. Returns the folder.

    Raises:
        OutputError: a file cannot be written.
    """
    from safetensors.torch import save

    folder = Path(folder)
    tensors = {name: t.detach().cpu().contiguous() for name, t in _named(net).items() if _stored(name, net)}
    save_bytes(folder / WEIGHTS_FILE, with_checksum(save(tensors)))
    save_bytes(folder / CONFIG_FILE, json.dumps(_written(net.config), indent=1).encode() + b"\n")
    return folder


def load_weights(path: str | os.PathLike[str]) -> Network:
    """The network that :func:`save_weights` wrote, in eval mode.

    Args:
        path: the folder, or the safetensors file in it.

    Raises:
        WeightsError: a file is missing, truncated, damaged, or of another network.
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
        if os.path.lexists(file) and not file.is_file():  # a pipe would keep us waiting for ever
            raise OSError("it is no plain file")
        found = load_file(file)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"The weights {file} cannot be read ({reason(error)}); copy the folder again."
        ) from error
    refuse_altered(file)
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
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"The configuration {file} cannot be read ({reason(error)}); copy the folder again."
        ) from error
    given = values if isinstance(values, dict) else {}
    if given.get(NETWORK, given.get("decoder")) not in ("default", FIRST_FORM["decoder"]):
        return Config(**typed(values, asdict(Config()), file))
    return default_config(values, file)
