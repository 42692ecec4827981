"""The default network's graphs as ONNX files, for those who have no torch.

    python -m asgnet.model.export                     # of the bundled weights, beside them
    python -m asgnet.model.export --weights FOLDER    # of others

Beside the graphs lies ``graphs.json``: their checksums, the weights' fingerprint, and what numpy needs to know.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from asgnet.errors import UsageError
from asgnet.files import save_bytes
from asgnet.model.checkpoint import fingerprint, pretrained
from asgnet.model.default.graphs import (
    CLASS_INPUTS,
    FEATURES,
    Decoded,
    DecodeGraph,
    EncodeGraph,
    StatisticsGraph,
)
from asgnet.model.default.learn import stacked
from asgnet.model.default.mask_cells import Grids, sides_of
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pooling import pixel_head, pooled
from asgnet.model.default.support import INPUTS, OUTPUTS, SIDES, assembled, feed
from asgnet.model.for_inference import channelwise, fold_batchnorm
from asgnet.model.graph_files import CONFIG_FILE, FORMAT, MANIFEST, WEIGHTS_FILE, of_file, weights_folder

OPSET = 18
SIDE = 128
"""Of the pictures that graphs are traced with; any multiple of 32 may be asked."""
PROBE = 64


def export_graphs(net: DefaultNet, folder: Path) -> None:
    """Write a network's graphs into a folder.

    Args:
        net: in eval mode, on the CPU.
        folder: made if missing.

    Raises:
        UsageError: the installed torch or onnx cannot export them.
        OutputError: they cannot be written.
    """
    graphs = exported(net)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in graphs.items():
        save_bytes(folder / f"{name}.onnx", data)
    weights = {name: of_file(folder / name) for name in (WEIGHTS_FILE, CONFIG_FILE)}
    known = {
        "format": FORMAT,
        "network": fingerprint(net),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in graphs.items()},
        "weights": {name: digest for name, digest in weights.items() if digest},
        "levels": net.levels._asdict(),
        "config": asdict(net.config),
        "parameters": sum(p.numel() for p in net.parameters()),
    }
    save_bytes(folder / MANIFEST, (json.dumps(known, indent=1) + "\n").encode())


def exported(net: DefaultNet) -> dict[str, bytes]:
    """The graphs' ONNX files by name.

    Raises:
        UsageError: the installed torch or onnx cannot export them.
    """
    copied = channelwise(fold_batchnorm(net, net.backbone, torch.zeros(1, 3, PROBE, PROBE)))
    for norm in copied.modules():  # constants of the graph, not its parameters
        norm.requires_grad_(False)
    numbers = net.config.calibration
    encode, statistics, decode = EncodeGraph(copied), StatisticsGraph(copied), DecodeGraph(copied)
    with torch.no_grad():
        features = encode(torch.zeros(1, 3, SIDE, SIDE - 32))
        mask = np.zeros((SIDE, SIDE - 32), np.uint8)
        mask[: SIDE * 3 // 4, : SIDE // 2] = 1
        grids = Grids(*(tuple(features[i].shape[-2:]) for i in (net.levels.grid, 5, 6)))
        sides = sides_of(mask, grids, replace(net.config, area=4))
        given = {name: torch.from_numpy(array) for name, array in feed(sides).items()}
        found = dict(
            zip(_both(OUTPUTS), (x.numpy() for x in statistics(*features, *given.values())), strict=True)
        )
        support = assembled(found, sides, net.levels)
        head = [torch.from_numpy(array) for array in pixel_head([support], numbers.pixel_penalty)]
        learned = stacked([pooled([support], net.levels, numbers)], torch.device("cpu"))
    fit = [torch.ones(1), torch.full((1,), 0.5), *head, *learned]
    classes = [torch.cat([tensor, tensor]) for tensor in fit]  # two, so that the axis isn't one
    free = {name: {2: f"{name}_h", 3: f"{name}_w"} for name in FEATURES}
    lists = {name: {0: name} for name in _both(INPUTS)}
    results = {
        f"{side}_{name}": {0: f"{side}_{name}_n"}
        for side in SIDES
        for name in ("prototypes", "labels", "cells")
    }
    per_class = {name: {0: "classes"} for name in CLASS_INPUTS}
    for name in ("object", "object_valid", "background", "background_valid"):
        per_class[name][1] = f"{name.removesuffix('_valid')}_prototypes"
    maps = {"logits": ("h", "w"), "guide_map": ("gh", "gw"), "scores": ("h", "w"), "decoded": ("dh", "dw")}
    axes = {name: {1: "classes", 2: h, 3: w} for name, (h, w) in maps.items()} | {"presence": {1: "classes"}}
    decoded = {name: axes[name] for name in Decoded._fields}
    picture = torch.zeros(1, 3, SIDE, SIDE - 32)
    return {
        "encode": to_onnx(encode, [picture], ["pictures"], FEATURES, {"pictures": {2: "h", 3: "w"}} | free),
        "statistics": to_onnx(
            statistics,
            [*features, *given.values()],
            [*FEATURES, *_both(INPUTS)],
            _both(OUTPUTS),
            free | lists | results,
        ),
        "decode": to_onnx(
            decode,
            [*features, *classes],
            [*FEATURES, *CLASS_INPUTS],
            list(decoded),
            free | per_class | decoded,
        ),
    }


def _both(names: Sequence[str]) -> list[str]:
    return [f"{side}_{name}" for side in SIDES for name in names]


def to_onnx(
    graph: nn.Module, example: Sequence[Tensor], inputs: Sequence[str], outputs: Sequence[str], free: dict
) -> bytes:
    """A module's ONNX file.

    Args:
        graph: in eval mode.
        example: what it is traced with.
        inputs: their names.
        outputs: their names.
        free: of each name the axes whose length is open.

    Raises:
        UsageError: the installed torch or onnx cannot export it.
    """
    stream = io.BytesIO()
    try:
        with _quietly(), torch.no_grad():
            torch.onnx.export(
                graph, tuple(example), stream,  # type: ignore[arg-type]
                dynamo=False,  # its successor cannot leave the pictures' size open
                input_names=list(inputs), output_names=list(outputs), opset_version=OPSET, dynamic_axes=free,
            )  # fmt: skip
    except Exception as error:  # whatever a tracer, or its absence, raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UsageError(
            f"The graph cannot be exported here ({reason}); run pip install 'asgnet[torch]'."
        ) from error
    return stream.getvalue()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the tracer's remarks on what is meant to be so."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def main() -> None:
    """Write the graphs of a weights folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="a weights folder; default: the bundled one")
    parser.add_argument("--out", type=Path, help="where to; default: beside the weights")
    args = parser.parse_args()
    net = pretrained(args.weights)
    assert isinstance(net, DefaultNet)
    export_graphs(net.eval(), args.out or weights_folder(args.weights))


if __name__ == "__main__":
    main()
