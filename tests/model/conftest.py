"""Made-up published checkpoints and the recorded reference."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

PARITY = Path(__file__).parent / "paper" / "parity"


@pytest.fixture(scope="session")
def inputs():
    """The module that makes weights and episodes."""
    spec = importlib.util.spec_from_file_location("parity_inputs", PARITY / "inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fem_state(inputs):
    """``{published name: tensor}`` of a ResNet-50 with FEM."""
    return inputs.fill(json.loads((PARITY / "r50_fem_k1_tensors.json").read_text()))


@pytest.fixture(scope="session")
def aspp_state(inputs, fem_state):
    """``{published name: tensor}`` of a ResNet-50 with ASPP."""
    shared = ("layer", "down_conv", "cls.")
    shapes = {
        "corr_conv.0.weight": (256, 513, 3, 3),
        "ASPP.layer7.0.weight": (256, 1280, 1, 1),
        "ASPP.layer7.0.bias": (256,),
        "decoder.conv1.weight": (64, 256, 1, 1),
        "decoder.last_conv.0.weight": (256, 320, 3, 3),
        "cls_aux.0.weight": (256, 256, 3, 3),
        "cls_aux.3.weight": (2, 256, 1, 1),
        "cls_aux.3.bias": (2,),
    }
    for name, channels in (("decoder.bn1", 64), ("decoder.last_conv.1", 256)):
        shapes |= {
            f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")
        }
        shapes[f"{name}.num_batches_tracked"] = ()
    for i in (1, 2, 3):
        shapes |= {f"skip{i}.{j}.weight": (256, 256, 3, 3) for j in (1, 3)}
    for i in range(5):
        side = 1 if i < 2 else 3
        shapes |= {f"ASPP.layer6_{i}.0.weight": (256, 256, side, side), f"ASPP.layer6_{i}.0.bias": (256,)}
    return {name: t for name, t in fem_state.items() if name.startswith(shared)} | inputs.fill(shapes)


@pytest.fixture(scope="session")
def fem_file(fem_state, tmp_path_factory):
    """That checkpoint as published: a file, names behind ``module.``."""
    file = tmp_path_factory.mktemp("published") / "fem.pth"
    torch.save({"epoch": 7, "state_dict": {f"module.{name}": t for name, t in fem_state.items()}}, file)
    return file


@pytest.fixture(scope="session")
def aspp_file(aspp_state, tmp_path_factory):
    """A published checkpoint of the other decoder, names bare."""
    file = tmp_path_factory.mktemp("published") / "aspp.pth"
    torch.save({"state_dict": aspp_state}, file)
    return file


@pytest.fixture(scope="session")
def reference():
    """What the published network answered."""
    with np.load(PARITY / "r50_fem_k1_reference.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}
