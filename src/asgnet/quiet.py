"""Import libraries that would call home, with that switched off before: nothing else imports them.

Seen from outside (``tests/attack/test_calls_home.py``): importing OpenVINO looks up an analytics host and
writes ``~/intel``; onnxruntime, from 1.29 on, keeps a device id under ``~/.cache/Microsoft`` and looks up a
collector. A program that imported one of them before asgnet has switched it on itself.
"""

from __future__ import annotations

import importlib
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_TELEMETRY = "openvino_telemetry"


def onnxruntime(part: str = "") -> ModuleType:
    """onnxruntime, or a module inside it (``"quantization"``).

    Raises:
        ImportError: it is not installed.
    """
    # Read when the library is loaded; its disable_telemetry_events() comes too late for the device id.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return importlib.import_module(f"onnxruntime.{part}" if part else "onnxruntime")


def openvino() -> ModuleType:
    """OpenVINO without its telemetry package, as where that is not installed: it brings a stub of its own.

    Raises:
        ImportError: it is not installed.
    """
    if _TELEMETRY in sys.modules:
        return importlib.import_module("openvino")
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # so that importing it is an ImportError
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[_TELEMETRY]


def ray(alone: bool = False) -> ModuleType:
    """Ray with its data module, its usage statistics off.

    Args:
        alone: for a cluster of this process: it listens on loopback alone, its token stays in memory.

    Raises:
        ImportError: it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if alone:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # on Linux, too: no other addresses
        if "RAY_AUTH_TOKEN_PATH" not in os.environ:
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else it writes ~/.ray
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it would warn of what is meant
    importlib.import_module("ray.data")
    return importlib.import_module("ray")


@contextmanager
def no_metadata() -> Iterator[dict[str, str]]:
    """Ray's parts that are started in here ask no cloud's metadata server (169.254.169.254) where they are.

    They do so with their statistics off, too, by plain HTTP: it is sent to a port where nobody listens.

    Yields:
        what Ray's workers need in their environment to have the user's own proxy again.
    """
    before = os.environ.get("http_proxy")
    os.environ["http_proxy"] = "http://127.0.0.1:9"
    try:
        yield {"http_proxy": before or ""}
    finally:
        os.environ.pop("http_proxy")
        if before is not None:
            os.environ["http_proxy"] = before


def huggingface_hub() -> ModuleType:
    """The client of the Hub, which says no more than what is asked for."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    hub = importlib.import_module("huggingface_hub")
    hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # timm may have imported it before
    return hub
