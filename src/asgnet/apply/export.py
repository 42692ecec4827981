"""A Segmenter's network as one file that needs no asgnet, checked against the network before it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.formats import runner, save_openvino, to_torchscript
from asgnet.apply.engines.graph import PICTURES, tensors_of
from asgnet.apply.engines.onnx_graph import to_onnx
from asgnet.apply.engines.parity import parity, refuse_strangers
from asgnet.apply.engines.quantise import quantised
from asgnet.apply.examples.samples import Scene
from asgnet.apply.inference.preprocess import preprocess
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import UsageError
from asgnet.files import save_bytes
from asgnet.imaging.iou import iou
from asgnet.types import Picture


def export(
    segmenter: Segmenter, to: str, path: Path, samples: Sequence[Scene], int8: bool = False
) -> dict[str, Any]:
    """Write a Segmenter's network as one file.

    Args:
        segmenter: on the CPU; what it has learned stays.
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
            :data:`~asgnet.apply.engines.parity.TOLERANCE`, or cannot be written.
        UsageError: something is not installed, or 8 bits of TorchScript are asked for.
    """
    if to == "torch" and int8:
        raise UsageError("8 bits are for onnx and openvino; take --to onnx, or leave --int8 out.")
    plain = Segmenter(segmenter.net)
    plain.fit(samples[0].support.image, samples[0].support.mask, adapt=False)
    (fit,), side = plain.fits.values(), plain.backend.side
    said: dict[str, Any] = {"to": to, "file": str(path), "fingerprint": plain.fingerprint, "int8": int8}
    graph = to_torchscript(plain.net, fit, side) if to == "torch" else to_onnx(plain.net, fit, side)
    if int8:
        graph = quantised(graph, [_feed(plain, sample.query, fit) for sample in samples])
        said["iou_fp32"] = _mean_iou(plain, samples)
        plain.backend.graph_engine = runner(graph, to)
        said["iou"] = _mean_iou(plain, samples)
    else:
        said["difference"] = parity(plain.net, fit, runner(graph, to), side)
        refuse_strangers(said["difference"], str(path))
    if to == "openvino":
        save_openvino(graph, path)
    else:
        save_bytes(path, graph)
    return said


def _mean_iou(segmenter: Segmenter, samples: Sequence[Scene]) -> float:
    """Of samples that are each fitted anew."""
    ious = []
    for sample in samples:
        segmenter.fit(sample.support.image, sample.support.mask)
        ious.append(iou(segmenter.predict(sample.query).mask, sample.truth.astype(np.uint8)))
    return float(np.mean(ious))


def _feed(segmenter: Segmenter, picture: Picture, fit: ClassFit) -> dict[str, NDArray]:
    pictures = preprocess(picture, segmenter.backend.side).float()
    return {name: t.numpy() for name, t in {PICTURES: pictures, **tensors_of(fit)}.items()}
