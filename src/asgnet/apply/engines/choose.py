"""Which device, engine and precision: what was asked for, checked, or the fastest that is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

from asgnet.errors import UsageError

if TYPE_CHECKING:
    import torch

Engine = Literal["auto", "openvino", "onnx", "torch"]
Precision = Literal["auto", "fp32", "bf16"]

PACKAGES = {"openvino": ("openvino",), "onnx": ("onnxruntime",), "torch": ("torch", "torchvision", "timm")}
"""What an engine needs; the fastest on a CPU first."""


def choose_engine(engine: str, device: str) -> str:
    """The engine meant: ``"auto"`` is the fastest that is installed, and torch on anything but a CPU.

    Raises:
        UsageError: no such engine, it is not installed, or it does not run on that device.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"There is no engine {engine!r}; take {', '.join(get_args(Engine))}.")
    if engine == "auto":
        usable = [name for name in PACKAGES if installed(name)] if device == "cpu" else []
        return usable[0] if usable else "torch"
    if engine != "torch" and device != "cpu":
        raise UsageError(f"The engine {engine!r} runs on the CPU, not on {device}; take the engine torch.")
    if not installed(engine):
        raise UsageError(f"The engine {engine!r} is not installed; run: pip install 'asgnet[{engine}]'")
    return engine


def installed(engine: str) -> bool:
    """All that an engine needs is there."""
    return all(find_spec(package) is not None for package in PACKAGES[engine])


def choose_precision(precision: str, engine: str) -> str:
    """``"fp32"`` or ``"bf16"``; ``"auto"`` is bf16 where the engine computes faster in it on this processor.

    Raises:
        UsageError: no such precision, or not one of this engine.
    """
    if precision not in get_args(Precision):
        raise UsageError(f"There is no precision {precision!r}; take {', '.join(get_args(Precision))}.")
    if precision == "bf16" and engine == "onnx":
        raise UsageError("onnxruntime has no bf16 on a CPU; take fp32, or the engine openvino or torch.")
    if precision == "auto":
        return "bf16" if engine == "openvino" and has_bf16() else "fp32"
    return precision


def has_bf16() -> bool:
    """The processor multiplies bf16 matrices in hardware (AMX or AVX512-BF16), as Linux tells."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return False
    return bool({"amx_bf16", "avx512_bf16"} & set(flags))


def torch_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        UsageError: there is none here, or torch is not installed.
    """
    if not installed("torch"):
        raise UsageError(f"The device {name!r} needs torch; run: pip install 'asgnet[torch]'")
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"There is no device {name!r}; take cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("No CUDA device is available here; take --device cpu.")
    return device
