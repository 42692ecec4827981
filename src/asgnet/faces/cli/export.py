"""``asgnet export``: parse, call the apply room, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from asgnet.faces.cli import console
from asgnet.faces.cli import segment_options as given

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt"}


def export(
    to: Annotated[
        Literal["onnx", "openvino", "torch"],
        typer.Option(help="An ONNX file, OpenVINO's .xml and .bin, or TorchScript."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)],
    int8: Annotated[
        bool, typer.Option("--int8", help="Backbone in 8 bits: smaller, and the IoU it costs is printed.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    as_json: given.AsJson = False,
    weights: given.Weights = None,
) -> None:
    """Write the network as one graph for programs without asgnet; checked against the network first.

    Pictures and what a concept holds go in, logits, presence and guide map come out, for any number of
    pictures, classes and prototypes, and picture sides that are multiples of 32 from 96 on.

    asgnet export --to onnx --out asgnet.onnx

    asgnet export --to openvino --int8 --out asgnet.xml
    """
    if out.suffix != SUFFIXES[to]:
        out = out.with_name(out.name + SUFFIXES[to])
    written = [out, out.with_suffix(".bin")] if to == "openvino" else [out]
    for path in written:
        console.free(path, overwrite)
    from asgnet.apply.examples.samples import SCENES
    from asgnet.apply.export import export as run

    with console.phase("writing the graph and comparing it with the network"):
        checked = run(weights, to, out, [scene() for scene in SCENES], int8)
    if int8:
        console.say(
            f"IoU on the demo's scenes: {checked['iou']:.3f} in 8 bits, {checked['iou_fp32']:.3f} in fp32."
        )
    else:
        console.say(f"Largest difference of a probability from the network: {checked['difference']:.1e}.")
    if as_json:
        console.emit(checked)
    else:
        console.put(str(out))
