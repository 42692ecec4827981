"""The graphs that lie beside weights, for those without torch: found, checked, read. Nothing in them is executed
but by the engine that computes them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from asgnet import quiet
from asgnet.errors import WeightsError
from asgnet.files import named
from asgnet.model.checksum import refuse_altered
from asgnet.model.default.config import DefaultConfig, default_config
from asgnet.model.default.levels import Levels

FORMAT = "asgnet-graphs-1"
GRAPHS = ("encode", "statistics", "decode")
MANIFEST = "graphs.json"
PROMPTS, PROMPT_WEIGHTS, PROMPT_MANIFEST = "prompts.onnx", "prompts.safetensors", "prompts.json"
WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"


class Network(NamedTuple):
    """What numpy must know of a network.

    Attributes:
        fingerprint: of its weights; concepts belong to it.
        levels: roles of its maps.
        config: its numbers.
        parameters: how many.
    """

    fingerprint: str
    levels: Levels
    config: DefaultConfig
    parameters: int


def weights_folder(source: str | os.PathLike[str] | None = None) -> Path:
    """Where weights lie: the bundled ones, a folder or file here, or what the Hub has under that name.

    Args:
        source: None: the ones that come with the package; no network is needed.

    Raises:
        WeightsError: they cannot be had.
    """
    if source is None:
        return Path(__file__).with_name("bundled")
    if not isinstance(source, str | os.PathLike):
        raise WeightsError(f"Weights are named by their folder or repository, not by {source!r}.")
    if os.path.exists(source):
        return Path(source)
    name = os.fspath(source)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise WeightsError(f"There are no weights at {name}; give a folder that asgnet train wrote.")
    try:
        files = [WEIGHTS_FILE, CONFIG_FILE, MANIFEST, *(f"{graph}.onnx" for graph in GRAPHS)]
        return Path(quiet.huggingface_hub().snapshot_download(name, allow_patterns=files))
    except Exception as error:  # the hub raises whatever its transports raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{name} is neither a folder here nor can it be had from the Hub ({reason})."
        ) from error


_EXTERNAL = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")
"""How ONNX writes, in any tensor, the name of a file that holds its values; a varint may be longer than needed."""


def read_graphs(folder: Path) -> tuple[Network, dict[str, bytes]] | None:
    """The graphs of a weights folder with what they are of; None where there are none, or only of other weights.

    Raises:
        WeightsError: they are damaged, altered, or of another version of asgnet.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return None
    name = named(file)
    remedy = "make them again with: python -m asgnet.model.export --weights FOLDER (needs asgnet[torch])"
    try:
        known: dict[str, Any] = json.loads(file.read_text("utf-8"))
        form, checksums, made_from = known["format"], dict(known["sha256"]), dict(known["weights"])
        levels: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else int(v) for key, v in known["levels"].items()
        }
        network = Network(
            str(known["network"]),
            Levels(**levels),
            default_config(known["config"], file),
            int(known["parameters"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{name} is damaged; {remedy}.") from error
    if any(digest != of_file(folder / own) for own, digest in made_from.items()):
        refuse_altered(folder / WEIGHTS_FILE)
        return None
    if form != FORMAT:
        raise WeightsError(f"{name} is of another version of asgnet ({form}); {remedy}.")
    files = {}
    for graph in GRAPHS:
        try:
            files[graph] = _contents(folder / f"{graph}.onnx")
        except OSError as error:
            raise WeightsError(f"{name} names {graph}.onnx, which cannot be read; {remedy}.") from error
        if hashlib.sha256(files[graph]).hexdigest() != checksums.get(graph):
            raise WeightsError(f"{graph}.onnx beside {name} is cut or altered; {remedy}.")
        if _EXTERNAL.search(files[graph]):
            raise WeightsError(
                f"{graph}.onnx beside {name} wants to read other files, which it may not; {remedy}."
            )
    return network, files


def read_prompt_graph() -> bytes:
    """The graph of the prompt network, which comes with the package.

    Raises:
        WeightsError: it is missing, cut or altered.
    """
    folder = weights_folder()
    try:
        graph = (folder / PROMPTS).read_bytes()
        known = json.loads((folder / PROMPT_MANIFEST).read_text("utf-8"))["sha256"][PROMPTS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            "The prompt network of the package cannot be read; install asgnet again, or make it with: "
            "python -m asgnet.model.prompts.export"
        ) from error
    if hashlib.sha256(graph).hexdigest() != known:
        raise WeightsError(f"{PROMPTS} of the package is cut or altered; install asgnet again.")
    return graph


def of_file(path: Path) -> str:
    """A file's SHA-256; empty if it cannot be read."""
    try:
        return hashlib.sha256(_contents(path)).hexdigest()
    except OSError:
        return ""


def _contents(path: Path) -> bytes:
    """Of a plain file: a device or a pipe in its place might never end."""
    if not path.is_file():
        raise OSError("no plain file")
    return path.read_bytes()
