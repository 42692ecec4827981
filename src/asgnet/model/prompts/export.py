"""The prompt network as an ONNX file beside the bundled weights, and ``prompts.json``: what it was made from.

python -m asgnet.model.prompts.export                            # again, of the bundled weights
python -m asgnet.model.prompts.export --weights runs/prompts     # of newly trained ones, which are bundled
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from asgnet.files import save_bytes
from asgnet.model.export import to_onnx
from asgnet.model.graph_files import PROMPT_MANIFEST, PROMPT_WEIGHTS, PROMPTS, weights_folder
from asgnet.model.prompts.channels import CHANNELS, GRID, READ
from asgnet.model.prompts.network import DEPTHS, STRIDES, PromptNet


def exported(net: PromptNet) -> bytes:
    """The network's ONNX file.

    Args:
        net: in eval mode.

    Raises:
        UsageError: the installed torch or onnx cannot export it.
    """
    features = [
        torch.zeros(1, depth, 4 * GRID // stride, 4 * GRID // stride)
        for depth, stride in zip(DEPTHS, STRIDES, strict=True)
    ]
    return to_onnx(net, [torch.zeros(1, CHANNELS, GRID, GRID), *features], ["prompts", *READ], ["logits"], {})


def main() -> None:
    """Write weights, graph and manifest beside the bundled weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--weights", type=Path, help=f"a folder with {PROMPT_WEIGHTS}; default: the bundled one"
    )
    given = parser.parse_args()
    folder = weights_folder()
    weights = ((given.weights or folder) / PROMPT_WEIGHTS).read_bytes()
    tensors: dict[str, Tensor] = load_file((given.weights or folder) / PROMPT_WEIGHTS)
    net = PromptNet().eval()
    net.load_state_dict(tensors)
    graph = exported(net)
    known = {
        "sha256": {
            name: hashlib.sha256(data).hexdigest()
            for name, data in ((PROMPTS, graph), (PROMPT_WEIGHTS, weights))
        },
        "parameters": sum(p.numel() for p in net.parameters()),
    }
    save_bytes(folder / PROMPT_WEIGHTS, weights)
    save_bytes(folder / PROMPTS, graph)
    save_bytes(folder / PROMPT_MANIFEST, (json.dumps(known, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
