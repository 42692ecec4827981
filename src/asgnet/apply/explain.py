"""The public name of :mod:`asgnet.apply.figures.explain`."""

from asgnet.apply.figures.explain import explain, explaining_rows

__all__ = ["explain", "explaining_rows"]
