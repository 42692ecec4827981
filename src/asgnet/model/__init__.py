"""The paper: backbone, SGC, GPA, decoders, and the network they compose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgnet.model.paper.asgnet import ASGNet

__all__ = ["ASGNet"]


def __getattr__(name: str) -> Any:
    """Import the network (and torch) when it is first asked for."""
    if name == "ASGNet":
        from asgnet.model.paper.asgnet import ASGNet

        return ASGNet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
