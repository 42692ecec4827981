"""The public name of :mod:`asgnet.model.checkpoint`."""

from asgnet.model.checkpoint import load_published, load_weights, pretrained, save_weights

__all__ = ["load_published", "load_weights", "pretrained", "save_weights"]
