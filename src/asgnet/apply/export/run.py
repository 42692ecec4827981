"""A Segmenter's network as one file that needs no asgnet, checked against the network before it is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.engines.features import Decoded
from asgnet.apply.examples.samples import Scene
from asgnet.apply.export.formats import runner, save_openvino, to_torchscript
from asgnet.apply.export.graph import PICTURES, GraphEngine, tensors_of
from asgnet.apply.export.onnx_graph import to_onnx
from asgnet.apply.export.parity import parity, refuse_strangers
from asgnet.apply.export.quantise import quantised
from asgnet.apply.inference.edges import close_specks, follow_edges, speck_size
from asgnet.apply.inference.working_scale import stored_picture, working_picture
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import UsageError
from asgnet.files import save_bytes
from asgnet.imaging.iou import iou
from asgnet.model.checkpoint import load_weights
from asgnet.model.default.network import DefaultNet
from asgnet.model.graph_files import weights_folder
from asgnet.types import Picture


def export(
    weights: str | os.PathLike[str] | None, to: str, path: Path, samples: Sequence[Scene], int8: bool = False
) -> dict[str, Any]:
    """Write the network of weights as one file.

    Args:
        weights: as for ``Segmenter.from_pretrained``.
        to: ``"onnx"``, ``"openvino"`` (``path`` is the .xml; the weights lie beside it, .bin) or ``"torch"``
            (TorchScript).
        path: the file.
        samples: the graph is traced with the first; 8 bits are set, and their cost is measured, on all.
        int8: the backbone's convolutions in 8 bits.

    Returns:
        plain values: what was written, and how far it is from the network: the largest ``difference`` of a
        probability; in 8 bits instead ``iou`` and ``iou_fp32`` on the samples.

    Raises:
        OutputError: it differs from the network by more than
            :data:`~asgnet.apply.export.parity.TOLERANCE`, or cannot be written.
        UsageError: something is not installed, or 8 bits of TorchScript are asked for.
    """
    if to == "torch" and int8:
        raise UsageError("8 bits are for onnx and openvino; take --to onnx, or leave --int8 out.")
    net = load_weights(weights_folder(weights))
    assert isinstance(net, DefaultNet)
    plain = Segmenter(net)
    plain.fit(samples[0].support.image, samples[0].support.mask, adapt=False)
    (fit,), side = plain.fits.values(), plain.backend.side
    tensors = tensors_of(fit)
    said: dict[str, Any] = {"to": to, "file": str(path), "fingerprint": plain.fingerprint, "int8": int8}
    graph = to_torchscript(net, tensors, side) if to == "torch" else to_onnx(net, tensors, side)
    if int8:
        graph = quantised(graph, [_feed(sample.query, side, tensors) for sample in samples])
        said["iou_fp32"] = _mean_iou(plain, samples)
        said["iou"] = _mean_iou(plain, samples, runner(graph, to))
    else:
        said["difference"] = parity(net, tensors, runner(graph, to), side)
        refuse_strangers(said["difference"], str(path))
    if to == "openvino":
        save_openvino(graph, path)
    else:
        save_bytes(path, graph)
    return said


def _mean_iou(segmenter: Segmenter, samples: Sequence[Scene], run: GraphEngine | None = None) -> float:
    """Of samples with a truth, each fitted anew; predicted by an exported graph where there is one."""
    ious = []
    for sample in samples:
        if sample.truth is not None:
            segmenter.fit(sample.support.image, sample.support.mask)
            mask = (
                segmenter.predict(sample.query).mask if run is None else _masked(segmenter, sample.query, run)
            )
            ious.append(iou(mask, sample.truth.astype(np.uint8)))
    return float(np.mean(ious))


def _masked(segmenter: Segmenter, picture: Picture, run: GraphEngine) -> NDArray[np.bool_]:
    (fit,) = segmenter.fits.values()
    output = run(_pixels(picture, segmenter.backend.side), tensors_of(fit))
    logits, presence, guide_map = (one[0].numpy() for one in output)
    decoded = Decoded(logits, presence, guide_map, logits, logits)
    numbers = segmenter.backend.numbers
    logits = follow_edges(decoded.logits, picture, fit.thin(numbers), numbers)[0]
    probability = fit.adaptations[0].calibrated(logits, numbers.background_gain)
    least = speck_size(picture.shape[:2], decoded.logits.shape[-2:], numbers)
    return close_specks(probability, least, numbers) > 0.5


def _feed(picture: Picture, side: int, tensors: dict[str, Tensor]) -> dict[str, NDArray]:
    feed = {PICTURES: _pixels(picture, side).float()} | tensors
    return {name: one.numpy() for name, one in feed.items()}


def _pixels(picture: Picture, side: int) -> Tensor:
    """``1 3 h w`` uint8 at the usual working scale."""
    small = working_picture(stored_picture(picture, side), side)
    return torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)[None]))
