"""The process that decodes: it is sent a file, says its size, waits, and sends back pixels or a sentence.

It may be killed at any moment. It ends by itself when the server has gone, even while a decoder is at work.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
import warnings
from contextlib import suppress
from typing import IO, Any

import numpy as np

from asgnet.data.read import read_header
from asgnet.errors import AsgnetError, AsgnetWarning
from asgnet.serving.decoding.pipe import HEADER, PICTURE, EndedError, read_into, receive, send
from asgnet.serving.uploads import Named, labels_of, picture_of

_PARENT_DEATH_SIGNAL = 1
Request = tuple[dict[str, Any], bytearray]


def limit(memory: int, seconds: float) -> None:
    """Allow no more memory than that, so much more time on the processor, and no files; where that can be said."""
    try:
        import resource
    except ImportError:  # Windows: the server's deadline is left
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 1, hard))


def die_with_the_server() -> None:
    """Linux alone: a decoder may hold Python's lock for minutes, so that no thread here can look."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def main() -> None:
    """Answer requests from stdin on stdout, until the server goes."""
    die_with_the_server()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    warnings.simplefilter("ignore")
    with suppress(EndedError):
        while True:
            _answer(*waiting.get(), waiting, answers)


def _listen(requests: IO[bytes], waiting: queue.SimpleQueue[Request]) -> None:
    """Take requests; end the process, whatever it is doing, when there will be no more."""
    with suppress(EndedError):
        while True:
            message = receive(requests)
            data = bytearray(message.get("bytes", 0))
            read_into(requests, memoryview(data))
            waiting.put((message, data))
    os._exit(0)


def _answer(
    asked: dict[str, Any], data: bytearray, waiting: queue.SimpleQueue[Request], answers: IO[bytes]
) -> None:
    limit(asked["memory"], asked["seconds"])
    file, name, most = bytes(data), asked["name"], asked["most_pixels"]
    try:
        header = read_header(Named(file, name), most_pixels=most)
        send(answers, header._asdict())
        if asked["what"] == HEADER:
            return
        waiting.get()  # until these pixels are paid for
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", AsgnetWarning)
            if asked["what"] == PICTURE:
                pixels = picture_of(file, name, most)
            else:
                pixels = labels_of(file, tuple(asked["size"]), asked["classes"], name, most)
        notes = [str(w.message) for w in caught if issubclass(w.category, AsgnetWarning)]
        pixels = np.ascontiguousarray(pixels)
    except AsgnetError as error:
        send(answers, {"error": [type(error).__name__, str(error)]})
        return
    send(answers, {"shape": pixels.shape, "notes": notes}, pixels.data.cast("B"))


if __name__ == "__main__":
    main()
