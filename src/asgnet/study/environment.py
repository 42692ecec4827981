"""Versions, processor and threads: what a result says of where it was made."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import asgnet


def environment(predictor: object, command: str = "") -> dict[str, Any]:
    """Versions, processor and threads: what may move a last digit or a second."""
    torch = sys.modules.get("torch")
    found: dict[str, Any] = {
        "command": command,
        "predictor": type(predictor).__name__,
        "asgnet": asgnet.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }
    for package in ("torch", "torchvision", "timm", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    if torch is not None:
        found["torch"] = str(torch.__version__)  # names the build too
        found["threads"] = torch.get_num_threads()
        found["device"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return found


def _processor() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
