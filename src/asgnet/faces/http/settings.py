"""What ``asgnet serve`` was told."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from asgnet.serving.service import Bounds

SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Settings:
    """How the server is to run.

    Attributes:
        data_dir: where it keeps everything.
        host: the address it is bound to.
        token: what clients must show; None: nothing, which is for loopback alone.
        weights: as ``Segmenter.from_pretrained``.
        device: ``"cpu"`` or ``"cuda"``.
        workers: threads that compute.
        bounds: what may be brought.
        label_studio: address of the Label Studio that pictures may be fetched from.
        label_studio_key: its API token.
        repair: make a new index of the concepts' files where it is missing or damaged.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    token: str | None = None
    weights: str | None = None
    device: str = "cpu"
    workers: int = field(default_factory=lambda: max(2, min(8, os.cpu_count() or 2)))
    bounds: Bounds = field(default_factory=Bounds)
    label_studio: str | None = None
    label_studio_key: str | None = None
    repair: bool = False

    @property
    def local(self) -> bool:
        """Reachable from this machine only."""
        return loopback(self.host)


def loopback(host: str) -> bool:
    """Does this name or address lead to this machine, and only to it?"""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
