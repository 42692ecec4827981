"""The network as one file for programs without asgnet; needs torch. :func:`export` is its door."""

from asgnet.apply.export.run import export

__all__ = ["export"]
