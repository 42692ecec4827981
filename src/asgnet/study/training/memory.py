"""Keep freed memory for the next tensor instead of handing it back to the system."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_PAD_BYTES = 128 << 20


def keep_memory() -> bool:
    """Ask glibc to; True if it does (elsewhere nothing happens).

    By default every tensor above 32 MB is mapped anew and its pages are zeroed by the kernel at first touch.
    On a CPU that is half of a training step's time.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return all([mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, -1), mallopt(_TOP_PAD, _PAD_BYTES)])
