"""The server's side of decoding: pays for pixels, hands files to processes, kills those that take too long."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from asgnet import errors
from asgnet.data.png import png_bytes
from asgnet.data.read import Header
from asgnet.errors import AsgnetError, PictureError, SupportError, note
from asgnet.serving.decoding.budget import PixelBudget
from asgnet.serving.decoding.pipe import HEADER, LABELS, PICTURE, EndedError, read_into, receive, send
from asgnet.serving.store.kept import Example
from asgnet.types import Mask, Picture

SECONDS = 30.0
"""A file that takes longer to decode is given up, and its process killed."""
MEMORY, PER_PIXEL = 768 << 20, 32
"""Bytes that a process may use: for itself, and for each pixel of the largest picture."""


_STOPPING = "The server is stopping; ask again."


class StoppingError(AsgnetError):
    """The server is stopping: what was to be decoded was given up, and says nothing against the file."""


class Decoder:
    """Decodes files from others, in as many processes as are needed at a time; thread-safe.

    Args:
        most_pixels: of a picture or mask.
        budget: of all that are decoded at a time.
        children: processes, at most.
        seconds: for one file.
    """

    def __init__(self, most_pixels: int, budget: PixelBudget, children: int, seconds: float = SECONDS):
        self._most, self._budget, self._seconds = most_pixels, budget, seconds
        self._free, self._lock = threading.BoundedSemaphore(children), threading.Lock()
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._closed = False
        # Children end with the thread that started them: with this one, which lives as long as the server.
        self._starter = ThreadPoolExecutor(1, "asgnet-decoder")

    def header(self, data: bytes, name: str) -> Header:
        """What a file says of itself.

        Raises:
            PictureError: it is no picture, or too large.
        """
        with self._child(name) as child:
            said = self._asked(child, HEADER, data, name, {})
        size = said["size"]
        return Header(said["format"], size and (size[0], size[1]), said["plain"])

    @contextmanager
    def picture(self, data: bytes, name: str) -> Iterator[Picture]:
        """A picture as ``h w 3`` uint8, upright; paid for until the end of the block.

        Raises:
            PictureError: as :func:`asgnet.data.read.read_picture`, or decoding takes too much time or memory.
        """
        with self._decoded(PICTURE, data, name, {}) as pixels:
            yield pixels

    def labels(self, data: bytes, size: tuple[int, int], classes: int, name: str) -> Mask:
        """A mask as class indices ``h w``, as :func:`asgnet.serving.uploads.labels_of`.

        Raises:
            SupportError: it cannot be used, or decoding takes too much time or memory.
        """
        try:
            with self._decoded(LABELS, data, name, {"size": size, "classes": classes}) as labels:
                return labels
        except PictureError as error:
            raise SupportError(f"The mask cannot be used: {error}") from error

    def example(self, picture: bytes, mask: bytes, classes: int, name: str) -> Example:
        """A painted picture, checked, its mask made plain.

        Raises:
            SupportError: the picture or the mask cannot be used.
        """
        try:
            with self.picture(picture, name) as pixels:
                size = pixels.shape[:2]
        except PictureError as error:
            raise SupportError(f"An example cannot be used: {error}") from error
        return Example(picture, png_bytes(self.labels(mask, size, classes, f"of {name}")), name, size)

    def close(self) -> None:
        """End all processes, whatever they are at; what is decoded now is given up."""
        with self._lock:
            self._closed = True
            children = list(self._all)
        for child in children:
            child.kill()
        self._starter.shutdown(wait=False)

    @contextmanager
    def _decoded(self, what: str, data: bytes, name: str, more: dict[str, Any]) -> Iterator[Any]:
        with ExitStack() as paid:
            with self._child(name) as child:
                width, height = self._asked(child, what, data, name, more)["size"] or (self._most, 1)
                paid.enter_context(self._budget.spend(width * height))
                with child.deadline(self._seconds):
                    send(child.requests, {})
                    reply = _reply(child)
                    pixels = np.empty(reply["shape"], np.uint8)
                    read_into(child.answers, pixels.data.cast("B"))
            for sentence in reply["notes"]:
                note(sentence)
            yield pixels

    def _asked(
        self, child: _Child, what: str, data: bytes, name: str, more: dict[str, Any]
    ) -> dict[str, Any]:
        """The header of a file that a child was sent."""
        limits = {
            "most_pixels": self._most,
            "memory": MEMORY + PER_PIXEL * self._most,
            "seconds": self._seconds,
        }
        with child.deadline(self._seconds):
            send(child.requests, {"what": what, "name": name, "bytes": len(data), **limits, **more}, data)
            return _reply(child)

    @contextmanager
    def _child(self, name: str) -> Iterator[_Child]:
        """A process of one's own; one that failed is replaced by the next who needs one."""
        with self._free:
            with self._lock:
                if self._closed:
                    raise StoppingError(_STOPPING)
                child = self._idle.pop() if self._idle else self._starter.submit(_Child).result()
                self._all.add(child)
            try:
                yield child
            except EndedError:
                if self._closed:
                    raise StoppingError(_STOPPING) from None
                late = f"takes more than {self._seconds:.0f} s to decode"
                why = late if child.late else "broke the process that decoded it"
                raise PictureError(f"{name!r} {why}; open it in an editor and save it anew.") from None
            finally:
                with self._lock:
                    if child.usable and not self._closed:
                        self._idle.append(child)
                    else:
                        self._all.discard(child)
                        child.kill()


class _Child:
    """A decoding process.

    Attributes:
        late: it was killed because it took too long.
        usable: it waits for the next file.
    """

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": _search_path(), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "asgnet.serving.decoding.child"]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.requests, self.answers = self._process.stdin, self._process.stdout
        self.late, self.usable = False, True

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Kill it if what happens in here takes longer."""
        timer = threading.Timer(seconds, self._too_late)
        timer.daemon = True
        timer.start()
        self.usable = False
        try:
            yield
            self.usable = True
        except AsgnetError:
            self.usable = True  # a sentence about the file; the process is well
            raise
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End it now."""
        self.usable = False
        self._process.kill()
        self._process.wait()
        for stream in (self.requests, self.answers):
            with suppress(OSError):
                stream.close()

    def _too_late(self) -> None:
        self.late = True
        self._process.kill()


def _reply(child: _Child) -> dict[str, Any]:
    reply = receive(child.answers)
    if "error" in reply:
        kind, sentence = reply["error"]
        raise getattr(errors, kind)(sentence)
    return reply


def _search_path() -> str:
    """Where the child finds this asgnet, and all else that this process finds."""
    ours = str(Path(errors.__file__).parents[1])
    return os.pathsep.join(
        [ours, *(entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry)]
    )


def sizes_of(decoder: Decoder, files: Sequence[tuple[bytes, str]]) -> list[tuple[int, int]]:
    """``(h, w)`` of files, by their headers where these say it.

    Raises:
        PictureError: one is no picture, or too large.
    """
    return [_size_of(decoder, data, name) for data, name in files]


def _size_of(decoder: Decoder, data: bytes, name: str) -> tuple[int, int]:
    size = decoder.header(data, name).size
    if size is not None:
        return size[1], size[0]
    with decoder.picture(data, name) as picture:
        return picture.shape[0], picture.shape[1]
