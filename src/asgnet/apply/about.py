"""What is installed: versions, weights, devices, licence."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import asgnet

_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "pillow", "scikit-image", "safetensors")


def about() -> dict[str, Any]:
    """Versions of asgnet, Python and the packages the results depend on, the devices, the licence."""
    return {
        "asgnet": asgnet.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: _version(name) for name in _PACKAGES},
        "devices": devices(),
        "licence": "Apache-2.0",
        "paper": "Li et al., Adaptive Prototype Learning and Allocation for Few-Shot Segmentation, CVPR 2021",
    }


def devices() -> list[str]:
    """The devices torch can compute on, in words; the CPU first."""
    import torch

    found = [f"cpu ({torch.get_num_threads()} of {os.cpu_count()} cores used)"]
    found += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    return found + (["mps"] if torch.backends.mps.is_available() else [])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
