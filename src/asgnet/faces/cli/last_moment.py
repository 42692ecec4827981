"""SIGTERM ends the program in time, whatever it is at: a decoder that does not come back included."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SECONDS = 8.0
"""From SIGTERM to the end of the process, at most; files are whole at any moment, see :mod:`asgnet.files`."""
TERMINATED = 128 + signal.SIGTERM


@contextmanager
def ended_in_time(seconds: float = SECONDS) -> Iterator[None]:
    """End the process so long after a SIGTERM that came in here; for programs, and their main thread, alone.

    Python runs handlers of signals in the main thread, between two of its own instructions. The number of a
    signal is written to a socket at once, where another thread waits for it. What ends by itself before leaves
    at once, too: libraries and threads may take seconds to be tidied up.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    terminated = threading.Event()
    watch = threading.Thread(target=_watch, args=(heard, terminated, seconds), daemon=True)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()  # so the thread ends
        if terminated.is_set():
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(TERMINATED)


def _watch(heard: socket.socket, terminated: threading.Event, seconds: float) -> None:
    with heard, suppress(OSError):
        while numbers := heard.recv(64):
            if signal.SIGTERM in numbers:
                terminated.set()
                time.sleep(seconds)
                os._exit(TERMINATED)
