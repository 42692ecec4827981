"""Files from others are decoded in processes of their own, within limits of pixels, time and memory.

Touch :mod:`~asgnet.serving.decoding.child` when something else is to be decoded there.
"""

from asgnet.serving.decoding.budget import PixelBudget, TooMuchError, check_total
from asgnet.serving.decoding.decoder import Decoder, StoppingError, sizes_of

__all__ = ["Decoder", "PixelBudget", "StoppingError", "TooMuchError", "check_total", "sizes_of"]
