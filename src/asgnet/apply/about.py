"""What is installed: versions, weights, devices, licence."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import asgnet
from asgnet.apply.engines.choose import installed

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter

_PACKAGES = (
    "numpy",
    "scipy",
    "pillow",
    "scikit-image",
    "safetensors",
    "onnxruntime",
    "openvino",
    "torch",
    "timm",
)


def about(segmenter: Segmenter, weights: str = "bundled") -> dict[str, Any]:
    """All that a result depends on: versions, weights with their fingerprint and tuned numbers, devices; the licence.

    Args:
        segmenter: whose weights are meant.
        weights: where they came from, in words.
    """
    return {
        "asgnet": asgnet.__version__,
        "weights": weights,
        "fingerprint": segmenter.fingerprint,
        "backbone": segmenter.backend.network.config.backbone,
        "calibration": asdict(segmenter.backend.numbers),
        "parameters": segmenter.backend.network.parameters,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: _version(name) for name in _PACKAGES},
        "devices": devices(),
        "licence": "Apache-2.0",
        "paper": "Li et al., Adaptive Prototype Learning and Allocation for Few-Shot Segmentation, CVPR 2021",
    }


def devices() -> list[str]:
    """The devices that can compute, in words; the CPU first."""
    found = [f"cpu ({os.cpu_count()} cores)"]
    if installed("torch"):
        import torch

        found += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
