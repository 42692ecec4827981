"""The hand-made rules of fitting behind one door, so that a learnt fusion can replace them whole.

What is not exported here is touched by nobody else.
"""

from asgnet.apply.fitting.rules.adaptation import Measured, adapt_to_supports
from asgnet.apply.fitting.rules.closer import closest, lights

__all__ = ["Measured", "adapt_to_supports", "closest", "lights"]
