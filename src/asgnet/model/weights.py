"""The public names of weights."""

from asgnet.model.checkpoint import load_weights, pretrained, save_weights
from asgnet.model.published import load_published

__all__ = ["load_published", "load_weights", "pretrained", "save_weights"]
