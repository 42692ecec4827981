"""The hand-made rules of fitting behind one door, so that a learnt fusion can replace them whole.

What is not exported here is touched by nobody else.
"""

from asgnet.apply.fitting.rules.adaptation import Measured, Seen, adapt_to_supports, left_out_logits
from asgnet.apply.fitting.rules.scale import Look, best_scale, lights

__all__ = ["Look", "Measured", "Seen", "adapt_to_supports", "best_scale", "left_out_logits", "lights"]
