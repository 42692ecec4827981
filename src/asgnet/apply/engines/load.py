"""Makes the Backend of weights or of a network, in the engine that was asked for or is there."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asgnet.apply.engines.backend import Backend, Graphs
from asgnet.apply.engines.choose import choose_engine, choose_precision, installed, torch_device
from asgnet.errors import OutputError, WeightsError, out_of_memory, reason
from asgnet.files import cache_folder
from asgnet.model.graph_files import Network, read_graphs, weights_folder

if TYPE_CHECKING:
    from asgnet.model.default.network import DefaultNet


def backend_of_weights(
    source: str | os.PathLike[str] | None,
    device: str,
    engine: str,
    precision: str,
    side: int,
    threads: int = 0,
) -> Backend:
    """The Backend of a weights folder, by its graphs where the engine needs no torch.

    Args:
        source: see :func:`~asgnet.model.graph_files.weights_folder`.
        device: ``"cpu"`` or ``"cuda"``.
        engine: see :func:`~asgnet.apply.engines.choose.choose_engine`.
        precision: see :func:`~asgnet.apply.engines.choose.choose_precision`.
        side: see :class:`Backend`.
        threads: of one prediction; 0: one a core.

    Raises:
        WeightsError: the weights cannot be had, are of another network, or have no graphs and torch is missing.
        UsageError: the engine is not installed, or has no such precision.
    """
    engine = choose_engine(engine, device)
    folder = weights_folder(source)
    found = None if engine == "torch" else read_graphs(folder)
    if found is None:
        return _backend_in_torch(folder, source, device, engine, precision, side, threads)
    network, files = found
    precision = choose_precision(precision, engine)
    return Backend(network, partial(_graphs, files, engine, precision, threads), engine, precision, side)


def backend_of_net(
    net: DefaultNet, device: str, engine: str, precision: str, side: int, threads: int = 0
) -> Backend:
    """The Backend of a network in memory; for another engine than torch its graphs are exported first.

    Raises:
        UsageError: a device, engine or precision that is not there.
    """
    from asgnet.model.checkpoint import fingerprint

    place, engine = torch_device(device), choose_engine(engine, device)
    precision = choose_precision(precision, engine)
    net = net.eval().to(place)
    network = Network(fingerprint(net), net.levels, net.config, sum(p.numel() for p in net.parameters()))

    make = partial(_graphs_of_net, net, network.fingerprint, engine, precision, threads)
    return Backend(network, make, engine, precision, side)


def _backend_in_torch(
    folder: Path, source: object, device: str, engine: str, precision: str, side: int, threads: int
) -> Backend:
    if not installed("torch"):
        raise WeightsError(
            f"{source or folder.name} has no graphs; make them with: python -m asgnet.model.export --weights FOLDER, "
            "or install what computes without them: pip install 'asgnet[torch]'"
        )
    from asgnet.model.checkpoint import load_weights
    from asgnet.model.default.network import DefaultNet

    net = load_weights(folder)
    if not isinstance(net, DefaultNet):
        raise WeightsError(
            f"{source} holds a {net.config.decoder} network; a Segmenter needs one trained with the default "
            "recipe (use asgnet evaluate --weights for the others)."
        )
    return backend_of_net(net, device, engine, precision, side, threads)


def _graphs(files: dict[str, bytes], engine: str, precision: str, threads: int) -> Graphs:
    threads = threads or int(os.environ.get("OMP_NUM_THREADS") or 0)
    try:
        if engine == "onnx":
            from asgnet.apply.engines.onnx_graphs import OnnxGraphs

            return OnnxGraphs(files, threads)
        from asgnet.apply.engines.openvino_graphs import OpenvinoGraphs

        return OpenvinoGraphs(files, threads, precision)
    except Exception as error:  # engines raise whatever they like at a graph that they do not know
        if out_of_memory(error):
            raise
        raise WeightsError(
            f"The graphs of these weights cannot be computed by {engine} ({reason(error)}); "
            "take weights that asgnet train wrote, with graphs made by: python -m asgnet.model.export"
        ) from error


def _graphs_of_net(net: DefaultNet, fingerprint: str, engine: str, precision: str, threads: int) -> Graphs:
    if engine == "torch":
        from asgnet.apply.engines.torch_graphs import TorchGraphs

        return TorchGraphs(net, precision, threads)
    return _graphs(_exported_once(net, fingerprint), engine, precision, threads)


def _exported_once(net: DefaultNet, fingerprint: str) -> dict[str, bytes]:
    """A network's graphs, kept in the user's cache for these weights and this code; made anew if damaged."""
    from asgnet.model import export

    digest = hashlib.sha256(fingerprint.encode())
    for file in sorted(Path(export.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    folder = cache_folder() / "graphs" / digest.hexdigest()[:32]
    try:
        found = read_graphs(folder)
    except WeightsError:
        found = None
    if found is not None:
        return found[1]
    try:
        export.export_graphs(net, folder)
        found = read_graphs(folder)
    except (OutputError, OSError):  # no cache can be written here
        found = None
    return export.exported(net) if found is None else found[1]
